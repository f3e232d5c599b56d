package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Capture is a whole snapshot directory in memory. Any file may be missing.
type Capture struct {
	Dir   string
	Files []*File // by name
	// Ignored names what lies in the directory and is no endpoint payload.
	Ignored []string
	// Nothing are the files that state nothing.
	Nothing []*NothingError
	// Damaged are the files that are not what they claim to be.
	Damaged []*FileError
}

// Read reads the files of a directory, all of them or those of the given kinds.
// The error joins what is wrong with each file, so that one run names them all.
func Read(dir string, kinds ...Kind) (*Capture, error) {
	c, err := ReadReadable(dir, kinds...)
	if err != nil {
		return nil, err
	}
	faults := make([]error, len(c.Damaged))
	for i, fault := range c.Damaged {
		faults[i] = fault
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// ReadReadable is Read that sets damaged files apart.
func ReadReadable(dir string, kinds ...Kind) (*Capture, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("snapshot directory %s does not exist", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("%s is a file; a snapshot directory is expected", dir)
	case err != nil:
		return nil, fmt.Errorf("error reading snapshot directory: %w", err)
	}
	c := &Capture{Dir: dir}
	var faults []error
	for _, entry := range entries {
		name := entry.Name()
		kind, _, ok := KindOf(name)
		if !ok || entry.IsDir() {
			if !strings.HasPrefix(name, ".") {
				c.Ignored = append(c.Ignored, name)
			}
			continue
		}
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		f, err := ReadFile(dir, name)
		if damaged, ok := errors.AsType[*FileError](err); ok {
			c.Damaged = append(c.Damaged, damaged)
		} else if nothing, ok := errors.AsType[*NothingError](err); ok {
			c.Nothing = append(c.Nothing, nothing)
		} else if err != nil {
			faults = append(faults, err)
		} else {
			c.Files = append(c.Files, f)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// File returns the file of a kind, or nil where the directory has none. Of
// ModelAnalytics use Each.
func (c *Capture) File(kind Kind) *File {
	i := slices.IndexFunc(c.Files, func(f *File) bool { return f.Kind == kind })
	if i < 0 {
		return nil
	}
	return c.Files[i]
}

// Each returns the files of a kind by name.
func (c *Capture) Each(kind Kind) []*File {
	var files []*File
	for _, f := range c.Files {
		if f.Kind == kind {
			files = append(files, f)
		}
	}
	return files
}
