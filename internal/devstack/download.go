package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloadVersion is what a machine without a Postgres of its own gets.
const downloadVersion = embeddedpostgres.V18

// download fetches the programs of a Postgres server, unless an earlier start
// has.
type download struct {
	dir        string // where they are to lie: dir/bin/postgres
	version    embeddedpostgres.PostgresVersion
	repository string // of the archives; "" means mavenCentral
	account    *account
	progress   func(done, total int) // of the archive, in bytes; nil means nobody wants to know
}

// mavenCentral is where the archives are published.
const mavenCentral = "https://repo1.maven.org/maven2"

func (d download) run(ctx context.Context) (bin string, err error) {
	bin = filepath.Join(d.dir, "bin")
	if complete(bin) {
		return bin, nil
	}
	// Renaming the whole at the end keeps half an archive from being taken for
	// a server.
	staging, err := os.MkdirTemp(filepath.Dir(d.dir), "download-")
	if err != nil {
		return "", fmt.Errorf("error making a directory for the download of Postgres: %w", err)
	}
	fetched := make(chan error, 1)
	go func() { fetched <- d.fetch(ctx, staging) }()
	select {
	case err = <-fetched:
	case <-ctx.Done():
		// Unpacking knows no context. What it leaves is removed when it ends; nobody
		// waits for either.
		go func() { _ = errors.Join(<-fetched, os.RemoveAll(staging)) }()
		return "", fmt.Errorf("error downloading Postgres: %w", context.Cause(ctx))
	}
	defer os.RemoveAll(staging)
	if err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(staging, "server"), d.dir); err != nil && !complete(bin) {
		return "", fmt.Errorf("error moving the downloaded Postgres to its place: %w", err)
	}
	return bin, nil
}

// fetch leaves the server in staging/server. The library has no call that only
// downloads: Start does it first, and then fails on a data directory that is
// none, before a server runs. So what it left decides whether it succeeded.
func (d download) fetch(ctx context.Context, staging string) error {
	data := filepath.Join(staging, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("error preparing the download of Postgres: %w", err)
	}
	// With a version file, and nothing else, the directory passes for an
	// initialised one, which is why initdb is left alone.
	major, _, _ := strings.Cut(string(d.version), ".")
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return fmt.Errorf("error preparing the download of Postgres: %w", err)
	}
	progress := d.progress
	if progress == nil {
		progress = func(int, int) {}
	}
	repository := cmp.Or(d.repository, mavenCentral)
	through, err := forward(ctx, repository, progress)
	if err != nil {
		return err
	}
	defer through.close()
	server := filepath.Join(staging, "server")
	config := embeddedpostgres.DefaultConfig().
		Version(d.version).
		Port(0).
		Logger(io.Discard).
		CachePath(filepath.Join(staging, "archive")).
		RuntimePath(filepath.Join(staging, "runtime")).
		BinariesPath(server).
		DataPath(data).
		BinaryRepositoryURL(through.url)
	err = embeddedpostgres.NewDatabase(config).Start()
	if !complete(filepath.Join(server, "bin")) {
		if reason := through.reason(); reason != nil {
			err = reason
		}
		return fmt.Errorf("no Postgres server was found on this machine, and PostgreSQL %s could not be downloaded from %s: %w; "+
			"install a server (Debian: apt-get install postgresql, macOS: brew install postgresql), "+
			"name the directory of one in NOF0_POSTGRES_BIN, or set DATABASE_URL to a running one", d.version, repository, err)
	}
	if err := filepath.WalkDir(server, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return d.account.own(path)
	}); err != nil {
		return fmt.Errorf("error handing the downloaded Postgres over: %w", err)
	}
	return nil
}

// complete reports whether bin holds what is needed to run a server.
func complete(bin string) bool {
	for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return false
		}
	}
	return true
}
