package atlas

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// ErrNoScratch says that a scratch database could not be made.
var ErrNoScratch = errors.New("error creating a scratch database")

// dropTimeout bounds the removal of a scratch database, which also happens
// after the work in it was cancelled.
const dropTimeout = 30 * time.Second

// Scratch makes databases to try things in. Each use gets a fresh one, since
// functions and views without tables survive Atlas' own cleaning of a schema.
type Scratch struct {
	config *pgx.ConnConfig
	schema string // in which the tables are made; empty is public
}

// NewScratch returns a Scratch on the server behind dsn, whose user must be
// allowed to create databases. The database that dsn names is left alone.
func NewScratch(dsn string) (Scratch, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return Scratch{}, fmt.Errorf("error reading the DSN of the server for scratch databases: %w", err)
	}
	return Scratch{config: config}, nil
}

// in returns a Scratch that makes the tables in a schema.
func (s Scratch) in(schema string) Scratch {
	s.schema = schema
	return s
}

// Use runs do with an empty database and drops the database afterwards.
func (s Scratch) Use(ctx context.Context, do func(ctx context.Context, db *sql.DB) error) (err error) {
	db, drop, err := s.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop(ctx)) }()
	return do(ctx, db)
}

// create makes an empty database and returns it with what drops it again.
func (s Scratch) create(ctx context.Context) (*sql.DB, func(context.Context) error, error) {
	name := "nof0_scratch_" + strings.ToLower(rand.Text())
	admin := stdlib.OpenDB(*s.config)
	// template0 is empty whatever the server's owner put into template1.
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: %w", ErrNoScratch, err), admin.Close())
	}
	config := s.config.Copy()
	config.Database = name
	home := pgx.Identifier{cmp.Or(s.schema, "public")}.Sanitize()
	// Whatever path the server, the role or the DSN has for other databases.
	config.RuntimeParams["search_path"] = home
	db := stdlib.OpenDB(*config)
	drop := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
		defer cancel()
		err := db.Close()
		if _, dropErr := admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); dropErr != nil {
			err = errors.Join(err, fmt.Errorf("error dropping scratch database %s, drop it by hand: %w", name, dropErr))
		}
		return errors.Join(err, admin.Close())
	}
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+home); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: %w", ErrNoScratch, err), drop(ctx))
	}
	return db, drop, nil
}
