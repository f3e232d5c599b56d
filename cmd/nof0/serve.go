package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nof0/atlas"
	"nof0/config"
	"nof0/internal/app"
)

func (c *cli) serveCommand() *cobra.Command {
	var migrate bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API on the configured stores",
		Long: `Serve the API on the configured Postgres and Redis until it is interrupted.

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
