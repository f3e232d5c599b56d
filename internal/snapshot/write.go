package snapshot

import (
	"fmt"
	"path/filepath"

	"nof0/internal/atomicfile"
	"nof0/internal/wire"
)

// Write replaces the file of a kind in a directory with a payload, atomically:
// a reader sees the old file or the new one, never a part, also when the
// machine stops in between.
func Write(dir string, kind Kind, model string, payload any) error {
	name := FileName(kind, model)
	if filepath.Base(name) != name {
		return fmt.Errorf("model %q cannot be part of a file name", model)
	}
	body, err := wire.Marshal(payload)
	if err != nil {
		return fmt.Errorf("error rendering %s: %w", name, err)
	}
	return atomicfile.Write(filepath.Join(dir, name), body)
}
