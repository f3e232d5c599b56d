package faults

import (
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/season/seasontest"
)

// agree holds the database to the book: every trade of it once and nothing
// else, exact statistics, the open positions, the newest equity, and one event
// per fact.
func (s *system) agree(db *pgx.Conn, book *seasontest.Book) {
	s.t.Helper()
	trades, equity := 0, 0
	for _, model := range book.Models() {
		want := book.Trades(model)
		trades += len(want)
		equity += len(book.Equity(model))
		stored := s.list(db, "SELECT id FROM trades WHERE model_id = $1", model)
		require.Len(s.t, stored, len(want), "trades of %s", model)
		for _, id := range stored {
			require.Contains(s.t, want, id)
		}
		require.Equal(s.t, len(want), s.count(db, "SELECT coalesce(sum(num_trades), 0)::int FROM model_stats WHERE model_id = $1", model))
		s.agreeOnPositions(db, book, model)
		if newest, ok := book.Newest(model); ok {
			require.Equal(s.t, 1, s.count(db, `SELECT count(*) FROM (
				SELECT dollar_equity FROM account_equity_snapshots WHERE model_id = $1 ORDER BY observed_at DESC LIMIT 1
			) newest WHERE dollar_equity = $2`, model, newest.DollarEquity), "newest equity of %s", model)
		}
	}
	require.Equal(s.t, trades, s.count(db, "SELECT count(*) FROM trades"))
	require.Equal(s.t, equity, s.count(db, "SELECT count(*) FROM account_equity_snapshots"))
	for eventType, facts := range map[string]int{"trade": trades, "equity": equity} {
		require.Equal(s.t, facts, s.count(db, "SELECT count(*) FROM outbox_events WHERE type = $1", eventType), "one event per %s", eventType)
	}
	require.Equal(s.t, trades, s.count(db, "SELECT count(DISTINCT payload->>'id') FROM outbox_events WHERE type = 'trade'"))
	require.Zero(s.t, s.count(db, `SELECT count(*) FROM model_stats m
		WHERE m.winners_net_sum + m.losers_net_sum <> (SELECT sum(realized_net_pnl::text::numeric) FROM trades t WHERE t.model_id = m.model_id)`),
		"closing PnL adds up exactly")
}

func (s *system) agreeOnPositions(db *pgx.Conn, book *seasontest.Book, model string) {
	s.t.Helper()
	want := book.Open(model)
	open := s.list(db, "SELECT symbol FROM positions WHERE model_id = $1 AND status = 'open'", model)
	require.Len(s.t, open, len(want), "open positions of %s", model)
	for symbol, held := range want {
		require.Equal(s.t, 1, s.count(db, `SELECT count(*) FROM positions
			WHERE model_id = $1 AND symbol = $2 AND status = 'open' AND abs(quantity - $3) <= 1e-9 * $4
				AND entry_oid IS NOT DISTINCT FROM $5`,
			model, symbol, held.Position.Quantity, held.Opened, held.Position.EntryOid.Ptr()), "open position %s of %s", symbol, model)
	}
}

func (s *system) list(db *pgx.Conn, query string, args ...any) []string {
	s.t.Helper()
	rows, err := db.Query(s.t.Context(), query, args...)
	require.NoError(s.t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	return values
}
