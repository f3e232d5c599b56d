// Package atlastest builds the databases of tests from the shipped migrations:
//
//	url := testdb.New(t, atlastest.Migrator{})
package atlastest

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/peterldowns/pgtestdb"

	"nof0/atlas"
)

// Migrator builds pgtestdb's template databases from the shipped migrations.
type Migrator struct{}

var _ pgtestdb.Migrator = Migrator{}

// Hash implements pgtestdb.Migrator: atlas.sum changes when a migration does.
func (Migrator) Hash() (string, error) {
	sum, err := fs.ReadFile(atlas.Migrations(), "atlas.sum")
	if err != nil {
		return "", fmt.Errorf("error reading atlas.sum: %w", err)
	}
	return string(sum), nil
}

// Migrate implements pgtestdb.Migrator.
func (Migrator) Migrate(ctx context.Context, db *sql.DB, _ pgtestdb.Config) error {
	_, err := atlas.New(db, atlas.Options{}).Apply(ctx)
	return err
}
