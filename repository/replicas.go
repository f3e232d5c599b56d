package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gorm.io/gorm"
)

// ErrNoReplica says that no replica has, in time, what the primary had, or that there is
// no replica that can be asked.
var ErrNoReplica = errors.New("no replica is as new as the primary")

// Replicas are standbys of a store's database that may be asked in place of the primary. It
// is safe for concurrent use.
//
// A replica is asked only for what is no older than the question: Read asks the primary
// how far its log is, and takes a replica that has replayed as much. So it sees
// every commit that anybody was told of before, as the primary does, and what is kept in a
// cache of what it answers is as good.
type Replicas struct {
	primary *Store
	all     []*replica
	wait    time.Duration
	turn    atomic.Uint32
	reads   *prometheus.CounterVec
	logger  *slog.Logger
}

type replica struct {
	*Store
	name string
	// away is until when it is not asked, in ns of the epoch.
	away atomic.Int64
	// lost says that it does not answer, or follows another primary.
	lost atomic.Bool
}

const (
	// afterBehind is for how long a replica is left alone that was too far behind, and
	// afterLost one that did not answer.
	afterBehind = 250 * time.Millisecond
	afterLost   = 2 * time.Second
	// replicaConnect bounds how long the first question to a replica takes, and
	// replicaRead all that is asked of it; then the primary is asked.
	replicaConnect = time.Second
	replicaRead    = 5 * time.Second
)

// Replicas opens a pool for each of the replicas, with the options of this store. It connects
// to nothing yet. Read waits for a replica that is behind for as long as wait.
func (s *Store) Replicas(dsns []string, wait time.Duration) (_ *Replicas, err error) {
	r := &Replicas{
		primary: s, wait: wait, logger: s.options.Logger,
		reads: promauto.With(nil).NewCounterVec(prometheus.CounterOpts{
			Namespace: "nof0", Subsystem: "replica", Name: "reads_total",
			Help: "Loads of views by what became of them: read from a replica, or from the primary since the replica was behind or failed.",
		}, []string{"outcome"}),
	}
	for i, dsn := range dsns {
		o := s.options
		o.DSN = dsn
		one, err := open(o, &origin{})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("replica %d: %w", i+1, err), r.Close())
		}
		r.all = append(r.all, &replica{Store: one, name: fmt.Sprintf("replica %d", i+1)})
	}
	return r, nil
}

// Collectors are the metrics of the pools, and of what was read.
func (r *Replicas) Collectors() []prometheus.Collector {
	all := []prometheus.Collector{r.reads}
	for _, one := range r.all {
		all = append(all, one.Pool(one.name))
	}
	return all
}

// Close closes the pools.
func (r *Replicas) Close() error {
	errs := make([]error, len(r.all))
	for i, one := range r.all {
		errs[i] = one.Close()
	}
	return errors.Join(errs...)
}

// place is how far the log of the primary is.
type place struct {
	LSN      string
	Timeline int64
}

// Read runs fn with repositories on one connection of a replica that has everything that
// was committed before Read was called. The error is ErrNoReplica where none has, or that
// of fn: of a replica that fails in the middle too, so that whoever asks the primary then
// must begin anew.
func (r *Replicas) Read(ctx context.Context, fn func(ctx context.Context, replica Repositories) error) error {
	one := r.next()
	if one == nil {
		r.reads.WithLabelValues("behind").Inc()
		return ErrNoReplica
	}
	// Before the question to the replica: what is committed between the two is not asked for.
	var at place
	err := r.primary.Models.run(ctx, "replicas", "Place", func(db *gorm.DB) error {
		// A commit that was told to somebody is in the log, though perhaps not on the disk.
		return db.Raw(`SELECT pg_current_wal_insert_lsn()::text AS lsn,
			('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint AS timeline`).Scan(&at).Error
	})
	if err != nil {
		return err // so is the primary
	}
	whole, cancel := context.WithTimeout(ctx, replicaRead)
	defer cancel()
	err = r.read(whole, one, at, fn)
	outcome := "replica"
	switch {
	case errors.Is(err, ErrNoReplica):
		outcome = "behind"
		one.leave(afterBehind)
	case errors.Is(err, ErrUnavailable) && ctx.Err() == nil:
		outcome = "failed"
		one.leave(afterLost)
		if !one.lost.Swap(true) && r.logger != nil {
			r.logger.WarnContext(ctx, "a replica cannot be read: the primary is", slog.String("replica", one.name), slog.Any("error", err))
		}
	case one.lost.Swap(false) && r.logger != nil:
		r.logger.InfoContext(ctx, "a replica is read again", slog.String("replica", one.name))
	}
	r.reads.WithLabelValues(outcome).Inc()
	return err
}

// next is the replica whose turn it is, nil where all are left alone.
func (r *Replicas) next() *replica {
	now, turn := time.Now().UnixNano(), int(r.turn.Add(1))
	for i := range r.all {
		if one := r.all[(turn+i)%len(r.all)]; one.away.Load() <= now {
			return one
		}
	}
	return nil
}

func (one *replica) leave(alone time.Duration) { one.away.Store(time.Now().Add(alone).UnixNano()) }

func (r *Replicas) read(ctx context.Context, one *replica, at place, fn func(ctx context.Context, replica Repositories) error) error {
	asking, cancel := context.WithTimeout(ctx, replicaConnect)
	defer cancel()
	conn, err := one.pool.Conn(asking)
	if err != nil {
		return unavailable(asking, err)
	}
	defer conn.Close() // to the pool; what failed has closed it already
	if err := r.sameDatabase(asking, one); err != nil {
		return err
	}
	for began, pause := time.Now(), time.Millisecond; ; pause *= 2 {
		var follows, there bool
		// All on one connection: an address may stand for several replicas.
		err := conn.QueryRowContext(asking, `SELECT
			pg_is_in_recovery() AND coalesce((SELECT received_tli = $2 FROM pg_stat_wal_receiver), false),
			coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)`, at.LSN, at.Timeline).Scan(&follows, &there)
		switch left := r.wait - time.Since(began); {
		case err != nil:
			return unavailable(asking, err)
		case !follows:
			return fmt.Errorf("%w: it does not stream from the primary on timeline %d, or its user may not see that: GRANT pg_read_all_stats TO it", ErrUnavailable, at.Timeline)
		case there:
			db := one.db.WithContext(ctx)
			db.Statement.ConnPool = conn
			b := r.primary.Models.base
			b.db = db
			return fn(ctx, bind(b))
		case left <= 0:
			return ErrNoReplica
		default:
			timer := time.NewTimer(min(pause, left))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			}
		}
	}
}

// sameDatabase holds that a replica is of the database that the primary is.
func (r *Replicas) sameDatabase(ctx context.Context, one *replica) error {
	same := func() bool { return one.origin.database() == r.primary.origin.database() }
	if same() {
		return nil
	}
	if err := one.CheckIdentity(ctx); err != nil {
		return err
	}
	if !same() {
		return fmt.Errorf("%w: it is no replica of the database in DATABASE_URL", ErrUnavailable)
	}
	return nil
}

// database is the identity without the timeline, which a standby does not have.
func (o *origin) database() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.is[:max(0, strings.LastIndex(o.is, "/"))]
}

func unavailable(ctx context.Context, err error) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, withCause(ctx, err))
}
