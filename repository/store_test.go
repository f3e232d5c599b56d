package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

func TestInTxIsAllOrNothing(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
		cancel := func() {}
		tables := []string{
			"trades", "model_stats", "account_equity_snapshots", "positions", "price_ticks", "price_latest",
			"decision_cycles", "conversations", "conversation_messages", "model_analytics", "symbols",
		}
		write := func(ctx context.Context, tx Repositories) error {
			_, err1 := tx.Trades.Insert(ctx, []entities.Trade{newTrade(model1, "a")})
			_, err2 := tx.Equity.Insert(ctx, []entities.AccountEquitySnapshot{newSnapshot(model1, begin)})
			_, _, err3 := tx.Positions.State(ctx, model1, []entities.Position{newPosition("BTC", 1)}, nil, begin)
			_, err4 := tx.Prices.InsertTicks(ctx, []entities.PriceTick{newTick("BTC", begin, 1)})
			err5 := tx.Prices.RaiseLatest(ctx, []entities.PriceLatest{newPrice("BTC", 0, 1)})
			_, err6 := tx.Decisions.Insert(ctx, []entities.DecisionCycle{newDecision(model1, "a", begin)})
			_, err7 := tx.Conversations.Append(ctx, newThread("t"), said("1 a"))
			_, err8 := tx.Analytics.Put(ctx, newDoc(0, `{}`))
			_, err9 := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}})
			return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9)
		}
		for name, c := range map[string]struct {
			end  func(ctx context.Context, tx Repositories) error
			want error
		}{
			"error": {func(context.Context, Repositories) error { return assert.AnError }, assert.AnError},
			"error of an outage elsewhere": {func(context.Context, Repositories) error {
				return &net.OpError{Op: "dial", Err: assert.AnError}
			}, assert.AnError},
			"cancelled before the commit": {func(context.Context, Repositories) error {
				cancel()
				return nil
			}, context.Canceled},
		} {
			t.Run(name, func(t *testing.T) { //nolint:paralleltest // in turn, on one database
				var ctx context.Context
				ctx, cancel = context.WithCancel(t.Context())
				defer cancel()
				err := s.InTx(ctx, func(ctx context.Context, tx Repositories) error {
					if err := write(ctx, tx); err != nil {
						return err
					}
					return c.end(ctx, tx)
				})
				require.ErrorIs(t, err, c.want)
				require.NotErrorIs(t, err, ErrUnavailable)
				for _, table := range tables {
					assert.Empty(t, rowsOf(t, s, table), table)
				}
			})
		}
		require.PanicsWithValue(t, "in the middle", func() {
			_ = s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				if err := write(ctx, tx); err != nil {
					return err
				}
				panic("in the middle")
			})
		})
		for _, table := range tables {
			assert.Empty(t, rowsOf(t, s, table), table)
		}
		assert.Zero(t, s.PoolStats().InUse, "the connection is given back")
		require.NoError(t, s.InTx(t.Context(), write))
		for _, table := range tables {
			assert.Len(t, rowsOf(t, s, table), 1, table)
		}
	})
}

func TestInTxEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		context func(context.Context) (context.Context, context.CancelFunc)
		want    error
		outage  bool
	}{
		"cancelled": {context.WithCancel, context.Canceled, false},
		"too late": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 300*time.Millisecond)
		}, context.DeadlineExceeded, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, s *Store) {
				ctx, cancel := c.context(t.Context())
				defer cancel()
				err := s.InTx(ctx, func(ctx context.Context, tx Repositories) error {
					if _, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}}); err != nil {
						return err
					}
					if c.want == context.Canceled { //nolint:errorlint // names the case
						cancel()
					}
					<-ctx.Done()
					_, first := tx.Models.All(ctx)
					_, second := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "ETH"}})
					for _, err := range []error{first, second} {
						require.ErrorIs(t, err, c.want)
						require.Equal(t, c.outage, errors.Is(err, ErrUnavailable), "%v", err)
					}
					return second
				})
				require.ErrorIs(t, err, c.want)
				assert.Empty(t, rowsOf(t, s, "symbols"))
				await.True(t, func() bool { return s.PoolStats().InUse == 0 })
			})
		})
	}
}

// A statement that runs when the context ends is interrupted.
func TestInTxInterruptsAStatement(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		require.NoError(t, s.InTx(t.Context(), func(outer context.Context, tx Repositories) error {
			if _, err := tx.Accounts.Lock(outer, []string{model1}); err != nil {
				return err
			}
			go func() {
				_, err := inTx(ctx, s, func(ctx context.Context, tx Repositories) (struct{}, error) {
					if _, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}}); err != nil {
						return struct{}{}, err
					}
					_, err := tx.Accounts.Lock(ctx, []string{model1})
					return struct{}{}, err
				})
				done <- err
			}()
			await.True(t, func() bool { return waiting(t, s) > 0 })
			cancel()
			err := <-done
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, ErrUnavailable)
			return nil
		}))
		await.True(t, func() bool { return waiting(t, s) == 0 })
		assert.Empty(t, rowsOf(t, s, "symbols"))
	})
}

func TestInTxReportsAnErrorThatIsHidden(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			if _, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}}); err != nil {
				return err
			}
			_, err := tx.Trades.Insert(ctx, []entities.Trade{newTrade(model1, "a", func(t *entities.Trade) { t.Side = "" })})
			require.Error(t, err)
			return nil
		})
		require.Error(t, err)
		assert.Empty(t, rowsOf(t, s, "symbols"))
	})
}

// As InTx documents: the inner transaction is one of its own.
func TestInTxDoesNotNest(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		if _, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "outer"}}); err != nil {
			return err
		}
		require.NoError(t, s.InTx(ctx, func(ctx context.Context, inner Repositories) error {
			symbols, err := inner.Symbols.All(ctx)
			assert.Empty(t, symbols)
			if err != nil {
				return err
			}
			_, err = inner.Symbols.Register(ctx, []entities.Symbol{{Symbol: "inner"}})
			return err
		}))
		return assert.AnError
	})
	require.ErrorIs(t, err, assert.AnError)
	symbols, err := s.Symbols.All(t.Context())
	require.NoError(t, err)
	require.Len(t, symbols, 1)
	assert.Equal(t, "inner", symbols[0].Symbol)
}

func TestPoolExhaustedKeepsTheDeadline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement, caller time.Duration
	}{
		"of the caller": {caller: 50 * time.Millisecond},
		"of each call":  {statement: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, newDSN(t), func(o *Options) { o.MaxOpen, o.MaxIdle, o.StatementTimeout = 1, 1, c.statement })
			require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				outside := ctx
				if c.caller > 0 {
					var cancel context.CancelFunc
					outside, cancel = context.WithTimeout(ctx, c.caller)
					defer cancel()
				}
				_, err := s.Models.All(outside)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, ErrUnavailable)
				if c.caller > 0 {
					err = s.InTx(outside, func(context.Context, Repositories) error { return errors.New("never reached") })
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, ErrUnavailable)
				}
				_, err = tx.Models.All(ctx) // the transaction itself goes on
				return err
			}))
			await.True(t, func() bool { // a busy machine may need longer than a call has
				_, err := s.Models.All(t.Context())
				return err == nil
			})
		})
	}
}

func TestObserveIsToldEachCall(t *testing.T) {
	t.Parallel()
	var (
		mu    sync.Mutex
		calls []string
	)
	s := openStore(t, newDSN(t), func(o *Options) {
		o.Observe = func(_ context.Context, repository, method string) func(*error) {
			return func(err *error) {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, fmt.Sprintf("%s.%s failed %t", repository, method, *err != nil))
			}
		}
	})
	_, err := s.Models.All(t.Context())
	require.NoError(t, err)
	require.Error(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		_, err := tx.Decisions.Insert(ctx, []entities.DecisionCycle{{Extra: entities.JSON("}")}})
		return err
	}))
	require.NoError(t, s.Analyze(t.Context()))
	assert.Equal(t, []string{"models.All failed false", "decisions.Insert failed true", "store.Analyze failed false"}, calls)
}

func TestOutageOfAConnectionThatIsCut(t *testing.T) {
	t.Parallel()
	for name, parameters := range map[string][]string{"prepared statements": nil, "simple protocol": {simpleProtocol}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, dsn := testdb.NewDatabaseWay(t, newDSN(t, parameters...))
			s := openStore(t, dsn, func(o *Options) { o.MaxOpen, o.MaxIdle = 2, 2 })
			err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				_, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}})
				require.NoError(t, err)
				g.Cut()
				_, err = tx.Models.All(ctx)
				require.ErrorIs(t, err, ErrUnavailable)
				_, err = tx.Models.All(ctx) // still
				require.ErrorIs(t, err, ErrUnavailable)
				return err
			})
			require.ErrorIs(t, err, ErrUnavailable)
			symbols, err := s.Symbols.All(t.Context())
			require.NoError(t, err, "it recovers by itself")
			assert.Empty(t, symbols)

			require.ErrorIs(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				_, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}})
				g.Cut()
				return err
			}), ErrUnavailable, "whether the commit came through is not known")
		})
	}
}

func TestOutageOfAServerThatFallsSilent(t *testing.T) {
	t.Parallel()
	g, dsn := testdb.NewDatabaseWay(t, newDSN(t))
	s := openStore(t, dsn, func(o *Options) { o.MaxOpen, o.MaxIdle, o.StatementTimeout = 2, 2, 0 })
	_, err := s.Models.All(t.Context())
	require.NoError(t, err)
	g.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, call := range []func() error{
		func() error { _, err := s.Models.All(ctx); return err },
		func() error { return s.Ping(ctx) },
		func() error { return s.InTx(ctx, func(context.Context, Repositories) error { return nil }) },
	} {
		err := call()
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	g.Cut() // so that the pool need not wait for a farewell
}

func TestOutageOfABackendThatIsTerminated(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			var pid int
			if err := tx.Models.db.WithContext(ctx).Raw("SELECT pg_backend_pid()").Scan(&pid).Error; err != nil {
				return err
			}
			assert.True(t, scalar[bool](t, s, "SELECT pg_terminate_backend($1, 30000)", pid))
			_, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "BTC"}})
			require.ErrorIs(t, err, ErrUnavailable)
			_, err = tx.Symbols.All(ctx)
			require.ErrorIs(t, err, ErrUnavailable)
			return nil
		})
		require.ErrorIs(t, err, ErrUnavailable, "a commit that did not come through")

		// Idle connections that the server has ended: each call either finds a
		// new one or says that the database was away.
		execute(t, s, `SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user`)
		for {
			_, err := s.Models.All(t.Context())
			if err == nil {
				break
			}
			require.ErrorIs(t, err, ErrUnavailable)
		}
	})
}

func TestOpenWhereThereIsNoDatabase(t *testing.T) {
	t.Parallel()
	const password = "hunter2-sEcReT"
	const closed = "127.0.0.1:1"
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() }) // it accepts in its backlog, and never answers
	server, err := url.Parse(newDSN(t))
	require.NoError(t, err)
	wrong := *server
	wrong.User = url.UserPassword("nobody", password)
	missing := *server
	missing.Path = "/" + password

	for name, c := range map[string]struct {
		dsn     string
		timeout time.Duration
		outage  bool
		late    bool
	}{
		"closed port":                 {dsn: "postgres://u:" + password + "@" + closed + "/d?sslmode=disable", outage: true},
		"closed port as keys":         {dsn: "host=127.0.0.1 port=" + closed[len("127.0.0.1:"):] + " user=u password=" + password, outage: true},
		"silent server":               {dsn: "postgres://u:" + password + "@" + silent.Addr().String() + "/d", timeout: 50 * time.Millisecond, outage: true},
		"silent server, own deadline": {dsn: "postgres://u:" + password + "@" + silent.Addr().String() + "/d", outage: true, late: true},
		"no such host":                {dsn: "postgres://u:" + password + "@host.invalid/d", outage: true},
		"wrong password":              {dsn: wrong.String(), outage: true},
		"bad port":                    {dsn: "postgres://u:" + password + "@localhost:port/d"},
		"bad escape":                  {dsn: "postgres://u:" + password + "%zz@localhost/d"},
		"bad option":                  {dsn: "postgres://u:" + password + "@localhost/d?sslmode=perhaps"},
		"bad mode":                    {dsn: "postgres://u:" + password + "@localhost/d?default_query_exec_mode=none"},
		"not a DSN":                   {dsn: "password " + password},
		"unclosed quote":              {dsn: "user=u password='" + password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if c.late {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			s, err := Open(ctx, Options{DSN: c.dsn, ConnectTimeout: c.timeout})
			require.Error(t, err)
			assert.Nil(t, s)
			assert.Equal(t, c.outage, errors.Is(err, ErrUnavailable), "%v", err)
			assert.Equal(t, c.late, errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil, "%v", err)
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				assert.NotContains(t, text, password)
			}
		})
	}
	_, err = Open(t.Context(), Options{DSN: missing.String()})
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		outage bool
	}{
		"unique violation":       {&pgconn.PgError{Code: "23505"}, false},
		"check violation":        {&pgconn.PgError{Code: "23514"}, false},
		"deadlock":               {&pgconn.PgError{Code: "40P01"}, false},
		"serialization failure":  {&pgconn.PgError{Code: "40001"}, false},
		"undefined table":        {&pgconn.PgError{Code: "42P01"}, false},
		"violation and deadline": {errors.Join(context.DeadlineExceeded, &pgconn.PgError{Code: "23505"}), false},
		"too many connections":   {&pgconn.PgError{Code: "53300"}, true},
		"disk full":              {&pgconn.PgError{Code: "53100"}, true},
		"admin shutdown":         {&pgconn.PgError{Code: "57P01"}, true},
		"starting up":            {&pgconn.PgError{Code: "57P03"}, true},
		"connection failure":     {&pgconn.PgError{Code: "08006"}, true},
		"io error":               {&pgconn.PgError{Code: "58030"}, true},
		"end of file":            {fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), true},
		"closed":                 {net.ErrClosed, true},
		"deadline":               {context.DeadlineExceeded, true},
		"cancelled":              {context.Canceled, false},
		"cancelled dial":         {&net.OpError{Op: "dial", Err: context.Canceled}, false},
		"refused":                {&net.OpError{Op: "dial", Err: assert.AnError}, true},
		"other":                  {assert.AnError, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := classify(fmt.Errorf("error in something: %w", c.err))
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.outage, errors.Is(err, ErrUnavailable))
			assert.Equal(t, err, classify(err), "once is enough")
		})
	}
	assert.NoError(t, classify(nil))
}
