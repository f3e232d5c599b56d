// Command nof0 is the arena's storage: it serves the API, keeps the schema,
// and moves data between JSON snapshots and Postgres.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"nof0/internal/season"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	c := &cli{
		streams: streams{in: os.Stdin, out: os.Stdout, err: os.Stderr},
		environ: os.Environ(),
		season:  season.Options{Seed: 1, Models: season.DefaultModels, Hours: season.DefaultHours},
	}
	code := c.execute(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
