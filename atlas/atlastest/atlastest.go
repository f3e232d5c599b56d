// Package atlastest gives each test a database of its own, built from the
// shipped migrations. Only tests import it.
package atlastest

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
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

// DB returns a migrated database that no other test sees. It is dropped when
// the test passes; after a failure it is kept, and its DSN logged.
func DB(t testing.TB) *sql.DB {
	t.Helper()
	return pgtestdb.New(t, config(t), Migrator{})
}

// DSN returns the DSN of a database like that of DB, for tests that open it in
// their own way.
func DSN(t testing.TB) string {
	t.Helper()
	return pgtestdb.Custom(t, config(t), Migrator{}).URL()
}

// config is the server of DATABASE_URL.
func config(t testing.TB) pgtestdb.Config {
	t.Helper()
	dsn := os.Getenv("DATABASE_URL")
	if dsn == "" {
		t.Fatal("DATABASE_URL is not set, and this test needs a Postgres server: run make test")
	}
	server, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("DATABASE_URL is not a URL, which this test needs: run make test")
	}
	port := server.Port()
	if port == "" {
		port = "5432"
	}
	password, _ := server.User.Password()
	return pgtestdb.Config{
		DriverName: "pgx",
		Host:       server.Hostname(),
		Port:       port,
		// pgtestdb puts them into a URL as they are.
		User:     url.PathEscape(server.User.Username()),
		Password: url.PathEscape(password),
		Database: server.Path[min(1, len(server.Path)):],
		Options:  server.RawQuery,
		// A test that fails may leave connections behind.
		ForceTerminateConnections: true,
	}
}
