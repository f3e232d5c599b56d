package snapshot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"nof0/internal/wire"
)

// Write replaces the file of a kind in a directory with a payload, atomically:
// a reader sees the old file or the new one, never a part, also when the
// machine stops in between.
func Write(dir string, kind Kind, model string, payload any) error {
	body, err := wire.Marshal(payload)
	if err != nil {
		return fmt.Errorf("error rendering %s: %w", FileName(kind, model), err)
	}
	return replace(filepath.Join(dir, FileName(kind, model)), body)
}

func replace(path string, body []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("error writing %s: %w", path, err)
	}
	_, err = tmp.Write(body)
	if err == nil {
		err = errors.Join(tmp.Chmod(0o644), tmp.Sync())
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("error writing %s: %w", path, errors.Join(err, os.Remove(tmp.Name())))
	}
	return syncDir(dir)
}

// syncDir makes the renaming itself durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
