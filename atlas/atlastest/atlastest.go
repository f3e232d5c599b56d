// Package atlastest builds the databases of tests from the shipped migrations:
//
//	url := testdb.New(t, atlastest.Migrator{})
package atlastest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/peterldowns/pgtestdb"

	"nof0/atlas"
)

// Migrator builds pgtestdb's template databases from the shipped migrations.
type Migrator struct {
	Roles string // SQL that is executed after them, such as deploy/postgres/roles.sql
}

var _ pgtestdb.Migrator = Migrator{}

// Hash implements pgtestdb.Migrator: atlas.sum changes when a migration
// does.
func (m Migrator) Hash() (string, error) {
	sum, err := fs.ReadFile(atlas.Migrations(), "atlas.sum")
	if err != nil {
		return "", fmt.Errorf("error reading atlas.sum: %w", err)
	}
	return string(sum) + m.Roles, nil
}

// Migrate implements pgtestdb.Migrator.
func (m Migrator) Migrate(ctx context.Context, db *sql.DB, conf pgtestdb.Config) error {
	if _, err := atlas.New(db, atlas.Options{}).Apply(ctx); err != nil {
		return err
	}
	if m.Roles == "" {
		return nil
	}
	// The role of pgtestdb may make none.
	admin, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		return errors.New("DATABASE_URL is no URL")
	}
	admin.Path = "/" + conf.Database
	conn, err := pgx.Connect(ctx, admin.String())
	if err != nil {
		return fmt.Errorf("error connecting to make the roles: %w", err)
	}
	if _, err = conn.Exec(ctx, m.Roles); err != nil {
		err = fmt.Errorf("error making the roles: %w", err)
	}
	return errors.Join(err, conn.Close(ctx))
}
