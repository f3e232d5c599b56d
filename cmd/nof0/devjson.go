package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"nof0/internal/cutover"
	"nof0/repository"
)

// copyToJSON makes the snapshot the JSON store, once: from then on it has a life
// of its own.
func (d *dev) copyToJSON(from source) error {
	dir := d.jsonDir(from)
	if !isDir(dir) {
		if !isDir(from.dir) {
			return nil
		}
		if err := writeWhole(dir, func(tmp string) error { return os.CopyFS(tmp, os.DirFS(from.dir)) }); err != nil {
			return fmt.Errorf("error copying the snapshot: %w", err)
		}
	}
	d.cfg.JSONDir = dir
	return nil
}

// jsonDir is where the JSON store lies.
func (d *dev) jsonDir(from source) string {
	return cmp.Or(d.cfg.JSONDir, filepath.Join(d.cfg.DataDir, "json", from.database))
}

// moveToStore moves every domain that nobody has moved to the store, where it is
// equal to the JSON files.
func (d *dev) moveToStore(ctx context.Context) error {
	return withStore(ctx, d.cfg, func(store *repository.Store) error {
		moved, stay, err := cutover.MoveToStore(ctx, d.cfg, store, "nof0 dev")
		if len(moved) > 0 {
			fmt.Fprintf(d.err, "served from Postgres, where it equals the files: %s\n", strings.Join(moved, ", "))
		}
		for _, one := range stay {
			fmt.Fprintln(d.err, one)
		}
		return err
	})
}
