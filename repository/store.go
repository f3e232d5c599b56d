package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
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
	// StatementTimeout bounds each call of a repository. It is a deadline of
	// the call, not a setting of the session, which a pooler would not keep.
	StatementTimeout time.Duration
	Logger           *slog.Logger
	// Observe, where given, is called as each method starts; what it returns
	// is called with the method's error as it ends.
	Observe func(repository, method string) func(err *error)
}

// Store is the pool of connections and the repositories bound to it.
type Store struct {
	Repositories
	db   *gorm.DB
	pool *sql.DB
}

// Repositories are the aggregates, all bound to the same pool or transaction.
type Repositories struct {
	Models        Models
	Symbols       Symbols
	Prices        Prices
	Accounts      Accounts
	Equity        Equity
	Positions     Positions
	Trades        Trades
	Stats         Stats
	Analytics     Analytics
	Conversations Conversations
	Decisions     Decisions
}

// Open connects to the database. It fails where the database cannot be reached.
func Open(ctx context.Context, o Options) (*Store, error) {
	conf, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		// The parser's own message may quote the DSN with its password.
		return nil, errors.New("DATABASE_URL is no Postgres URL or key=value string")
	}
	if o.ConnectTimeout > 0 {
		conf.ConnectTimeout = o.ConnectTimeout
	}
	conf.RuntimeParams["timezone"] = "UTC"
	pool := stdlib.OpenDB(*conf)
	pool.SetMaxOpenConns(o.MaxOpen)
	pool.SetMaxIdleConns(o.MaxIdle)
	pool.SetConnMaxLifetime(o.MaxLifetime)

	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{
		Logger:                 logger.Discard, // callers log what a method returns, once
		SkipDefaultTransaction: true,
		NowFunc:                func() time.Time { return time.Now().UTC() },
	})
	if err == nil {
		err = pool.PingContext(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("error connecting to the database: %w", classify(err)), pool.Close())
	}
	s := &Store{db: db, pool: pool}
	s.Repositories = bind(base{db: db, timeout: o.StatementTimeout, observe: o.Observe})
	return s, nil
}

// Close closes the pool.
func (s *Store) Close() error { return s.pool.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return classify(s.pool.PingContext(ctx)) }

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

// PoolStats returns the figures of the pool.
func (s *Store) PoolStats() sql.DBStats { return s.pool.Stats() }

// InTx runs fn in one transaction: what the repositories that it receives do
// happens together or not at all. An error or a panic of fn rolls back.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx Repositories) error) error {
	root := s.Models.base
	return classify(s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return fn(ctx, bind(base{db: tx, observe: root.observe}))
	}))
}

func bind(b base) Repositories {
	return Repositories{
		Models:        Models{b},
		Symbols:       Symbols{b},
		Prices:        Prices{b},
		Accounts:      Accounts{b},
		Equity:        Equity{b},
		Positions:     Positions{b},
		Trades:        Trades{b},
		Stats:         Stats{b},
		Analytics:     Analytics{b},
		Conversations: Conversations{b},
		Decisions:     Decisions{b},
	}
}

// base is what every repository is bound to.
type base struct {
	db      *gorm.DB
	timeout time.Duration // 0 inside a transaction, which has its caller's deadline
	observe func(repository, method string) func(err *error)
}

// run does the work of one method: it bounds its time, observes it, and
// classifies its error.
func (b base) run(ctx context.Context, repository, method string, work func(db *gorm.DB) error) (err error) {
	if b.observe != nil {
		defer b.observe(repository, method)(&err)
	}
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	if err := classify(work(b.db.WithContext(ctx))); err != nil {
		return fmt.Errorf("error in %s.%s: %w", repository, method, err)
	}
	return nil
}
