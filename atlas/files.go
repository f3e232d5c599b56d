package atlas

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"ariga.io/atlas/sql/migrate"
)

//go:embed migrations rollback
var embedded embed.FS

// Migrations returns the migration files of this binary and their atlas.sum.
func Migrations() fs.FS { return subdirectory("migrations") }

// Rollbacks returns the files that undo the migrations of this binary, each
// under the name of the migration it undoes.
func Rollbacks() fs.FS { return subdirectory("rollback") }

func subdirectory(name string) fs.FS {
	dir, err := fs.Sub(embedded, name)
	if err != nil {
		// fs.Sub fails on an invalid path only, and both are literals.
		panic(err)
	}
	return dir
}

// openDir reads a migration directory and refuses one whose files are not those
// that its atlas.sum was written for.
func openDir(files fs.FS) (migrate.Dir, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("error listing the migration files: %w", err)
	}
	// The sum is absent only in a directory without files; validation decides.
	if _, err := fs.Stat(files, migrate.HashFileName); err == nil {
		names = append(names, migrate.HashFileName)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("error looking for %s: %w", migrate.HashFileName, err)
	}
	dir := &migrate.MemDir{}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("error reading migration file %s: %w", name, err)
		}
		if err := dir.WriteFile(name, content); err != nil {
			return nil, fmt.Errorf("error keeping migration file %s: %w", name, err)
		}
	}
	if err := migrate.Validate(dir); err != nil {
		return nil, sumError(err)
	}
	return dir, nil
}

// Validate reports, as a *SumError, a migration directory whose files are not
// those that its atlas.sum was written for.
func Validate(files fs.FS) error {
	_, err := openDir(files)
	return err
}

// WriteSum writes the atlas.sum of a migration directory on disk, after a file
// in it was written or mended by hand.
func WriteSum(path string) error {
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		return fmt.Errorf("error opening the migration directory: %w", err)
	}
	sum, err := dir.Checksum()
	if err != nil {
		return fmt.Errorf("error computing the sum of %s: %w", path, err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		return fmt.Errorf("error writing %s in %s: %w", migrate.HashFileName, path, err)
	}
	return nil
}
