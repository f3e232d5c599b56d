// Package config holds the one typed configuration of nof0: defaults, a YAML
// file and the environment, in that order of precedence. Load reports every
// fault at once.
package config

import "time"

// Config is the whole configuration. The koanf tag is the YAML key; the
// environment form of a key is NOF0_ and its path in upper case joined by
// underscores (http.addr is NOF0_HTTP_ADDR), save for DATABASE_URL, REDIS_URL and
// those of OpenTelemetry, which keep the names that every platform gives them.
type Config struct {
	DatabaseURL        string `koanf:"database_url" env:"DATABASE_URL" secret:"url"`
	MigrateDatabaseURL string `koanf:"migrate_database_url" secret:"url"`
	RedisURL           string `koanf:"redis_url" env:"REDIS_URL" secret:"url"`
	DataDir            string `koanf:"data_dir"`
	SnapshotDir        string `koanf:"snapshot_dir"`
	JSONDir            string `koanf:"json_dir"`
	IngestToken        string `koanf:"ingest_token" secret:"all"`
	AdminToken         string `koanf:"admin_token" secret:"all"`
	// Tokens are further ones, each NAME:SCOPE+SCOPE:SECRET (see Token).
	Tokens []string `koanf:"tokens" secret:"all"`

	HTTP      HTTP      `koanf:"http"`
	Postgres  Postgres  `koanf:"postgres"`
	Migrate   Migrate   `koanf:"migrate"`
	Redis     Redis     `koanf:"redis"`
	Cache     Cache     `koanf:"cache"`
	Arena     Arena     `koanf:"arena"`
	Bounds    Bounds    `koanf:"bounds"`
	Rollout   Rollout   `koanf:"rollout"`
	Log       Log       `koanf:"log"`
	Tracing   Tracing   `koanf:"tracing"`
	Retention Retention `koanf:"retention"`

	// Loaded are the rows that Load found, in the order of the keys: what differs from
	// them was changed since.
	Loaded []Row `koanf:"-"`
}

// HTTP configures the listener.
type HTTP struct {
	Addr string `koanf:"addr"`
	// AdminAddr is where pprof, the metrics and the level of the log are, for whoever
	// can reach it; "" is nowhere.
	AdminAddr    string        `koanf:"admin_addr"`
	ReadTimeout  time.Duration `koanf:"read_timeout"`
	WriteTimeout time.Duration `koanf:"write_timeout"`
	IdleTimeout  time.Duration `koanf:"idle_timeout"`
	// Drain is how long requests are still taken after a signal to stop, while /readyz says
	// that they should be sent elsewhere; ShutdownTimeout is for those under way then.
	Drain           time.Duration `koanf:"drain"`
	ShutdownTimeout time.Duration `koanf:"shutdown_timeout"`
	// RequestTimeout bounds the work of one request; past it the answer is 503.
	RequestTimeout time.Duration `koanf:"request_timeout"`
	// BodiesInFlight is how many bytes the bodies of all requests under way may hold.
	BodiesInFlight int64 `koanf:"bodies_in_flight"`
	// AllowedOrigins are the CORS origins; "*" allows every one.
	AllowedOrigins []string `koanf:"allowed_origins"`
	// RequestsPerClient and RequestsPerToken are how many requests a second an address
	// that is not loopback, and a token, may send; 0 is no limit. Streams is how many
	// streams of events may be open at once, and StreamsPerClient of one address.
	RequestsPerClient int `koanf:"requests_per_client"`
	RequestsPerToken  int `koanf:"requests_per_token"`
	Streams           int `koanf:"streams"`
	StreamsPerClient  int `koanf:"streams_per_client"`
	// TrustedProxies are the CIDRs whose X-Forwarded-For is believed.
	TrustedProxies []string `koanf:"trusted_proxies"`
}

// Postgres configures the connection pool, and where dev finds server binaries.
type Postgres struct {
	Bin            string        `koanf:"bin"` // directory of initdb and postgres, for dev
	MaxOpen        int           `koanf:"max_open"`
	MaxIdle        int           `koanf:"max_idle"`
	MaxLifetime    time.Duration `koanf:"max_lifetime"`
	ConnectTimeout time.Duration `koanf:"connect_timeout"`
	// Replicas are the URLs of standbys that the loads of views may be read from, each as
	// DatabaseURL is; ReplicaWait is how long a load waits for one to have what the primary
	// has.
	Replicas    []string      `koanf:"replicas" secret:"all"`
	ReplicaWait time.Duration `koanf:"replica_wait"`
	// StartWait is for how long a start tries to connect while nothing answers.
	StartWait        time.Duration `koanf:"start_wait"`
	StatementTimeout time.Duration `koanf:"statement_timeout"`
	// LockTimeout is how long a statement of a request waits for a lock, and
	// IdleInTransaction how long a process that froze in a transaction keeps others
	// from what it has locked. A pooler may refuse both.
	LockTimeout       time.Duration `koanf:"lock_timeout"`
	IdleInTransaction time.Duration `koanf:"idle_in_transaction"`
	// HungAfter is how long a write waits before writes are refused, where Postgres
	// answers no ping either; 0 is never.
	HungAfter time.Duration `koanf:"hung_after"`
}

// Migrate configures the migrations. A migration file can replace both timeouts
// for itself.
type Migrate struct {
	// LockWait is how long to wait for another process that migrates.
	LockWait time.Duration `koanf:"lock_wait"`
	// LockTimeout is how long a statement may wait for a lock: for as long,
	// everybody behind it waits too.
	LockTimeout time.Duration `koanf:"lock_timeout"`
	// StatementTimeout bounds a statement of a file that runs in a transaction.
	StatementTimeout time.Duration `koanf:"statement_timeout"`
}

// Redis configures the client. The timeouts are short on purpose: a hanging
// Redis may cost a request only tens of milliseconds until the breaker opens.
type Redis struct {
	// CAFile holds the certificates of the authorities that rediss:// trusts, in PEM;
	// "" are those that the system trusts.
	CAFile       string        `koanf:"ca_file"`
	PoolSize     int           `koanf:"pool_size"`
	DialTimeout  time.Duration `koanf:"dial_timeout"`
	ReadTimeout  time.Duration `koanf:"read_timeout"`
	WriteTimeout time.Duration `koanf:"write_timeout"`
	PoolTimeout  time.Duration `koanf:"pool_timeout"`
	MaxRetries   int           `koanf:"max_retries"`
	// BreakerFailures consecutive failures open the breaker for BreakerOpen.
	BreakerFailures int           `koanf:"breaker_failures"`
	BreakerOpen     time.Duration `koanf:"breaker_open"`
	// SlowAfter opens it too, where no command of ten times as long was faster; 0 is
	// never.
	SlowAfter time.Duration `koanf:"slow_after"`
}

// Cache configures the TTL classes and the in-process level.
type Cache struct {
	Short  time.Duration `koanf:"short"`
	Medium time.Duration `koanf:"medium"`
	Long   time.Duration `koanf:"long"`
	// LocalTTL bounds how long this process may answer from its own memory.
	LocalTTL time.Duration `koanf:"local_ttl"`
	// LocalBytes bounds the memory of what a process keeps of answers, in all.
	LocalBytes int64 `koanf:"local_bytes"`
	// LoadTimeout bounds one load from Postgres that a miss started.
	LoadTimeout time.Duration `koanf:"load_timeout"`
	// StaleAfter is how long a request that has a last known answer waits for a
	// newer one; 0 is as long as it takes.
	StaleAfter time.Duration `koanf:"stale_after"`
	// AbsenceTTL is how long "there is no such thing" is remembered.
	AbsenceTTL time.Duration `koanf:"absence_ttl"`
}

// Arena holds the facts about the arena that no payload carries.
type Arena struct {
	// PrimaryProvider is the venue whose prices and positions the views keyed
	// by symbol alone serve.
	PrimaryProvider string `koanf:"primary_provider"`
	// Competition is the one of whoever names none; "" is the running one that
	// started last, or the newest where none runs.
	Competition string `koanf:"competition"`
	// Benchmarks are the models that are measured against but do not compete.
	Benchmarks []string `koanf:"benchmarks"`
	// MatchWindow is how far the entry time of a fill without an order id may lie
	// from that of the opening that it closes.
	MatchWindow time.Duration `koanf:"match_window"`
}

// Bounds are what nothing real lies beyond: rows that do are refused, whichever
// way they come in.
type Bounds struct {
	// An amount is 0, or from MinAmount to MaxAmount without its sign; one that
	// others cancel to, such as a PnL, may be as small as MinDifference.
	MinAmount     float64 `koanf:"min_amount"`
	MinDifference float64 `koanf:"min_difference"`
	MaxAmount     float64 `koanf:"max_amount"`
	// A time is from the start of EarliestYear to Ahead from now.
	EarliestYear int           `koanf:"earliest_year"`
	Ahead        time.Duration `koanf:"ahead"`
	// MaxMarker is the last hour since inception, and MarkerTolerance how far a
	// marker may be from the time since an inception that is known.
	MaxMarker       int64         `koanf:"max_marker"`
	MarkerTolerance time.Duration `koanf:"marker_tolerance"`
	// A row has MaxMembers members at most, those of objects in it among them, and
	// MaxRowBytes bytes.
	MaxMembers  int64 `koanf:"max_members"`
	MaxRowBytes int64 `koanf:"max_row_bytes"`
}

// Rollout configures the way of the domains from the JSON store to Postgres.
// Where each domain is now stands in the database.
type Rollout struct {
	// ParityInterval is how far apart the comparisons of the two begin that are
	// made on schedule, where json_dir is set.
	ParityInterval time.Duration `koanf:"parity_interval"`
	// ParityLimit is how old the last parity run of a domain may be when it is
	// to be read from Postgres.
	ParityLimit time.Duration `koanf:"parity_limit"`
	// ShadowSample is the part of the requests that Postgres answers as well, to
	// be compared, while a domain is read in shadow: 0 none, 1 all.
	ShadowSample float64 `koanf:"shadow_sample"`
}

// Log configures slog on stderr.
type Log struct {
	Level  string `koanf:"level"`  // debug, info, warn or error
	Format string `koanf:"format"` // text or json
	// Requests is how many requests a second are in the access log, of those that
	// succeeded and of those that clients got wrong each. The next line counts those
	// that were left out. What the program got wrong is always there.
	Requests int `koanf:"requests"`
	// SlowStatement is how long a call of a repository takes that is logged, by its
	// name; 0 logs none.
	SlowStatement time.Duration `koanf:"slow_statement"`
}

// Tracing configures the spans that are sent to a collector of OpenTelemetry, by OTLP
// over HTTP.
type Tracing struct {
	// Endpoint is the base URL of the collector, to which /v1/traces is added; "" records
	// nothing.
	Endpoint string `koanf:"endpoint" env:"OTEL_EXPORTER_OTLP_ENDPOINT" secret:"url"`
	// Headers are sent with the spans, each NAME=VALUE with the value percent-encoded.
	Headers []string `koanf:"headers" env:"OTEL_EXPORTER_OTLP_HEADERS" secret:"all"`
	// SampleRatio is the part of the requests and rounds that are recorded, from 0 to 1,
	// where the traceparent of a request does not say whether it is.
	SampleRatio float64 `koanf:"sample_ratio" env:"OTEL_TRACES_SAMPLER_ARG"`
	ServiceName string  `koanf:"service_name" env:"OTEL_SERVICE_NAME"`
}

// Retention configures how long the feed of ticks is kept.
type Retention struct {
	// Keep is how long ticks stay in the database. They leave it by the month,
	// once all of a month is older.
	Keep time.Duration `koanf:"keep"`
	// ArchiveDir is where they are written before that.
	ArchiveDir string `koanf:"archive_dir"`
}

// Default returns the configuration that is in force where nothing else is said.
func Default() Config {
	return Config{
		DataDir: ".nof0",
		HTTP: HTTP{
			Addr:            "127.0.0.1:8888",
			ReadTimeout:     15 * time.Second,
			WriteTimeout:    60 * time.Second,
			IdleTimeout:     120 * time.Second,
			Drain:           5 * time.Second,
			ShutdownTimeout: 15 * time.Second,
			RequestTimeout:  30 * time.Second,
			BodiesInFlight:  64 << 20,
			AllowedOrigins:  []string{"*"},

			RequestsPerClient: 500,
			Streams:           1000,
			StreamsPerClient:  250,
		},
		Postgres: Postgres{
			MaxOpen:          20,
			MaxIdle:          10,
			MaxLifetime:      30 * time.Minute,
			ConnectTimeout:   5 * time.Second,
			ReplicaWait:      20 * time.Millisecond,
			StartWait:        time.Minute,
			StatementTimeout: 30 * time.Second,

			LockTimeout:       5 * time.Second,
			IdleInTransaction: 15 * time.Second,
			HungAfter:         3 * time.Second,
		},
		Migrate: Migrate{
			LockWait:         time.Minute,
			LockTimeout:      5 * time.Second,
			StatementTimeout: time.Minute,
		},
		Redis: Redis{
			PoolSize:        20,
			DialTimeout:     50 * time.Millisecond,
			ReadTimeout:     50 * time.Millisecond,
			WriteTimeout:    50 * time.Millisecond,
			PoolTimeout:     50 * time.Millisecond,
			MaxRetries:      1,
			BreakerFailures: 5,
			BreakerOpen:     time.Second,
			SlowAfter:       25 * time.Millisecond,
		},
		Cache: Cache{
			Short:       10 * time.Second,
			Medium:      60 * time.Second,
			Long:        300 * time.Second,
			LocalTTL:    500 * time.Millisecond,
			LocalBytes:  128 << 20,
			LoadTimeout: 20 * time.Second,
			StaleAfter:  300 * time.Millisecond,
			AbsenceTTL:  5 * time.Second,
		},
		Arena: Arena{
			PrimaryProvider: "hyperliquid",
			Benchmarks:      []string{"buynhold_btc"},
			MatchWindow:     time.Minute,
		},
		Bounds: Bounds{
			MinAmount:       1e-12,
			MinDifference:   1e-24,
			MaxAmount:       1e15,
			EarliestYear:    2000,
			Ahead:           24 * time.Hour,
			MaxMarker:       100_000,
			MarkerTolerance: 24 * time.Hour,
			MaxMembers:      10_000,
			MaxRowBytes:     2 << 20,
		},
		Rollout:   Rollout{ParityInterval: 15 * time.Minute, ParityLimit: time.Hour, ShadowSample: 0.1},
		Log:       Log{Level: "info", Format: "text", Requests: 10, SlowStatement: 500 * time.Millisecond},
		Tracing:   Tracing{SampleRatio: 0.1, ServiceName: "nof0"},
		Retention: Retention{Keep: 30 * 24 * time.Hour, ArchiveDir: "archive"},
	}
}
