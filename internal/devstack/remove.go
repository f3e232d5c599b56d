package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// RemoveData removes what earlier starts keep for the data directory of o, in it and
// elsewhere, and the directory itself where nothing else lies in it. More names what
// the caller keeps there. It returns what it removed, and refuses while a start uses
// the directory.
func RemoveData(ctx context.Context, o Options, more ...string) (removed []string, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.DataDir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	lock, err := lockDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	replacement := place{dataDir: o.DataDir, elsewhere: o.elsewhere}.replacement()
	for _, parent := range []string{o.DataDir, replacement} {
		if err := endLeftover(ctx, filepath.Join(parent, "postgres", "data"), o.Logger); err != nil {
			return nil, err
		}
	}
	paths := []string{replacement}
	for _, pattern := range append(more, "postgres", "postgres-*", "redis", lockFile) {
		found, err := filepath.Glob(filepath.Join(o.DataDir, pattern))
		if err != nil {
			return nil, fmt.Errorf("error looking for %s: %w", pattern, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return removed, fmt.Errorf("error removing %s: %w", path, err)
		}
		if filepath.Base(path) != lockFile {
			removed = append(removed, path)
		}
	}
	// Each stays where something else lies in it.
	_, _ = os.Remove(o.DataDir), os.Remove(o.elsewhere)
	return removed, nil
}
