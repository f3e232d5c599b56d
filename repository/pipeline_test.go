package repository

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"nof0/entities"
	"nof0/internal/testdb"
)

func laterSymbol(ctx context.Context, tx Repositories, name string) error {
	return later(tx.Symbols.db.WithContext(ctx)).Create(&entities.Symbol{Symbol: name}).Error
}

func symbolsOf(t *testing.T, s *Store, names ...string) (found []string) {
	t.Helper()
	rows, err := s.Symbols.Named(context.WithoutCancel(t.Context()), names)
	require.NoError(t, err)
	for _, r := range rows {
		found = append(found, r.Symbol)
	}
	return found
}

// What waits is stored by the commit, also where nothing else was sent.
func TestStatementsThatWait(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		failure := errors.New("no")
		for name, c := range map[string]struct {
			do     func(ctx context.Context, tx Repositories) error
			fails  bool
			stored []string
		}{
			"alone":   {do: func(ctx context.Context, tx Repositories) error { return laterSymbol(ctx, tx, "alone") }, stored: []string{"alone"}},
			"nothing": {do: func(context.Context, Repositories) error { return nil }},
			"undone unsent": {do: func(ctx context.Context, tx Repositories) error {
				return errors.Join(laterSymbol(ctx, tx, "undone unsent"), failure)
			}, fails: true},
			"undone sent": {do: func(ctx context.Context, tx Repositories) error {
				return errors.Join(laterSymbol(ctx, tx, "undone sent"), tx.Flush(ctx), laterSymbol(ctx, tx, "b"), failure)
			}, fails: true},
			"seen by the next": {do: func(ctx context.Context, tx Repositories) error {
				if err := laterSymbol(ctx, tx, "seen by the next"); err != nil {
					return err
				}
				found, err := tx.Symbols.Named(ctx, []string{"seen by the next"})
				if len(found) != 1 {
					err = fmt.Errorf("%d are seen", len(found))
				}
				return errors.Join(err, laterSymbol(ctx, tx, "and another"))
			}, stored: []string{"and another", "seen by the next"}},
			"one of them fails at the commit": {do: func(ctx context.Context, tx Repositories) error {
				return errors.Join(laterSymbol(ctx, tx, "first"), laterSymbol(ctx, tx, "first"), laterSymbol(ctx, tx, "third"))
			}, fails: true},
			"one of them fails at the next": {do: func(ctx context.Context, tx Repositories) error {
				err := errors.Join(tx.Flush(ctx), laterSymbol(ctx, tx, "fourth"), laterSymbol(ctx, tx, "fourth"))
				if err == nil && tx.Flush(ctx) == nil {
					return errors.New("the next statement did not say so")
				}
				return err // the commit does
			}, fails: true},
			"at a savepoint": {do: func(ctx context.Context, tx Repositories) error {
				err := errors.Join(laterSymbol(ctx, tx, "before"), tx.Attempt(ctx, func(ctx context.Context) error {
					return errors.Join(laterSymbol(ctx, tx, "within"), failure)
				}))
				if !errors.Is(err, failure) {
					return fmt.Errorf("not what was attempted: %w", err)
				}
				return laterSymbol(ctx, tx, "behind")
			}, stored: []string{"before", "behind"}},
		} {
			err := s.InTx(t.Context(), c.do)
			require.Equal(t, c.fails, err != nil, "%s: %v", name, err)
			require.Equal(t, c.stored, symbolsOf(t, s, name, "b", "and another", "first", "third", "fourth", "before", "within", "behind"), name)
			require.NoError(t, s.db.WithContext(t.Context()).Exec("DELETE FROM symbols").Error, "the connection goes on")
		}
	})
}

// One and the same is read from a row however it was sent.
func TestWhatIsReadTogetherIsReadAlone(t *testing.T) {
	t.Parallel()
	type row struct {
		Text, JSON, Numeric, Empty    *string
		Small, Large                  *int64
		Double                        *float64
		Yes                           *bool
		Bytes                         []byte
		At, Day                       *time.Time
		NoText, NoJSON                *string
		NoAt                          *time.Time
		NoBytes                       []byte
		Array                         *string
		Nothing                       *string
		Infinite, Tiny, WholeAsDouble *float64
	}
	const query = `SELECT 'é{}"'::text AS text, '{"a": [1, "b", 1.50]}'::jsonb AS json, 12345678901234567890.1200::numeric AS numeric, '' AS empty,
		7::smallint AS small, 1234567890123::bigint AS large, 0.1::float8 AS double, true AS yes, '\x0001ff'::bytea AS bytes,
		'2025-11-01 12:00:00.123456+02'::timestamptz AS at, '2025-11-01'::date AS day, NULL::text AS no_text, NULL::jsonb AS no_json,
		NULL::timestamptz AS no_at, NULL::bytea AS no_bytes, NULL AS nothing,
		'infinity'::float8 AS infinite, 5e-324::float8 AS tiny, 51::float8 AS whole_as_double`
	const array = query + `, ARRAY['a', 'b c']::text[] AS array` // which no column of an entity is
	eachProtocol(t, func(t *testing.T, s *Store) {
		var alone, first, many, arrays []row
		db := s.db.WithContext(t.Context())
		require.NoError(t, db.Raw(query).Find(&alone).Error)
		require.Len(t, alone, 1)
		require.NoError(t, db.Transaction(func(tx *gorm.DB) error { return tx.Raw(query).Find(&first).Error }), "with the BEGIN")
		assert.Equal(t, alone, first)
		require.NoError(t, db.Raw(array).Find(&alone).Error)
		require.NoError(t, db.Transaction(func(tx *gorm.DB) error { return tx.Raw(array).Find(&arrays).Error }))
		assert.Equal(t, alone, arrays)
		var empty []row
		q := queries{db: db}
		q.find(&empty, query+" LIMIT 0")
		q.find(&many, query+" UNION ALL "+query)
		require.NoError(t, q.run())
		assert.Empty(t, empty)
		assert.Equal(t, append(first, first...), many)
	})
}

// A query that fails is the error of all that were sent with it, and the transaction is
// over; the connection is not.
func TestAQueryOfManyThatFails(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		for range 3 {
			err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				if err := laterSymbol(ctx, tx, "with a failure"); err != nil {
					return err
				}
				var rows []entities.Symbol
				q := queries{db: tx.Symbols.db.WithContext(ctx)}
				q.find(&rows, "SELECT symbol FROM symbols")
				q.find(&rows, "SELECT symbol FROM symbols WHERE 1 / (length(symbol) - length(symbol)) > 0")
				return q.run()
			})
			require.ErrorContains(t, err, "division by zero")
			require.Empty(t, symbolsOf(t, s, "with a failure"))
		}
	})
}

// What was asked ahead comes with the queries before it, once its statement is known to the
// connection, and is asked for again after whatever may have changed it.
func TestQueriesThatAreAskedAhead(t *testing.T) {
	t.Parallel()
	gate, dsn := testdb.NewDatabaseWay(t, direct(t))
	s, err := Open(t.Context(), Options{DSN: dsn, MaxOpen: 1, MaxIdle: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	const symbols, models = "SELECT symbol FROM symbols WHERE symbol = ANY (?) ORDER BY symbol", "SELECT id FROM models WHERE id = ?"
	for name, c := range map[string]struct {
		between      func(ctx context.Context, tx Repositories) error
		first, later []string
		trips        int64 // of all queries, beside the COMMIT
	}{
		"nothing between": {func(context.Context, Repositories) error { return nil }, nil, nil, 2},
		"a write that waits": {
			func(ctx context.Context, tx Repositories) error { return laterSymbol(ctx, tx, "a") },
			[]string{"a"},
			[]string{"a"},
			3,
		},
		"a write at once": {func(ctx context.Context, tx Repositories) error {
			return tx.Symbols.db.WithContext(ctx).Exec("INSERT INTO symbols (symbol) VALUES ('a')").Error
		}, []string{"a"}, []string{"a"}, 4},
	} {
		var trips int64
		for range 3 { // until its statements have been prepared
			before := gate.Answers()
			err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				db := tx.Symbols.db.WithContext(ctx)
				names := []string{"a", "b"}
				read := func(want []string) error {
					var rows []entities.Symbol
					q := queries{db: db}
					q.find(&rows, symbols, &names)
					err := q.run()
					var found []string
					for _, r := range rows {
						found = append(found, r.Symbol)
					}
					assert.Equal(t, want, found, name)
					return err
				}
				ahead := queries{db: db}
				ahead.find(new([]entities.Symbol), symbols, &[]string{"a", "b"})
				other := queries{db: db}
				other.find(new([]entities.Model), models, "m")
				return errors.Join(ahead.ahead(), other.run(), c.between(ctx, tx), read(c.first), read(c.later), errRolledBack)
			})
			require.ErrorIs(t, err, errRolledBack, name)
			trips = gate.Answers() - before - 1 // the ROLLBACK
		}
		require.Equal(t, c.trips, trips, name)
	}
}

var errRolledBack = errors.New("enough")

// A server that is gone at the commit is an outage, and what came of it is not said.
func TestAConnectionThatIsCutWithStatementsWaiting(t *testing.T) {
	t.Parallel()
	gate, dsn := testdb.NewDatabaseWay(t, direct(t))
	s := openStore(t, dsn)
	err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		if err := errors.Join(tx.Flush(ctx), laterSymbol(ctx, tx, "cut")); err != nil {
			return err
		}
		gate.Cut()
		return nil
	})
	require.ErrorIs(t, err, ErrUnavailable)
}

// A server that ends with the session, or altogether, may have the commit in its log.
func TestWhetherACommitWasMade(t *testing.T) {
	t.Parallel()
	for severity, known := range map[string]bool{"ERROR": true, "FATAL": false, "PANIC": false} {
		err := uncertain(&pgconn.PgError{SeverityUnlocalized: severity, Code: "53100"})
		assert.Equal(t, !known, errors.Is(err, ErrUncertain), severity)
		require.ErrorIs(t, classify(err), ErrUnavailable, severity)
	}
	require.NoError(t, uncertain(nil))
}
