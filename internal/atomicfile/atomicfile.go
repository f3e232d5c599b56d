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
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("error writing %s: %w", path, err)
	}
	if err = write(tmp); err == nil {
		err = errors.Join(tmp.Chmod(0o644), tmp.Sync())
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("error writing %s: %w", path, errors.Join(err, os.Remove(tmp.Name())))
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("error making the replacement of %s durable: %w", path, err)
	}
	return nil
}

// syncDir makes the renaming itself durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
