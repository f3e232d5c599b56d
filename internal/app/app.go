// Package app puts the parts together: what serve, dev and the end-to-end
// tests run.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/handlers"
	"nof0/internal/arena"
	"nof0/internal/snapshot"
	"nof0/internal/telemetry"
	"nof0/repository"
)

// App is the running system: stores, cache, services and the HTTP surface.
type App struct {
	Store   *repository.Store
	Service *arena.Service

	cfg     config.Config
	logger  *slog.Logger
	handler http.Handler
	closers []func() error
}

// New connects to what the configuration names and builds the HTTP surface.
// Nothing listens yet. On an error nothing is left open.
func New(ctx context.Context, cfg config.Config, logger *slog.Logger, build telemetry.Build) (_ *App, err error) {
	a := &App{cfg: cfg, logger: logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	registry, err := telemetry.NewRegistry(build)
	if err != nil {
		return nil, err
	}
	repositoryMetrics, err := telemetry.NewRepositoryMetrics(registry)
	if err != nil {
		return nil, err
	}
	httpMetrics, err := telemetry.NewHTTPMetrics(registry)
	if err != nil {
		return nil, err
	}
	if a.Store, err = OpenStore(ctx, cfg, repositoryMetrics.Observe); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.Store.Close)

	cache, err := a.openCache(cfg.RedisURL, cachelayer.Options{Registerer: registry, Logger: logger})
	if err != nil {
		return nil, err
	}
	local, err := a.openCache("", cachelayer.Options{Logger: logger})
	if err != nil {
		return nil, err
	}
	options := arena.ServiceOptions{
		Store:  arena.NewStore(a.Store.Repositories, cfg.Arena.PrimaryProvider, time.Now),
		Reads:  reads(cfg),
		Cache:  cache,
		Local:  local,
		TTLs:   cfg.Cache,
		Logger: logger,
		Now:    time.Now,
	}
	if cfg.JSONDir != "" {
		options.JSON = snapshot.NewSource(snapshot.SourceOptions{
			Dir:             cfg.JSONDir,
			PrimaryProvider: cfg.Arena.PrimaryProvider,
			Benchmarks:      cfg.Arena.Benchmarks,
			Now:             time.Now,
		})
	}
	if a.Service, err = arena.NewService(options); err != nil {
		return nil, err
	}
	a.handler, err = handlers.New(handlers.Options{
		Answers:   a.Service,
		Config:    cfg.HTTP,
		Logger:    logger,
		Metrics:   httpMetrics,
		Gatherer:  registry,
		Ready:     a.Store.Ping,
		WithAttrs: telemetry.With,
	})
	return a, err
}

// OpenStore opens the database of a configuration.
func OpenStore(ctx context.Context, cfg config.Config, observe func(repository, method string) func(*error)) (*repository.Store, error) {
	return repository.Open(ctx, repository.Options{
		DSN:              cfg.DatabaseURL,
		MaxOpen:          cfg.Postgres.MaxOpen,
		MaxIdle:          cfg.Postgres.MaxIdle,
		MaxLifetime:      cfg.Postgres.MaxLifetime,
		ConnectTimeout:   cfg.Postgres.ConnectTimeout,
		StatementTimeout: cfg.Postgres.StatementTimeout,
		Observe:          observe,
	})
}

// openCache opens a cache in front of a Redis; without a URL it lives in this
// process alone.
func (a *App) openCache(redisURL string, o cachelayer.Options) (*cachelayer.Cache, error) {
	client, err := cachelayer.Open(redisURL, a.cfg.Redis, o)
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, client.Close)
	cache, err := cachelayer.New(client, a.cfg.Cache, o)
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { cache.Close(); return nil })
	return cache, nil
}

// reads is the read switch as the configuration sets it.
func reads(cfg config.Config) func(arena.Domain) config.Source {
	by := map[arena.Domain]config.Source{
		arena.DomainPrices:        cfg.Read.Prices,
		arena.DomainTrades:        cfg.Read.Trades,
		arena.DomainPositions:     cfg.Read.Positions,
		arena.DomainAccounts:      cfg.Read.Accounts,
		arena.DomainAnalytics:     cfg.Read.Analytics,
		arena.DomainConversations: cfg.Read.Conversations,
	}
	fallback := config.SourceStore
	if cfg.JSONDir != "" {
		fallback = config.SourceJSON
	}
	return func(d arena.Domain) config.Source {
		if source := by[d]; source != "" {
			return source
		}
		return fallback
	}
}

// Handler is the HTTP surface.
func (a *App) Handler() http.Handler { return a.handler }

// Serve listens and answers until ctx ends, then lets requests finish within
// http.shutdown_timeout. Ready, where given, is told the address once requests
// are taken.
func (a *App) Serve(ctx context.Context, ready func(url string)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("error listening on %s: %w; set NOF0_HTTP_ADDR to another address", a.cfg.HTTP.Addr, err)
	}
	server := &http.Server{
		Handler:           a.handler,
		ReadTimeout:       a.cfg.HTTP.ReadTimeout,
		ReadHeaderTimeout: a.cfg.HTTP.ReadTimeout,
		WriteTimeout:      a.cfg.HTTP.WriteTimeout,
		IdleTimeout:       a.cfg.HTTP.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if ready != nil {
		ready("http://" + listener.Addr().String())
	}
	select {
	case err := <-served:
		return fmt.Errorf("error serving: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		return errors.Join(fmt.Errorf("error stopping: %w", err), server.Close())
	}
	return nil
}

// Close closes what New opened, the last one first.
func (a *App) Close() error {
	var errs []error
	for _, stop := range slices.Backward(a.closers) {
		errs = append(errs, stop())
	}
	a.closers = nil
	return errors.Join(errs...)
}
