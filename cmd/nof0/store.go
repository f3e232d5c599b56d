package main

import (
	"context"
	"errors"
	"log/slog"

	"nof0/config"
	"nof0/internal/app"
	"nof0/repository"
)

// onStore runs do with the store of the configuration in force, whose schema is one that
// this binary can work on.
func (c *cli) onStore(ctx context.Context, do func(config.Config, *slog.Logger, *repository.Store) error) error {
	cfg, logger, err := c.start(config.RequireDatabase())
	if err != nil {
		return err
	}
	return withSchema(ctx, cfg, logger, func(store *repository.Store) error { return do(cfg, logger, store) })
}

// withSchema is withStore where the schema is one that this binary can work on.
func withSchema(ctx context.Context, cfg config.Config, logger *slog.Logger, do func(*repository.Store) error) error {
	if err := checkSchema(ctx, cfg, logger); err != nil {
		return err
	}
	return withStore(ctx, cfg, do)
}

// withStore opens the store of a configuration for the time of do.
func withStore(ctx context.Context, cfg config.Config, do func(*repository.Store) error) (err error) {
	store, err := app.OpenStore(ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}
