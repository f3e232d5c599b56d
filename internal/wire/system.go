package wire

// SystemState is the answer of /admin/system: how the process that answers, and the
// stores that it works on, are.
type SystemState struct {
	Version   string  `json:"version"`    // of the binary
	StartedAt float64 `json:"started_at"` // when the process started, in unix seconds
	Memory    float64 `json:"memory_bytes"`
	// Goroutines is how many there are.
	Goroutines int64      `json:"goroutines"`
	Postgres   StoreState `json:"postgres"`
	Redis      StoreState `json:"redis"`
	// Breaker is the state of the breaker around Redis: while it is open, Redis is not
	// asked.
	Breaker string `json:"breaker" enum:"closed,half open,open"`
	// Requests is how many are being answered, streams of events among them.
	Requests int64 `json:"requests_in_flight"`
	// Streams is how many streams of events this process serves.
	Streams int64 `json:"streams"`
	// SlowConsumers is how many streams were ended since their client took no event in time.
	SlowConsumers int64 `json:"slow_consumers"`
	// Pools are the connections to Postgres, by the work that they are for.
	Pools []Pool `json:"pools"`
}

// StoreState is whether a store can be used.
type StoreState struct {
	Usable bool   `json:"usable"`
	Reason string `json:"reason,omitzero"` // why it cannot
}

// Pool is one pool of connections to Postgres.
type Pool struct {
	Name    string  `json:"name" enum:"jobs,reads,writes"`
	Max     int64   `json:"max"` // how many connections it may have
	Open    int64   `json:"open"`
	InUse   int64   `json:"in_use"`
	Waits   int64   `json:"waits"`        // how often a connection was waited for, since the process started
	Waiting float64 `json:"wait_seconds"` // for how long, in all
}

// CacheState is the answer of /admin/cache: what the cache of the process that answers did
// since it started.
type CacheState struct {
	Families []CacheFamily `json:"families"` // by name
}

// CacheFamily is the cache of one family of keys.
type CacheFamily struct {
	Family string `json:"family"`
	Local  int64  `json:"local"`  // reads answered from the memory of this process
	Redis  int64  `json:"redis"`  // reads answered from Redis
	Misses int64  `json:"misses"` // reads that waited for Postgres
	// HitRatio is the share of reads that did not wait for Postgres, from 0 to 1; null
	// before the first.
	HitRatio    Opt[float64] `json:"hit_ratio"`
	Loads       int64        `json:"loads"` // from Postgres, those of early refreshes among them
	LoadErrors  int64        `json:"load_errors"`
	RedisErrors int64        `json:"redis_errors"` // uses of Redis that failed, or that the breaker refused
}

// OutboxState is the answer of /admin/outbox: the events between Postgres and Redis.
type OutboxState struct {
	Waiting int64   `json:"waiting"`     // events that are committed and not relayed yet
	Lag     float64 `json:"lag_seconds"` // age of the oldest of them; 0 where none waits
	// Oldest and Newest are the sequences of the events that are kept; 0 before the first.
	Oldest int64 `json:"oldest_sequence"`
	Newest int64 `json:"newest_sequence"`
	// Relayed counts by type the events that the process that answers relayed.
	Relayed map[string]int64 `json:"relayed"`
	// Failures counts its attempts that failed and were made again.
	Failures int64 `json:"failures"`
}

// JobStates is the answer of /admin/jobs: the work beside the requests of the process that
// answers, by name.
type JobStates struct {
	Jobs []JobState `json:"jobs"`
}

// JobState is work that is done in rounds.
type JobState struct {
	Name     string  `json:"name"`
	Interval float64 `json:"interval_seconds"` // how far apart its rounds are at most, while none fails
	// LastSuccess is when a round last ended well, in unix seconds; null where none has yet.
	LastSuccess Opt[float64] `json:"last_success"`
	// Next is when the next one begins at the latest, in unix seconds; null where none has
	// ended well yet.
	Next     Opt[float64] `json:"next"`
	Took     float64      `json:"took_seconds"` // how long the last round took
	Failures int64        `json:"failures"`     // rounds that failed, since the process started
}

// MigrationStates is the answer of /admin/migrations: the schema of the database against
// the migrations of the process that answers.
type MigrationStates struct {
	Version string             `json:"version"` // the newest in the database; empty on a fresh one
	Applied []AppliedMigration `json:"applied"` // oldest first
	Pending []string           `json:"pending"` // files that are still to run
	// Unknown are those that the database has and this process does not know.
	Unknown []string `json:"unknown"`
	// HalfApplied is the version that stopped in the middle.
	HalfApplied string `json:"half_applied,omitzero"`
}

// AppliedMigration is a migration that ran.
type AppliedMigration struct {
	Version string  `json:"version"`
	Name    string  `json:"name"`
	At      float64 `json:"at"` // unix seconds
	By      string  `json:"by"` // which program ran it
}

// TableStates is the answer of /admin/tables: what takes up room.
type TableStates struct {
	Tables []TableState `json:"tables"` // by name
	// Since is the time from which growth is counted, in unix seconds: a day ago, or when
	// the process that answers first looked.
	Since float64 `json:"since"`
	// Archives are the files that old partitions were written to, by name.
	Archives []Archive `json:"archives"`
	Disks    []Disk    `json:"disks"`
}

// TableState is the size of one table.
type TableState struct {
	Name  string  `json:"name"`
	Rows  float64 `json:"rows"`  // with those of its partitions, as the database last estimated them
	Bytes float64 `json:"bytes"` // with its indexes and its partitions
	Grown float64 `json:"grown_bytes"`
	// Partitions is how many it has; 0 where it is not partitioned.
	Partitions int `json:"partitions"`
	// Ahead is how many of them begin after this month.
	Ahead int `json:"partitions_ahead"`
}

// Archive is a file of an old partition.
type Archive struct {
	Name  string  `json:"name"`
	Bytes int64   `json:"bytes"`
	At    float64 `json:"at"` // when it was written, in unix seconds
}

// Disk is the file system of a configured directory.
type Disk struct {
	Directory string  `json:"directory"` // the name of the setting
	Bytes     float64 `json:"bytes"`
	Free      float64 `json:"free_bytes"`
}

// StatementStates is the answer of /admin/statements: the calls of repositories in the
// process that answers, those that took the longest in all first. They are known by their
// names, never by the values that they were called with.
type StatementStates struct {
	Statements []StatementState `json:"statements"`
}

// StatementState is what calls of one name took.
type StatementState struct {
	Name   string  `json:"name"`
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	Total  float64 `json:"total_seconds"`
	Mean   float64 `json:"mean_seconds"`
	// Median is a time that half of the calls did not exceed, and P99 one that 99 of 100 did
	// not; null above the largest bound that is counted, 30 s.
	Median Opt[float64] `json:"median_seconds"`
	P99    Opt[float64] `json:"p99_seconds"`
}

// Settings is the answer of /admin/configuration.
type Settings struct {
	Settings []Setting `json:"settings"`
}

// Setting is one key of the configuration in force.
type Setting struct {
	Key    string `json:"key"`
	Env    string `json:"env"`   // the variable that sets it
	Value  string `json:"value"` // a secret is masked
	Origin string `json:"origin" enum:"default,file,env,derived"`
}

// LogLevel is what /admin/log-level answers and takes: from which level on lines are logged.
type LogLevel struct {
	Level string `json:"level" enum:"debug,info,warn,error"`
}

// IngestState is the answer of /admin/ingest: what became of the items of writes that the
// process that answers took in since it started.
type IngestState struct {
	Kinds    []IngestKind    `json:"kinds"`    // by name; those that came
	Minutes  []IngestMinute  `json:"minutes"`  // of the last hour, oldest first; those in which something came
	Rejected []RejectedWrite `json:"rejected"` // newest first
}

// IngestKind counts the items of one kind.
type IngestKind struct {
	Kind string `json:"kind"`
	IngestCounts
}

// IngestMinute counts the items of one kind within a minute.
type IngestMinute struct {
	At   int64  `json:"at"` // its beginning, in unix seconds
	Kind string `json:"kind"`
	IngestCounts
}

// IngestCounts says what became of items.
type IngestCounts struct {
	Accepted  int64 `json:"accepted"`  // inserted or updated
	Unchanged int64 `json:"unchanged"` // stored before
	Rejected  int64 `json:"rejected"`
}

// RejectedWrite is an item that was rejected.
type RejectedWrite struct {
	At   float64 `json:"at"` // unix seconds
	Kind string  `json:"kind"`
	ID   string  `json:"id"` // identity of the fact; empty where the item does not tell it
	// Why is what kind of rejection it is.
	Why string `json:"why" enum:"invalid,unknown,conflict,sibling"`
	// Detail and Errors are what its sender was told.
	Detail      string `json:"detail"`
	Errors      Faults `json:"errors,omitempty"`
	Competition string `json:"competition_id,omitzero"` // absent of what belongs to none
}
