package repository

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

// newDatabaseWith is a fresh database for which its owner has settings of sessions.
func newDatabaseWith(t *testing.T, settings ...string) string {
	t.Helper()
	dsn := direct(t)
	conf, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	var statements strings.Builder
	for _, s := range settings {
		statements.WriteString("ALTER DATABASE " + pgx.Identifier{conf.Database}.Sanitize() + " SET " + s + ";")
	}
	testdb.Execute(t, dsn, statements.String())
	return dsn
}

// What is stored comes back, whatever the database, or the role, has been told of how
// values are written.
func TestSettingsOfADatabaseChangeNoValue(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"dates":   "datestyle = 'SQL, DMY'",
		"zone":    "timezone = 'Asia/Kathmandu'",
		"doubles": "extra_float_digits = 0",
		"bytes":   "bytea_output = 'escape'",
		"strings": "standard_conforming_strings = off",
	} {
		for protocol, parameters := range map[string][]string{"prepared statements": nil, "simple protocol": {simpleProtocol}} {
			t.Run(name+", "+protocol, func(t *testing.T) {
				t.Parallel()
				s := openStore(t, withParameters(t, newDatabaseWith(t, setting), parameters...))
				registerModels(t, s, model1)
				trade := newTrade(model1, `a\'b`, func(trade *entities.Trade) {
					trade.Quantity, trade.EntryPrice, trade.ExitPrice = math.Nextafter(0.3, 1), 15.479999999999999, math.Nextafter(108100, 0)
					trade.Extra = entities.JSON(`{"note": "a\\b'c"}`)
				})
				_, err := insertTrades(t.Context(), s, trade)
				require.NoError(t, err)
				found, err := s.Trades.Newest(t.Context(), 1)
				require.NoError(t, err)
				require.Len(t, found, 1)
				found[0].Timestamps, found[0].CompetitionID = entities.Timestamps{}, ""
				assert.Equal(t, trade, found[0])
				var raw []byte
				require.NoError(t, s.pool.QueryRowContext(t.Context(), `SELECT '\x00ff5c'::bytea`).Scan(&raw))
				assert.Equal(t, []byte{0, 255, '\\'}, raw)
			})
		}
	}
}

// A transaction decides by what was committed before it got its locks. One whose snapshot
// is older than those, as it is where the database begins transactions otherwise, would
// decide by what was true before.
func TestATransactionReadsWhatWasCommittedBeforeItsLocks(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"repeatable read", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, newDatabaseWith(t, "default_transaction_isolation = '"+isolation+"'"))
			assert.Equal(t, "read committed", scalar[string](t, s, "SHOW transaction_isolation"), "of a statement alone")
			locks, done := []Lock{LockModel("m")}, make(chan error, 1)
			require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
				require.NoError(t, tx.Locks.Hold(ctx, locks))
				require.NoError(t, tx.Flush(ctx))
				go func() {
					done <- s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
						if err := tx.Locks.Hold(ctx, locks); err != nil {
							return err
						}
						found, err := tx.Symbols.Named(ctx, []string{"SOL"})
						assert.Len(t, found, 1)
						return err
					})
				}()
				await.True(t, func() bool {
					var waiting int
					err := s.pool.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiting)
					return err == nil && waiting == 1
				})
				_, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "SOL"}})
				return err
			}))
			require.NoError(t, <-done)
			require.NoError(t, s.InSnapshot(t.Context(), time.Second, func(ctx context.Context, tx Repositories) error {
				var is string
				err := tx.Models.db.WithContext(ctx).Raw("SHOW transaction_isolation").Scan(&is).Error
				assert.Equal(t, "repeatable read", is)
				return err
			}))
		})
	}
}

// A pooler that takes no settings leaves those of the role: where doubles lose digits by them,
// nothing begins.
func TestDoublesThatLoseDigitsBehindAPoolerAreRefused(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{DSN: newDatabaseWith(t, "extra_float_digits = 0"), bare: true})
	require.ErrorContains(t, err, "extra_float_digits at 0")
}
