// Package testdb gives tests real servers: a fresh Postgres database, or a
// Redis of its own, for each test. Where there is none, the test fails; it is
// never skipped.
package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver that pgtestdb opens
	"github.com/peterldowns/pgtestdb"
)

const dropTimeout = 2 * time.Minute

// New returns the URL of a database that m has migrated and nobody else uses.
// It lies on the server in DATABASE_URL, is cloned from a template that is made
// once per hash of m, and is dropped after the test, whatever the test has left
// connected to it.
func New(t testing.TB, m pgtestdb.Migrator) string {
	t.Helper()
	admin := os.Getenv("DATABASE_URL")
	if admin == "" {
		t.Fatal("DATABASE_URL is not set, and this test needs a Postgres server: run make test, or nof0 dev -- go test ./...")
	}
	conf, err := parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	instance := pgtestdb.Custom(t, conf, m)
	// pgtestdb drops the database without force, and keeps it when the test has
	// failed; cleanups run in reverse, so this one is first.
	t.Cleanup(func() {
		if err := drop(admin, instance.Database); err != nil {
			t.Error(err)
		}
	})
	return pooled(t, instance.URL())
}

// Collated is New of a database that sorts text by an ICU locale, as many
// installations do. It is migrated anew for each test.
func Collated(t testing.TB, m pgtestdb.Migrator, locale string) string {
	t.Helper()
	dsn := created(t, "LOCALE_PROVIDER icu ICU_LOCALE '"+locale+"'")
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := m.Migrate(t.Context(), db, pgtestdb.Config{}); err != nil {
		t.Fatal(err)
	}
	return pooled(t, dsn)
}

// Encoded is Empty of a database that keeps text in an encoding of one's own.
func Encoded(t testing.TB, encoding string) string {
	t.Helper()
	return created(t, "ENCODING '"+encoding+"' LOCALE 'C'")
}

// created returns the URL, past the pooler, of a database that is made as how says.
func created(t testing.TB, how string) string {
	t.Helper()
	ctx := t.Context()
	empty, err := url.Parse(Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	name := strings.TrimPrefix(empty.Path, "/") + "_own"
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" "+how+" TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(os.Getenv("DATABASE_URL"), name); err != nil {
			t.Error(err)
		}
	})
	dsn, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	dsn.Path = "/" + name
	return dsn.String()
}

// Direct is the same database as that of a URL of this package, past the pooler:
// for what has to have the same connection from one statement to the next.
func Direct(t testing.TB, dsn string) string {
	t.Helper()
	admin, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal("DATABASE_URL is no URL")
	}
	direct, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	direct.Host, direct.RawQuery = admin.Host, admin.RawQuery
	return direct.String()
}

// As is the same database as that of a URL of this package, past the pooler, with the
// rights of a role: "" has all of them.
func As(t testing.TB, dsn, role string) string {
	t.Helper()
	database, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal("DATABASE_URL is no URL")
	}
	admin.Path = database.Path
	if role != "" {
		query := admin.Query()
		query.Set("role", role)
		admin.RawQuery = query.Encode()
	}
	return admin.String()
}

// Empty returns the URL of a database without a schema.
func Empty(t testing.TB) string {
	t.Helper()
	return New(t, pgtestdb.NoopMigrator{})
}

// parse reads every form of DSN that pgx reads.
func parse(dsn string) (pgtestdb.Config, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return pgtestdb.Config{}, fmt.Errorf("error reading DATABASE_URL: %w", err)
	}
	options := url.Values{"sslmode": {"disable"}}
	if c.TLSConfig != nil {
		options.Set("sslmode", "require")
	}
	return pgtestdb.Config{
		DriverName: "pgx",
		Host:       c.Host,
		Port:       strconv.Itoa(int(c.Port)),
		// They are put into a URL as they are.
		User:     url.QueryEscape(c.User),
		Password: url.QueryEscape(c.Password),
		Database: url.PathEscape(c.Database),
		Options:  options.Encode(),
	}, nil
}

func drop(admin, database string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("error connecting to drop the test's database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("error dropping the test's database: %w", err)
	}
	return nil
}
