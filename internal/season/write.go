package season

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"nof0/internal/wire"
)

// Written says what a capture takes on disk.
type Written struct {
	Files int
	Bytes int64
}

// Write writes the capture of the season into a directory, which it makes
// where it is not there. Each file appears whole or not at all.
func (s *Season) Write(ctx context.Context, dir string) (Written, error) {
	var w Written
	files, err := s.Capture()
	if err != nil {
		return w, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // captures are public
		return w, fmt.Errorf("error making the directory of the season: %w", err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return w, err
		}
		raw, err := wire.Marshal(f.Payload)
		if err != nil {
			return w, fmt.Errorf("error encoding %s: %w", f.Name, err)
		}
		if err := writeFile(filepath.Join(dir, f.Name), raw); err != nil {
			return w, fmt.Errorf("error writing %s: %w", f.Name, err)
		}
		w.Files++
		w.Bytes += int64(len(raw))
	}
	return w, nil
}

// writeFile replaces a file, so that a reader sees the old or the new one.
func writeFile(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	defer tmp.Close() //nolint:errcheck // closed below; this one is for the ways out before
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
