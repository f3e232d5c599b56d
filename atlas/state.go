package atlas

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// builder brings an empty database into a state that is to be compared.
type builder func(ctx context.Context, db *sql.DB) error

// replay builds what the migration files build up to a version; empty means all
// of them.
func replay(files fs.FS, to string) builder {
	return func(ctx context.Context, db *sql.DB) error {
		// The way to production, so that a difference cannot come from another way.
		if _, err := New(db, Options{Migrations: files}).ApplyTo(ctx, to); err != nil {
			return fmt.Errorf("error replaying the migrations: %w", err)
		}
		return nil
	}
}

// realize builds what the statements of schema.sql build.
func realize(schemaSQL string) builder {
	return func(ctx context.Context, db *sql.DB) error {
		s, err := openSession(ctx, db)
		if err != nil {
			return err
		}
		defer s.close()
		p, err := Options{}.prepare(s.driver, migrate.NewLocalFile("schema.sql", []byte(schemaSQL)))
		if err != nil {
			return err
		}
		return s.inTx(ctx, func(tx *sql.Tx, _ migrate.Driver) error { return p.run(ctx, tx) })
	}
}

// between are the changes to tables that lead from what one builder builds to
// what another one does.
func between(ctx context.Context, scratch Scratch, from, to builder) (found []schema.Change, err error) {
	err = scratch.Use(ctx, func(ctx context.Context, before *sql.DB) error {
		if err := from(ctx, before); err != nil {
			return err
		}
		return scratch.Use(ctx, func(ctx context.Context, after *sql.DB) error {
			if err := to(ctx, after); err != nil {
				return err
			}
			found, err = changes(ctx, before, after)
			return err
		})
	})
	return found, err
}

// changes are the changes to tables that lead from one database to another, as
// Atlas sees them: without the migration history, partitions, views and
// functions.
func changes(ctx context.Context, from, to *sql.DB) ([]schema.Change, error) {
	before, _, err := inspect(ctx, from)
	if err != nil {
		return nil, err
	}
	// The driver that compares asks its database whether two defaults are equal.
	after, driver, err := inspect(ctx, to)
	if err != nil {
		return nil, err
	}
	found, err := driver.SchemaDiff(before, after)
	if err != nil {
		return nil, fmt.Errorf("error comparing two schemas: %w", err)
	}
	return found, nil
}

func inspect(ctx context.Context, db schema.ExecQuerier) (*schema.Schema, migrate.Driver, error) {
	driver, err := openDriver(db)
	if err != nil {
		return nil, nil, err
	}
	state, err := driver.InspectSchema(ctx, "", &schema.InspectOptions{Exclude: []string{historyTable}})
	if err != nil {
		return nil, nil, fmt.Errorf("error reading the schema of the database: %w", err)
	}
	return state, driver, nil
}
