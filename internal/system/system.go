package system

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"nof0/atlas"
	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/retention"
	"nof0/internal/telemetry"
	"nof0/internal/wire"
	"nof0/repository"
)

// Options are what a System looks at.
type Options struct {
	Config config.Config
	Store  *repository.Store
	Redis  *cachelayer.Client
	// Metrics are those of the process.
	Metrics prometheus.Gatherer
	Build   telemetry.Build
	Logger  *slog.Logger
	Now     func() time.Time
}

// System implements arena.System.
type System struct {
	o       Options
	sizes   sizes
	written written
}

var _ arena.System = (*System)(nil)

// New makes a System.
func New(o Options) *System { return &System{o: o} }

// System implements arena.System.
func (s *System) System(ctx context.Context) (*wire.SystemState, error) {
	m, err := read(s.o.Metrics)
	if err != nil {
		return nil, err
	}
	state := &wire.SystemState{
		Version: s.o.Build.Version, StartedAt: m.of("process_start_time_seconds"), Memory: m.of("process_resident_memory_bytes"),
		Goroutines: m.count("go_goroutines"),
		Postgres:   stateOf(s.o.Store.Ping(ctx)), Redis: stateOf(s.o.Redis.Usable()),
		Breaker:  [...]string{"closed", "half open", "open"}[m.count("nof0_redis_breaker_state")],
		Requests: m.count("nof0_http_in_flight"), Streams: m.count("nof0_stream_subscribers"), SlowConsumers: m.count("nof0_stream_slow_consumers_total"),
	}
	for _, pool := range m["go_sql_max_open_connections"] {
		name := label(pool, "db_name")
		of := func(metric string) int64 { return m.count(metric, "db_name", name) }
		state.Pools = append(state.Pools, wire.Pool{
			Name: name, Max: of("go_sql_max_open_connections"), Open: of("go_sql_open_connections"), InUse: of("go_sql_in_use_connections"),
			Waits: of("go_sql_wait_count_total"), Waiting: m.of("go_sql_wait_duration_seconds_total", "db_name", name),
		})
	}
	return state, nil
}

func stateOf(err error) wire.StoreState {
	if err != nil {
		return wire.StoreState{Reason: err.Error()}
	}
	return wire.StoreState{Usable: true}
}

// Cache implements arena.System.
func (s *System) Cache(context.Context) (*wire.CacheState, error) {
	m, err := read(s.o.Metrics)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, metric := range []string{"nof0_cache_hits_total", "nof0_cache_misses_total", "nof0_cache_redis_errors_total"} {
		for _, one := range m[metric] {
			names[label(one, "family")] = true
		}
	}
	state := &wire.CacheState{Families: []wire.CacheFamily{}}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		of := func(metric string, labels ...string) int64 {
			return m.count("nof0_cache_"+metric, append(labels, "family", name)...)
		}
		f := wire.CacheFamily{
			Family: name, Local: of("hits_total", "level", "local"), Redis: of("hits_total", "level", "redis"), Misses: of("misses_total"),
			HitRatio: wire.Null[float64](), Loads: of("loads_total"), LoadErrors: of("load_errors_total"), RedisErrors: of("redis_errors_total"),
		}
		if all := f.Local + f.Redis + f.Misses; all > 0 {
			f.HitRatio = wire.Some(float64(f.Local+f.Redis) / float64(all))
		}
		state.Families = append(state.Families, f)
	}
	return state, nil
}

// Outbox implements arena.System.
func (s *System) Outbox(ctx context.Context) (*wire.OutboxState, error) {
	m, err := read(s.o.Metrics)
	if err != nil {
		return nil, err
	}
	waiting, since, err := s.o.Store.Outbox.Lag(ctx)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	oldest, newest, err := s.o.Store.Outbox.Bounds(ctx)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	state := &wire.OutboxState{
		Waiting: waiting, Oldest: oldest, Newest: newest, Relayed: map[string]int64{}, Failures: m.count("nof0_outbox_failures_total"),
	}
	if !since.IsZero() {
		state.Lag = max(0, s.o.Now().Sub(since).Seconds())
	}
	for _, one := range m["nof0_outbox_relayed_total"] {
		state.Relayed[label(one, "type")] = int64(one.GetCounter().GetValue())
	}
	return state, nil
}

// Jobs implements arena.System.
func (s *System) Jobs(context.Context) (*wire.JobStates, error) {
	m, err := read(s.o.Metrics)
	if err != nil {
		return nil, err
	}
	states := &wire.JobStates{Jobs: []wire.JobState{}}
	for _, one := range m["nof0_work_interval_seconds"] {
		name := label(one, "work")
		job := wire.JobState{
			Name: name, Interval: one.GetGauge().GetValue(), LastSuccess: wire.Null[float64](), Next: wire.Null[float64](),
			Took: m.of("nof0_work_last_round_seconds", "work", name), Failures: m.count("nof0_work_failures_total", "work", name),
		}
		if last := m.of("nof0_work_last_success_timestamp_seconds", "work", name); last > 0 {
			job.LastSuccess, job.Next = wire.Some(last), wire.Some(last+job.Interval)
		}
		states.Jobs = append(states.Jobs, job)
	}
	slices.SortFunc(states.Jobs, func(a, b wire.JobState) int { return cmp.Compare(a.Name, b.Name) })
	return states, nil
}

// Migrations implements arena.System.
func (s *System) Migrations(ctx context.Context) (*wire.MigrationStates, error) {
	if err := s.o.Store.Ping(ctx); err != nil {
		return nil, arena.Unavailable(err)
	}
	status, err := atlas.New(s.o.Store.SQL(), atlas.Options{}).Status(ctx)
	if err != nil {
		return nil, err
	}
	states := &wire.MigrationStates{
		Version: status.Current, Applied: []wire.AppliedMigration{}, Pending: append([]string{}, status.Pending...), Unknown: []string{},
	}
	for _, one := range status.Applied {
		states.Applied = append(states.Applied, wire.AppliedMigration{Version: one.Version, Name: one.Name, At: seconds(one.At), By: one.Operator})
	}
	for _, one := range status.Unknown {
		states.Unknown = append(states.Unknown, one.Version)
	}
	if status.Half != nil {
		states.HalfApplied = status.Half.Version
	}
	return states, nil
}

// Tables implements arena.System.
func (s *System) Tables(ctx context.Context) (*wire.TableStates, error) {
	m, err := read(s.o.Metrics)
	if err != nil {
		return nil, err
	}
	now := s.o.Now()
	tables, err := s.o.Store.Tables(ctx, now)
	if err != nil {
		return nil, arena.Unavailable(err)
	}
	before := s.sizes.before(tables, now)
	states := &wire.TableStates{Tables: []wire.TableState{}, Archives: []wire.Archive{}, Disks: []wire.Disk{}, Since: seconds(before.at)}
	for _, t := range tables {
		states.Tables = append(states.Tables, wire.TableState{
			Name: t.Name, Rows: t.Rows, Bytes: t.Bytes, Grown: t.Bytes - before.bytes[t.Name], Partitions: t.Partitions, Ahead: t.Ahead,
		})
	}
	archives, err := retention.Archives(s.o.Config.Retention.ArchiveDir)
	if err != nil {
		return nil, err
	}
	for _, a := range archives {
		states.Archives = append(states.Archives, wire.Archive{Name: a.Name(), Bytes: a.Size(), At: seconds(a.ModTime())})
	}
	for _, one := range m["nof0_disk_bytes"] {
		name := label(one, "directory")
		states.Disks = append(states.Disks, wire.Disk{Directory: name, Bytes: one.GetGauge().GetValue(), Free: m.of("nof0_disk_free_bytes", "directory", name)})
	}
	return states, nil
}

// Statements implements arena.System.
func (s *System) Statements(context.Context) (*wire.StatementStates, error) {
	m, err := read(s.o.Metrics)
	if err != nil {
		return nil, err
	}
	states := &wire.StatementStates{Statements: []wire.StatementState{}}
	for _, one := range m["nof0_repository_seconds"] {
		states.Statements = append(states.Statements, statementOf(one, m))
	}
	slices.SortFunc(states.Statements, func(a, b wire.StatementState) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return states, nil
}

func statementOf(one *dto.Metric, m reading) wire.StatementState {
	const half, most = 0.5, 0.99
	repository, method := label(one, "repository"), label(one, "method")
	h := one.GetHistogram()
	return wire.StatementState{
		Name: repository + "." + method, Calls: int64(h.GetSampleCount()),
		Errors: m.count("nof0_repository_errors_total", "repository", repository, "method", method),
		Total:  h.GetSampleSum(), Mean: h.GetSampleSum() / math.Max(1, float64(h.GetSampleCount())),
		Median: quantile(h, half), P99: quantile(h, most),
	}
}

// Settings implements arena.System.
func (s *System) Settings(context.Context) (*wire.Settings, error) {
	list := &wire.Settings{}
	for _, row := range s.o.Config.Rows() {
		list.Settings = append(list.Settings, wire.Setting{Key: row.Key, Env: row.Env, Value: row.Value, Origin: string(row.Origin)})
	}
	return list, nil
}

// LogLevel implements arena.System.
func (s *System) LogLevel(context.Context) (*wire.LogLevel, error) {
	level := slog.LevelInfo
	if set := telemetry.LevelOf(s.o.Logger); set != nil {
		level = set.Level()
	}
	return &wire.LogLevel{Level: strings.ToLower(level.String())}, nil
}

// SetLogLevel implements arena.System.
func (s *System) SetLogLevel(ctx context.Context, level, by string) (*wire.LogLevel, error) {
	if err := telemetry.SetLevel(ctx, s.o.Logger, level, by); err != nil {
		return nil, wire.Faults{{Path: "/level", Reason: err.Error()}}
	}
	return s.LogLevel(ctx)
}

func seconds(at time.Time) float64 { return float64(at.UnixMicro()) / 1e6 }
