package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"nof0/atlas"
	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/gcfloor"
	"nof0/internal/loop"
	"nof0/repository"
)

func (c *cli) serveCommand() *cobra.Command {
	var migrate bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API on the configured stores",
		Long: `Serve the API on the configured Postgres and Redis until it is interrupted.

Interrupted, it says so in /readyz and takes requests for http.drain, then streams are
told to come back and what is under way ends. It waits for a Postgres that is not there
yet, for postgres.start_wait. Within a container it keeps to nine tenths of its memory,
unless GOMEMLIMIT says otherwise.

It refuses to start on a schema older than its own migrations unless --migrate is
given, and starts on a newer one, as in a rolling deploy, unless one of the
migrations it does not know takes away what it uses.`,
		Example: example(
			"DATABASE_URL=postgres://… REDIS_URL=redis://… nof0 serve",
			"nof0 serve --migrate",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, logger, err := c.start(config.RequireDatabase(), config.RequireRedis())
			if err != nil {
				return err
			}
			limitMemory(logger)
			gcfloor.Hold(heapFloor)
			if err := awaitDatabase(cmd.Context(), cfg, logger); err != nil {
				return err
			}
			if migrate {
				if err := applyMigrations(cmd.Context(), cfg, logger, atlas.BeforeContraction); err != nil {
					return err
				}
			}
			if err := checkSchema(cmd.Context(), cfg, logger); err != nil {
				return err
			}
			listener, err := app.Listen(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return c.serve(cmd.Context(), cfg, logger, listener, nil)
		},
	}
	cmd.Flags().BoolVar(&migrate, "migrate", false, "apply pending migrations first")
	return cmd
}

// serve runs the app on the listener until ctx ends, and closes it. Ready, where
// given, is called with the address after everybody else.
func (c *cli) serve(ctx context.Context, cfg config.Config, logger *slog.Logger, listener net.Listener, ready func(url string)) (err error) {
	a, err := app.New(ctx, cfg, logger, build())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.Serve(ctx, listener, func(url string) {
		fmt.Fprintln(c.out, "ready", url)
		if ready != nil {
			ready(url)
		}
	})
}

// heapFloor is what the heap may grow to before garbage is collected. Of a season lives a
// few megabytes, and requests would have them looked through twenty times a second.
const heapFloor = 64 << 20

// limitMemory lets the collector work for what the container has.
func limitMemory(logger *slog.Logger) {
	if _, err := memlimit.Set(memlimit.WithProvider(memlimit.FromCgroup), memlimit.WithLogger(logger)); err != nil {
		logger.Debug("no limit of memory is known", slog.Any("error", err))
	}
}

// maxStartBackoff is how far apart the tries of a start are at most.
const maxStartBackoff = 2 * time.Second

// awaitDatabase waits until something answers where the database should be, for
// postgres.start_wait at most: servers that start together do so in any order. What
// answers is for others to look at. The error is an outage.
func awaitDatabase(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
	until := time.Now().Add(cfg.Postgres.StartWait)
	var backoff time.Duration
	for {
		tried, cancel := context.WithTimeout(ctx, cfg.Postgres.ConnectTimeout)
		store, err := app.OpenStore(tried, cfg, nil)
		cancel()
		if err == nil {
			return store.Close()
		}
		if !errors.Is(err, repository.ErrUnavailable) {
			return nil // it answered
		}
		if ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		if backoff == 0 {
			logger.WarnContext(ctx, "waiting for the database", slog.Duration("for", cfg.Postgres.StartWait), slog.Any("error", err))
		}
		backoff = loop.Backoff(backoff, maxStartBackoff)
		_ = loop.Sleep(ctx, backoff) // ctx is looked at next
	}
}

// checkSchema refuses a database that this binary can't work on.
func checkSchema(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
	return withMigrator(ctx, cfg.DatabaseURL, cfg, logger, func(m *atlas.Migrator) error {
		status, err := m.Status(ctx)
		switch {
		case err != nil:
			return err
		case status.Half != nil:
			return fmt.Errorf("migration %s stopped half-way; mend its cause, then run `nof0 migrate apply`", status.Half.Version)
		case status.Older():
			return fmt.Errorf("the schema is older than this binary: %s to apply; run `nof0 migrate apply`, or `nof0 serve --migrate`",
				strings.Join(slices.Concat(status.OutOfOrder, status.Pending), ", "))
		}
		for _, contraction := range status.Contractions() {
			return fmt.Errorf("migration %s_%s took away what this binary uses; start a newer binary, or undo it with the one that applied it (`nof0 migrate down`)",
				contraction.Version, contraction.Name)
		}
		return nil
	})
}
