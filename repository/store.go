package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"nof0/entities"
)

// Options configure Open.
type Options struct {
	// DSN is a Postgres URL or key=value string. With
	// default_query_exec_mode=simple_protocol it works through a transaction
	// pooler.
	DSN            string
	MaxOpen        int
	MaxIdle        int
	MaxLifetime    time.Duration
	ConnectTimeout time.Duration
	// StatementTimeout bounds each call of a repository: a deadline of the call.
	StatementTimeout time.Duration
	// Session are settings of each session; a pooler may refuse them, and they are
	// then its own to make.
	Session Session
	// HungAfter is how long a call or a transaction waits before it ends, and others are
	// refused, where the database answers no ping either (see hung); 0 is never.
	HungAfter time.Duration
	Logger    *slog.Logger // nil logs nothing
	// Observe, where given, is called as each method starts; what it returns
	// is called with the method's error as it ends.
	Observe func(ctx context.Context, repository, method string) func(err *error)

	unprepared bool // see behindPooler
	bare       bool // a pooler takes no settings of sessions
}

// Store is the pool of connections and the repositories bound to it.
type Store struct {
	Repositories
	db      *gorm.DB
	pool    *sql.DB
	origin  *origin
	hung    *hung
	options Options
}

// Repositories are the aggregates, all bound to the same pool or transaction, and to
// the same competition (see In).
type Repositories struct {
	Competitions  Competitions
	Models        Models
	Symbols       Symbols
	Prices        Prices
	Accounts      Accounts
	Equity        Equity
	Positions     Positions
	Trades        Trades
	Stats         Stats
	Analytics     Analytics
	Recompute     Recompute
	Conversations Conversations
	Decisions     Decisions
	Traders       Traders
	Markets       Markets
	Trading       Trading
	Outbox        Outbox
	Idempotency   Idempotency
	Rollout       Rollout
	Locks         Locks
	Parity        Parity
	Mirror        Mirror
	Corrections   Corrections
	Candles       Candles
}

// Open connects to the database. It fails where the database cannot be reached.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(o, &origin{})
	if err != nil {
		return nil, err
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	err = s.pool.PingContext(ctx)
	refused := refusesSettings(err) && !o.bare
	var pooled bool
	if err == nil {
		pooled, err = behindPooler(ctx, s.pool)
	}
	switch {
	case refused:
		log.WarnContext(ctx, "the pooler takes no settings of sessions: set lock_timeout and idle_in_transaction_session_timeout for the role", slog.Any("error", err))
		o.bare = true
	case err != nil:
		return nil, errors.Join(fmt.Errorf("error connecting to the database: %w", classify(withCause(ctx, err))), s.Close())
	case pooled && !o.unprepared && !choosesExecMode(o.DSN):
		log.InfoContext(ctx, "a pooler stands before the database: statements are not prepared; default_query_exec_mode in DATABASE_URL chooses another way")
		o.unprepared = true
	default:
		return s, nil
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return Open(ctx, o)
}

// Beside opens another pool of connections to the same database, with what change
// makes of the options of this one. It connects to nothing yet. Both find out
// together that the database is another one.
func (s *Store) Beside(change func(*Options)) (*Store, error) {
	o := s.options
	change(&o)
	return open(o, s.origin)
}

func open(o Options, from *origin) (*Store, error) {
	conf, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		// The parser's own message may quote the DSN with its password.
		return nil, errors.New("DATABASE_URL is no Postgres URL or key=value string")
	}
	if o.ConnectTimeout > 0 {
		conf.ConnectTimeout = o.ConnectTimeout
	}
	maps.Copy(conf.RuntimeParams, everySession())
	if !o.bare {
		o.Session.set(conf)
	}
	if o.unprepared {
		conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	conf.OnPgError = keepsSession
	connections := connector{observe: o.Observe, Connector: stdlib.GetConnector(*conf, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		readUTC(conn)
		if err := RequireUTF8(ctx, conn); err != nil {
			return err
		}
		return from.ask(ctx, conn)
	}))}
	pool := sql.OpenDB(connections)
	pool.SetMaxOpenConns(o.MaxOpen)
	pool.SetMaxIdleConns(o.MaxIdle)
	pool.SetConnMaxLifetime(o.MaxLifetime)

	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{
		Logger:                 logger.Discard, // callers log what a method returns, once
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true, // it knows no context
		NowFunc:                func() time.Time { return time.Now().UTC() },
		QueryFields:            true, // see columnsOf
	})
	if err == nil {
		err = scopeStatements(db)
	}
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	s := &Store{db: db, pool: pool, origin: from, options: o}
	if o.HungAfter > 0 {
		s.hung = newHung(o.HungAfter, sql.OpenDB(connections), o.Logger)
	}
	s.Repositories = bind(base{db: db, competition: entities.FirstCompetition, timeout: o.StatementTimeout, observe: o.Observe, hung: s.hung})
	return s, nil
}

// readUTC makes a connection read times in UTC whatever the process's own zone.
func readUTC(conn *pgx.Conn) {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
}

// Close closes the pool.
func (s *Store) Close() error { return errors.Join(s.pool.Close(), s.hung.close()) }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return classify(withCause(ctx, s.pool.PingContext(ctx)))
}

// Analyze refreshes what the planner knows of the tables. A bulk load calls it,
// since the database itself gets round to it only a minute later.
func (s *Store) Analyze(ctx context.Context) error {
	return s.Models.run(ctx, "store", "Analyze", func(db *gorm.DB) error {
		var tables []string
		for _, e := range entities.All() {
			stmt := &gorm.Statement{DB: db}
			if err := stmt.Parse(e); err != nil {
				return err
			}
			tables = append(tables, stmt.Table)
		}
		return db.Exec("ANALYZE " + strings.Join(tables, ", ")).Error
	})
}

// SQL returns the pool, for what asks the database of its schema.
func (s *Store) SQL() *sql.DB { return s.pool }

// PoolStats returns the figures of the pool.
func (s *Store) PoolStats() sql.DBStats { return s.pool.Stats() }

// InTx runs fn in one transaction: what the repositories that it receives do
// happens together or not at all. They are bound to the competition that the store
// is bound to (see In). An error or a panic of fn rolls back, as does
// the end of ctx before the commit. The error of fn is returned as it is.
//
// After a statement that failed the transaction can only be rolled back: where
// fn hides the error, the commit reports it.
//
// InTx does not nest: called from within fn, it is a transaction of its own on
// another connection of the pool, which does not see what the outer one wrote,
// outlives its rollback, and waits forever for a row that the outer one has
// locked. Hand on the repositories instead.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx Repositories) error) error {
	return s.inTx(ctx, nil, fn)
}

func (s *Store) inTx(ctx context.Context, o *sql.TxOptions, fn func(ctx context.Context, tx Repositories) error) error {
	ctx, leave, err := s.hung.enter(ctx)
	if err != nil {
		return fmt.Errorf("error in transaction: %w", err)
	}
	var failed error
	err = s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		failed = fn(ctx, bind(base{db: tx, competition: s.Models.competition, observe: s.Models.observe}))
		return failed
	}, o)
	if failed != nil {
		return leave(failed)
	}
	if err := leave(classify(withCause(ctx, err))); err != nil {
		return fmt.Errorf("error in transaction: %w", err)
	}
	return nil
}

// InSnapshot runs fn in a transaction that only reads: all that it reads is of
// one moment. A statement waits for a lock no longer than lockWait. In all else it
// is as InTx.
func (s *Store) InSnapshot(ctx context.Context, lockWait time.Duration, fn func(ctx context.Context, tx Repositories) error) error {
	return s.inTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, func(ctx context.Context, tx Repositories) error {
		if err := tx.Locks.Bound(ctx, lockWait); err != nil {
			return err
		}
		if err := tx.Locks.WorkBeside(ctx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// Attempt runs do at a savepoint of the transaction that the repositories are bound to:
// where it returns an error, that is returned, and what it did is undone.
func (r Repositories) Attempt(ctx context.Context, do func(ctx context.Context) error) error {
	return r.Models.db.WithContext(ctx).Transaction(func(*gorm.DB) error { return do(ctx) })
}

func bind(b base) Repositories {
	return Repositories{
		Competitions:  Competitions{b},
		Models:        Models{b},
		Symbols:       Symbols{b},
		Prices:        Prices{b},
		Accounts:      Accounts{b},
		Equity:        Equity{b},
		Positions:     Positions{b},
		Trades:        Trades{b},
		Stats:         Stats{b},
		Analytics:     Analytics{b},
		Recompute:     Recompute{b},
		Conversations: Conversations{b},
		Decisions:     Decisions{b},
		Traders:       Traders{b},
		Markets:       Markets{b},
		Trading:       Trading{b},
		Outbox:        Outbox{b},
		Idempotency:   Idempotency{b},
		Rollout:       Rollout{b},
		Locks:         Locks{b},
		Parity:        Parity{b},
		Mirror:        Mirror{b},
		Corrections:   Corrections{b},
		Candles:       Candles{b},
	}
}

// base is what every repository is bound to.
type base struct {
	db          *gorm.DB
	competition string
	timeout     time.Duration // 0 inside a transaction, which has its caller's deadline
	observe     func(ctx context.Context, repository, method string) func(err *error)
	hung        *hung // nil inside a transaction, which has passed it
}

// run does the work of one method: it bounds its time, observes it, binds what it
// does to the competition (see scope.go), and classifies its error.
func (b base) run(ctx context.Context, repository, method string, work func(db *gorm.DB) error) (err error) {
	if b.observe != nil {
		defer b.observe(ctx, repository, method)(&err)
	}
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	ctx, leave, err := b.hung.enter(ctx)
	if err == nil {
		err = leave(classify(withCause(ctx, work(b.db.WithContext(withCompetition(ctx, b.competition))))))
	}
	if err != nil {
		return fmt.Errorf("error in %s.%s: %w", repository, method, err)
	}
	return nil
}
