// Command gen keeps the files of package atlas in step with the entities. Run
// it from the root of the module.
//
//	DATABASE_URL=postgres://… go run ./atlas/internal/gen NAME
//
// rewrites schema.sql and writes the migration that the entities ask for, on a
// server where scratch databases may be created;
//
//	go run ./atlas/internal/gen -sum
//
// rewrites atlas.sum after a migration was written or mended by hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"nof0/atlas"
	"nof0/entities"
)

// root is the directory of package atlas.
const root = "atlas"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv("DATABASE_URL"), time.Now(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, dsn string, now time.Time, out io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "-sum":
		return atlas.WriteSum(filepath.Join(root, "migrations"))
	case len(args) == 1 && dsn != "":
		return generate(ctx, args[0], dsn, now, out)
	default:
		return errors.New("usage: DATABASE_URL=postgres://… gen NAME, or gen -sum")
	}
}

func generate(ctx context.Context, name, dsn string, now time.Time, out io.Writer) error {
	scratch, err := atlas.NewScratch(dsn)
	if err != nil {
		return err
	}
	written, err := atlas.Generate(ctx, atlas.GenerateParams{
		Models:  entities.All(),
		Root:    root,
		Name:    name,
		Scratch: scratch,
		Now:     now,
	})
	for _, file := range written {
		if _, err := fmt.Fprintln(out, file); err != nil {
			return err
		}
	}
	return err
}
