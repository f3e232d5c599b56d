package repository

import (
	"context"
	"hash/fnv"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Locks keeps other writers from what a transaction decides on: from rows that it
// has read, and from those that do not exist yet, which no row lock covers.
type Locks struct{ base }

// Lock is the key of an advisory lock. Locks are taken in the order of their
// keys: the rollout, metrics (LockRecompute), models, traders, venues, symbols,
// competitions.
type Lock int64

const (
	// LockRollout is held shared by whoever writes facts of a domain (see Rollout).
	LockRollout Lock = 0x6e6f6630_0004
	// LockRecompute is held by whoever computes metrics.
	LockRecompute Lock = LockRollout + 1
)

// lockBuckets bounds the locks of one transaction, since the server's table of
// locks has room for some thousand: identities of one hash share a lock.
const lockBuckets = 256

// The classes of identities, each a range of lockBuckets keys above LockRollout.
const (
	lockModels Lock = LockRollout + lockBuckets*(1+iota)
	lockTraders
	lockVenues
	lockSymbols
	lockCompetitions
)

// LockModel is held by the one writer of a model: its row, its account, and
// everything that belongs to it.
func LockModel(id string) Lock { return lockOf(lockModels, id) }

// LockTrader is held by the one writer of a trader's state.
func LockTrader(id string) Lock { return lockOf(lockTraders, id) }

// LockVenue is held by the one writer of a symbol at a provider: its ticks, its
// newest price, its market context and its metadata.
func LockVenue(provider, symbol string) Lock { return lockOf(lockVenues, provider, symbol) }

// LockSymbol is held by the one writer of a symbol.
func LockSymbol(symbol string) Lock { return lockOf(lockSymbols, symbol) }

// LockCompetition is held by the one writer of a competition.
func LockCompetition(id string) Lock { return lockOf(lockCompetitions, id) }

func lockOf(class Lock, names ...string) Lock {
	hash := fnv.New32a()
	for _, name := range names {
		_, _ = hash.Write([]byte(name + "\x00"))
	}
	return class + Lock(hash.Sum32()%lockBuckets)
}

// Bound makes the transaction wait no longer than that for each lock, such as the
// table's that a migration holds; the error then wraps ErrLocked.
func (r Locks) Bound(ctx context.Context, wait time.Duration) error {
	return r.run(ctx, "locks", "Bound", func(db *gorm.DB) error { return boundLocks(db, wait) })
}

func boundLocks(db *gorm.DB, wait time.Duration) error {
	return later(db).Exec("SELECT set_config('lock_timeout', ?, true)", milliseconds(wait)).Error
}

// workBeside is how long a transaction may hold its locks and do nothing in the
// database, where it works elsewhere meanwhile: what it holds keeps migrations
// waiting, and dead rows in place.
const workBeside = 5 * time.Minute

// WorkBeside lets the transaction do nothing for as long as it takes to read files or
// to write some, five minutes, in place of Session.IdleInTransaction.
func (r Locks) WorkBeside(ctx context.Context) error {
	return r.run(ctx, "locks", "WorkBeside", func(db *gorm.DB) error {
		return db.Exec("SELECT set_config('idle_in_transaction_session_timeout', ?, true)", milliseconds(workBeside)).Error
	})
}

// Hold waits for the locks and holds them until the transaction ends: LockRollout
// with others, the rest alone. Within a transaction it waits with the statement that
// comes next (see later): nothing is locked before. It takes them in one order, so that two
// transactions that call it once cannot wait for each other; one that calls it
// again may only ask for locks above those that it holds.
func (r Locks) Hold(ctx context.Context, locks []Lock) error {
	if len(locks) == 0 {
		return nil
	}
	keys := make([]int64, len(locks))
	for i, lock := range locks {
		keys[i] = int64(lock)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return r.run(ctx, "locks", "Hold", func(db *gorm.DB) error {
		// It is in the way of every write: GORM would take as long as the database.
		db = later(db)
		_, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, `
			SELECT CASE key WHEN $2 THEN pg_advisory_xact_lock_shared(key) ELSE pg_advisory_xact_lock(key) END
			FROM unnest($1::bigint[]) AS key`, keys, int64(LockRollout))
		return err
	})
}
