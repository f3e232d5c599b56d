package season

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"nof0/internal/atomicfile"
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
		if err := atomicfile.Write(filepath.Join(dir, f.Name), raw); err != nil {
			return w, err
		}
		w.Files++
		w.Bytes += int64(len(raw))
	}
	return w, nil
}
