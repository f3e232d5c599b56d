// Package app puts the parts together: what serve, dev and the end-to-end
// tests run.
package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/handlers"
	"nof0/internal/arena"
	"nof0/internal/cutover"
	"nof0/internal/loop"
	"nof0/internal/recompute"
	"nof0/internal/relay"
	"nof0/internal/system"
	"nof0/internal/telemetry"
	"nof0/internal/wire"
	"nof0/repository"
)

// App is the running system: stores, cache, services and the HTTP surface.
type App struct {
	Store   *repository.Store // what works beside the requests has its connections
	Service *arena.Service

	reads   *repository.Store
	writes  *repository.Store
	cfg     config.Config
	logger  *slog.Logger
	relay   *relay.Relay
	metrics *recompute.Job
	hub     *relay.Hub
	guard   *cachelayer.Guard
	redis   *cachelayer.Client
	cache   *cachelayer.Cache
	cutover *cutover.Cutover
	jobs    []*loop.Loop
	system  *system.System
	tracing *telemetry.Tracing
	// replicas are nil where none are configured.
	replicas *repository.Replicas
	// draining says that this process is to stop.
	draining atomic.Bool
	handler  http.Handler
	// operators is the surface of http.admin_addr.
	operators http.Handler
	closers   []func() error
}

// New connects to what the configuration names and builds the HTTP surface.
// Nothing listens and nothing runs yet. On an error nothing is left open.
func New(ctx context.Context, cfg config.Config, logger *slog.Logger, build telemetry.Build) (_ *App, err error) {
	a := &App{cfg: cfg, logger: logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	registry := telemetry.NewRegistry(build)
	if a.tracing, err = telemetry.NewTracing(ctx, cfg.Tracing, build, registry, logger); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.tracing.Close)
	if err := a.openStore(ctx, registry); err != nil {
		return nil, err
	}
	if err := a.openCutover(ctx, registry); err != nil {
		return nil, err
	}
	if err := a.openServices(registry); err != nil {
		return nil, err
	}
	a.followIdentity(ctx)
	a.system = system.New(system.Options{
		Config: cfg, Store: a.Store, Redis: a.redis, Metrics: registry, Build: build, Logger: logger, Now: time.Now,
	})
	a.openJobs(registry)
	metrics := telemetry.NewHTTPMetrics(registry)
	o := intakeOptions(cfg, a.writes, a.cutover, logger)
	o.AfterCommit, o.Guard = a.relay.AfterCommit, a.guard
	intake := arena.NewIntake(o)
	a.handler, err = handlers.New(handlers.Options{
		Answers:      a.cutover.Answers(a.Service),
		Ingest:       a.system.Watch(intake),
		Corrections:  intake,
		IngestToken:  cfg.IngestToken,
		Rollout:      a.cutover.Rollout(),
		Parity:       a.cutover.Parity(),
		System:       a.system,
		AdminToken:   cfg.AdminToken,
		Tokens:       cfg.NamedTokens(),
		Stream:       a.hub,
		Competitions: a.Service,
		Config:       cfg.HTTP,
		Logger:       logger,
		LogRequests:  cfg.Log.Requests,
		Metrics:      metrics,
		Tracer:       a.tracing.Tracer(),
		Gatherer:     registry,
		Ready:        a.ready,
	})
	if err != nil {
		return nil, err
	}
	a.handler = metrics.InFlight(a.handler)
	a.operators = operators(registry, logger)
	return a, nil
}

// intakeOptions are those of whoever writes facts.
func intakeOptions(cfg config.Config, store *repository.Store, side *cutover.Cutover, logger *slog.Logger) arena.IntakeOptions {
	return arena.IntakeOptions{
		Store:           store,
		PrimaryProvider: cfg.Arena.PrimaryProvider,
		Benchmarks:      cfg.Arena.Benchmarks,
		Competition:     cfg.Arena.Competition,
		Bounds:          wire.Bounds(cfg.Bounds),
		MatchWindow:     cfg.Arena.MatchWindow,
		Recompute:       recompute.Within,
		Writers:         poolsOf(cfg.Postgres).writes,
		JSON:            side.Writes(),
		Logger:          logger,
		Now:             time.Now,
	}
}

// OpenCorrector opens what corrects facts, for who serves nothing: servers follow by
// the outbox.
func OpenCorrector(ctx context.Context, cfg config.Config, logger *slog.Logger) (_ arena.Corrector, closeAll func() error, err error) {
	store, err := OpenStore(ctx, cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	side, err := cutover.Open(ctx, cutover.Options{
		Config: cfg, Store: store, Logger: logger, Imported: func(context.Context) {},
	})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	closeAll = func() error { return errors.Join(side.Close(), store.Close()) }
	return arena.NewIntake(intakeOptions(cfg, store, side, logger)), closeAll, nil
}

func (a *App) openStore(ctx context.Context, registry prometheus.Registerer) error {
	slow := telemetry.SlowCalls{Above: a.cfg.Log.SlowStatement, Logger: a.logger}
	if err := a.openPools(ctx, telemetry.NewRepositoryMetrics(registry, slow).Observe); err != nil {
		return err
	}
	registry.MustRegister(a.Store.Pool("jobs"), a.reads.Pool("reads"), a.writes.Pool("writes"))
	if a.replicas != nil {
		registry.MustRegister(a.replicas.Collectors()...)
	}
	return nil
}

// openServices makes what stands between the stores and the HTTP surface.
func (a *App) openServices(registry prometheus.Registerer) error {
	client, cache, err := a.openCache(a.cfg.RedisURL, cachelayer.Options{Registerer: registry, Logger: a.logger})
	if err != nil {
		return err
	}
	a.redis, a.cache = client, cache
	a.guard = cachelayer.NewGuard(client, a.cfg.Cache)
	a.hub = relay.NewHub(relay.HubOptions{Outbox: a.Store.Outbox, Registerer: registry, Logger: a.logger})
	a.relay = relay.New(relay.Options{
		Store:           a.Store,
		Projections:     cachelayer.NewProjections(client, a.cfg.Cache),
		PrimaryProvider: a.cfg.Arena.PrimaryProvider,
		Competition:     a.cfg.Arena.Competition,
		TTLs:            a.cfg.Cache,
		Cache:           cache,
		Relayed:         func() { a.hub.Wake(); a.cutover.Kick(); a.metrics.Kick() },
		Registerer:      registry,
		Tracer:          a.tracing.Tracer(),
		Logger:          a.logger,
	})
	notFinite := telemetry.NewNotFinite(registry, a.logger)
	a.metrics = recompute.New(recompute.Options{
		Store:       a.Store,
		AfterCommit: a.relay.AfterCommit,
		NotFinite:   notFinite.Note,
		Registerer:  registry,
		Logger:      a.logger,
	})
	a.Service, err = arena.NewService(arena.ServiceOptions{
		Store:       arena.NewStore(a.reads.Repositories, a.cfg.Arena.PrimaryProvider, time.Now),
		Replicas:    a.replicas,
		Competition: a.cfg.Arena.Competition,
		Cache:       cache,
		TTLs:        a.cfg.Cache,
		NotFinite:   notFinite.Note,
		Logger:      a.logger,
		Now:         time.Now,
	})
	if err == nil {
		a.publish(registry)
	}
	return err
}

// Warm makes everything on the Redis side anew: projections and views.
func (a *App) Warm(ctx context.Context) (views int, err error) {
	if err := a.relay.Warm(ctx); err != nil {
		return 0, err
	}
	return a.Service.Warm(ctx)
}

// OpenStore opens the database of a configuration.
func OpenStore(ctx context.Context, cfg config.Config, observe func(ctx context.Context, repository, method string) func(*error)) (*repository.Store, error) {
	return repository.Open(ctx, storeOptions(cfg, observe))
}

func storeOptions(cfg config.Config, observe func(ctx context.Context, repository, method string) func(*error)) repository.Options {
	return repository.Options{
		DSN:              cfg.DatabaseURL,
		MaxOpen:          cfg.Postgres.MaxOpen,
		MaxIdle:          cfg.Postgres.MaxIdle,
		MaxLifetime:      cfg.Postgres.MaxLifetime,
		ConnectTimeout:   cfg.Postgres.ConnectTimeout,
		StatementTimeout: cfg.Postgres.StatementTimeout,
		Observe:          observe,
	}
}

// openCache opens a cache in front of a Redis; without a URL it lives in this
// process alone.
func (a *App) openCache(redisURL string, o cachelayer.Options) (*cachelayer.Client, *cachelayer.Cache, error) {
	client, err := cachelayer.Open(redisURL, a.cfg.Redis, o)
	if err != nil {
		return nil, nil, err
	}
	a.closers = append(a.closers, client.Close)
	cache, err := cachelayer.New(client, a.cfg.Cache, o)
	if err != nil {
		return nil, nil, err
	}
	a.closers = append(a.closers, func() error { cache.Close(); return nil })
	return client, cache, nil
}

// Handler is the HTTP surface.
func (a *App) Handler() http.Handler { return a.handler }

// Close closes what New opened, the last one first.
func (a *App) Close() error {
	var errs []error
	for _, stop := range slices.Backward(a.closers) {
		errs = append(errs, stop())
	}
	a.closers = nil
	return errors.Join(errs...)
}
