package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// place finds directories that the database's account can use.
type place struct {
	account *account
	// dataDir is where everything lies by default; absolute.
	dataDir string
	// elsewhere is where things lie that the account cannot reach in dataDir.
	elsewhere string
}

// lasting returns a directory for the named thing that is the same at the next
// start, and whether it had to be put elsewhere.
func (p place) lasting(ctx context.Context, name string) (dir string, moved bool, err error) {
	ok, err := p.account.enters(ctx, p.dataDir)
	if err != nil {
		return "", false, err
	}
	parent := p.dataDir
	if !ok {
		parent = p.replacement()
		if err := makePassable(parent); err != nil {
			return "", false, fmt.Errorf("user %s cannot enter %s, and another place cannot be made: %w; "+
				"set NOF0_DATA_DIR to a directory that this user can enter", p.account.name, p.dataDir, err)
		}
		if ok, err = p.account.enters(ctx, parent); err != nil {
			return "", false, err
		}
		if !ok {
			return "", false, fmt.Errorf("user %s, as which the database is to run, can enter neither %s nor %s: "+
				"set NOF0_DATA_DIR to a directory that this user can enter", p.account.name, p.dataDir, parent)
		}
		moved = true
	}
	dir = filepath.Join(parent, name)
	if err := p.make(dir); err != nil {
		return "", false, err
	}
	return dir, moved, nil
}

// replacement is where things of the data directory lie that the account cannot
// reach in it: one directory per data directory, or two clones would share a database.
func (p place) replacement() string {
	sum := sha256.Sum256([]byte(p.dataDir))
	return filepath.Join(p.elsewhere, hex.EncodeToString(sum[:6]))
}

// passing returns a new directory that its user removes.
func (p place) passing(ctx context.Context) (string, error) {
	parent := os.TempDir()
	ok, err := p.account.enters(ctx, parent)
	if err != nil {
		return "", err
	}
	if !ok {
		parent = p.elsewhere
		if err := makePassable(parent); err != nil {
			return "", fmt.Errorf("user %s cannot enter %s, and another place cannot be made: %w; "+
				"set TMPDIR to a directory that this user can enter", p.account.name, os.TempDir(), err)
		}
	}
	dir, err := os.MkdirTemp(parent, "nof0-")
	if err != nil {
		return "", fmt.Errorf("error making a directory for temporary data: %w", err)
	}
	return dir, p.account.own(dir)
}

// makePassable makes dir, and lets other users go through it whatever the umask.
func makePassable(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makePassable(filepath.Dir(dir)); err != nil {
		return err
	}
	const mode = 0o755
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(dir, mode)
}

// make creates dir for the account alone.
func (p place) make(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("error making %s: %w", dir, err)
	}
	return p.account.own(dir)
}
