// Package atomicfile replaces files whole.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write makes or replaces the file at path, readable for everybody: a reader
// sees the old file or the new one, never a part, also when the machine stops
// in between. After a failure the old file is still there, and nothing else.
func Write(path string, data []byte) error {
	return Create(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Create is Write for content that write hands over as it makes it. The error
// of write is wrapped.
func Create(path string, write func(w io.Writer) error) error {
	tmp, err := Stage(path, write)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("error writing %s: %w", path, errors.Join(err, os.Remove(tmp)))
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("error making the replacement of %s durable: %w", path, err)
	}
	return nil
}

// Stage writes the content of a file durably beside it, under a name of its own
// that begins with a dot and the name of the file. Renaming it puts it in
// place.
func Stage(path string, write func(w io.Writer) error) (tmp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", fmt.Errorf("error writing %s: %w", path, err)
	}
	if err = write(f); err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("error writing %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return f.Name(), nil
}

// SyncDir makes what was renamed in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
