package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"nof0/internal/season"
	"nof0/repository"
)

// source is what dev shows, and the database that holds it. Each snapshot has its
// own, so that a generated season never mixes with a capture.
type source struct {
	dir       string // the snapshot; "" for an empty arena
	database  string
	generated bool // dir is made where the database holds nothing yet
}

// source finds what to show.
func (d *dev) source() (source, error) {
	switch {
	case d.empty:
		return source{database: "nof0_empty"}, nil
	case d.cfg.SnapshotDir == "":
		return source{dir: filepath.Join(d.cfg.DataDir, "season"), database: "nof0_season", generated: true}, nil
	}
	abs, err := filepath.Abs(d.cfg.SnapshotDir)
	if err != nil {
		return source{}, fmt.Errorf("error finding the snapshot directory: %w", err)
	}
	return source{dir: abs, database: databaseOf(abs)}, nil
}

// generate makes a season that ends now, and what was made of an earlier one anew.
func (d *dev) generate(ctx context.Context, from source) error {
	o := d.season
	o.Start = startOf(o)
	fmt.Fprintf(d.err, "generating a season of %d hours and %d models that ends now\n", o.Hours, o.Models)
	s, err := season.Generate(ctx, o)
	if err != nil {
		return err
	}
	stale := []string{from.dir}
	if d.cfg.JSONDir == "" { // then it is our copy
		stale = append(stale, d.jsonDir(from))
	}
	for _, dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("error removing an earlier season: %w", err)
		}
	}
	return writeWhole(from.dir, func(tmp string) error {
		_, err := s.Write(ctx, tmp)
		return err
	})
}

// writeWhole makes a directory that is there only when it is whole.
func writeWhole(dir string, write func(dir string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return fmt.Errorf("error making %s: %w", dir, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".season-*")
	if err != nil {
		return fmt.Errorf("error making %s: %w", dir, err)
	}
	err = write(tmp)
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return nil
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// databaseOf names the database of a snapshot after its path.
func databaseOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "_"), "_")
	return "nof0_" + name[:min(len(name), 40)] + "_" + hex.EncodeToString(sum[:4])
}

// ensureDatabase makes a database on the private server unless it is there,
// and returns its URL.
func ensureDatabase(ctx context.Context, serverURL, name string) (_ string, err error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", errors.New("the URL of the private database cannot be read")
	}
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return "", fmt.Errorf("error connecting to the private database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return "", fmt.Errorf("error looking for database %s: %w", name, err)
	}
	if !exists {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
			return "", fmt.Errorf("error making database %s: %w", name, err)
		}
	}
	u.Path = "/" + name
	return u.String(), nil
}

// load imports the snapshot. One that is gone since it was imported is served
// from the database, and so is a season, which goes on there.
func (d *dev) load(ctx context.Context, from source) error {
	if from.dir == "" {
		return nil
	}
	made := false
	if from.generated {
		known, err := d.hasModels(ctx)
		if err != nil {
			return err
		}
		if known {
			return d.copyToJSON(from)
		}
		if err := d.generate(ctx, from); err != nil {
			return err
		}
		made = true
	}
	if err := d.copyToJSON(from); err != nil {
		return err
	}
	if !isDir(from.dir) {
		known, err := d.hasModels(ctx)
		if err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("snapshot directory %s does not exist, and nothing was imported from it before", from.dir)
		}
		fmt.Fprintf(d.err, "snapshot directory %s is gone; serving what was imported from it\n", from.dir)
		return nil
	}
	if err := d.importInto(ctx, from.dir, ""); err != nil || !made {
		return err
	}
	return d.loadFormer(ctx, from)
}

// importInto imports a snapshot into a competition, the default one where that is "".
func (d *dev) importInto(ctx context.Context, dir, competition string) error {
	report, err := d.importDir(ctx, d.cfg, dir, competition, false)
	if err != nil {
		return err
	}
	inserted, updated := 0, 0
	for _, k := range report.Kinds {
		inserted += k.Inserted
		updated += k.Updated
	}
	fmt.Fprintf(d.err, "imported %s: %d inserted, %d updated, %d refused\n", dir, inserted, updated, report.Rejected())
	return nil
}

func (d *dev) hasModels(ctx context.Context) (known bool, err error) {
	err = withStore(ctx, d.cfg, func(store *repository.Store) error {
		models, err := store.Models.All(ctx)
		known = len(models) > 0
		return err
	})
	return known, err
}
