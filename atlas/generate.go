package atlas

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// GenerateParams say what Generate generates from, and where.
type GenerateParams struct {
	Models  []any  // every entity
	Root    string // the directory that holds schema.sql, migrations and rollback
	Name    string // what the migration does, in words joined by underscores
	Scratch Scratch
	Now     time.Time
}

// Generate writes the migration that the entities ask for, with its rollback,
// and rewrites schema.sql from them. It returns the names of the new migration
// files: none when the migrations already build what the entities describe.
//
// A table in the sources of package entities beside Root that is not among
// Models is an *UnlistedError.
func Generate(ctx context.Context, params GenerateParams) ([]string, error) {
	if err := Unlisted(os.DirFS(filepath.Join(params.Root, "..", "entities")), params.Models); err != nil {
		return nil, err
	}
	printed, err := Schema(params.Models)
	if err != nil {
		return nil, err
	}
	written, err := Diff(ctx, DiffParams{
		Scratch:    params.Scratch,
		Migrations: filepath.Join(params.Root, "migrations"),
		Rollbacks:  filepath.Join(params.Root, "rollback"),
		Schema:     printed,
		Name:       params.Name,
		Now:        params.Now,
	})
	if err != nil {
		return written, err
	}
	// Last, so that a schema the database refuses is not left behind.
	if err := os.WriteFile(filepath.Join(params.Root, "schema.sql"), []byte(printed), 0o644); err != nil { //nolint:gosec // source code, read by everybody
		return written, fmt.Errorf("error writing schema.sql: %w", err)
	}
	return written, nil
}
