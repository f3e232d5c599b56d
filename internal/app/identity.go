package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"nof0/cachelayer"
)

// RedisUsable returns why Redis is not used, nil where it is.
func (a *App) RedisUsable() error { return a.redis.Usable() }

// readyWithin bounds how long a probe waits for the database.
const readyWithin = 500 * time.Millisecond

// errStale is what a probe hears while the database does not answer.
var errStale = errors.New("the database does not answer; the last known answers are served, and no writes are taken")

// errDraining is what a probe hears once this process is to stop.
var errDraining = errors.New("draining: this process stops soon, and takes requests until then")

// firstLook bounds how long a start waits for Redis, which it does without.
const firstLook = 5 * time.Second

// followIdentity keeps what is made of the database to that database: where it
// turns out to be another one, or an older state of the same, what this process
// remembers of it is dropped, and Redis is not used before it is known to hold
// nothing else.
func (a *App) followIdentity(ctx context.Context) {
	a.Store.OnIdentity(func(database string) {
		// The settings that change what a view or a projection says.
		settings := "primary_provider=" + a.cfg.Arena.PrimaryProvider
		if competition := a.cfg.Arena.Competition; competition != "" {
			settings += " competition=" + competition
		}
		a.redis.SetIdentity(cachelayer.Identity{Database: database, Config: settings})
		a.cache.Clear()
		a.Service.Forget()
		tag := sha256.Sum256([]byte(database))
		a.hub.SetHistory(hex.EncodeToString(tag[:4]))
	})
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	if err := a.redis.Own(ctx); err != nil {
		a.logger.WarnContext(ctx, "starting without redis", slog.Any("error", err))
	}
}

// checkIdentity looks whether the database is still the same. That it fails tells
// operators, by the metrics of this work, that the database is away.
func (a *App) checkIdentity(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	return a.Store.CheckIdentity(ctx)
}
