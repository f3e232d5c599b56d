package arena_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// TestDownloadsAreTheWholeSelection holds downloads and pages to a count by SQL, for
// selections of more rows than a page has, and the cells of a table to the members of
// the rows.
func TestDownloadsAreTheWholeSelection(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	for kind, item := range everyKind("m", "SOL") {
		b.send(t, kind, item)
	}
	for _, statement := range []string{
		`INSERT INTO trades (model_id, id, provider, symbol, side, trade_type, quantity, entry_time, entry_price, exit_time, exit_price, realized_net_pnl)
			SELECT 'm', 'id' || g, 'hyperliquid', 'SOL', CASE WHEN g % 2 = 0 THEN 'long' ELSE 'short' END,
				(ARRAY['=1+1', '+1', '-1', '@x', E'\t=1', E'\r=1', 'a "quoted", text', '', NULL])[g % 9 + 1],
				-1.5, timestamptz '2025-10-18 22:30:00+00', 1, timestamptz '2025-10-18 22:30:00+00' + g / 3 * interval '1 second', 1, -g / 4.0
			FROM generate_series(1, 2345) g`,
		`INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity)
			SELECT 'm', timestamptz '2025-10-18 22:30:00+00' + g * interval '1 second', 0, -g / 8.0 FROM generate_series(1, 1999) g`,
	} {
		_, err := b.db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s := serviceOf(t, arena.NewStore(b.store.Repositories, "hyperliquid", time.Now), 0)
	text := func(req arena.Request) string {
		t.Helper()
		answer, err := s.Answer(t.Context(), req)
		require.NoError(t, err)
		require.Nil(t, answer.Body)
		var plain, packed bytes.Buffer
		require.NoError(t, answer.Stream.Identity(t.Context(), &plain))
		require.NoError(t, answer.Stream.Gzip(t.Context(), &packed))
		unpacked, err := gzip.NewReader(&packed)
		require.NoError(t, err)
		again, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.Equal(t, plain.String(), string(again))
		return plain.String()
	}
	for _, c := range []struct {
		req   arena.Request
		count string
	}{
		{arena.Request{View: catalogue.ViewTrades}, `SELECT count(*) FROM trades`},
		{arena.Request{View: catalogue.ViewTrades, Model: "m", Side: "long", Sort: "asc"}, `SELECT count(*) FROM trades WHERE side = 'long'`},
		{arena.Request{View: catalogue.ViewTrades, Limit: 7}, `SELECT 7`},
		{arena.Request{View: catalogue.ViewEquity}, `SELECT count(*) FROM account_equity_snapshots`},
		{arena.Request{View: catalogue.ViewEquity, Model: "m", Series: arena.Series{From: time.Unix(1760826700, 0), Points: 2}}, `SELECT count(*) FROM account_equity_snapshots WHERE observed_at >= to_timestamp(1760826700)`},
		{arena.Request{View: catalogue.ViewPrices, Symbol: "SOL"}, `SELECT count(*) FROM price_ticks WHERE symbol = 'SOL'`},
		{arena.Request{View: catalogue.ViewPositions}, `SELECT count(*) FROM positions WHERE status = 'open'`},
		{arena.Request{View: catalogue.ViewPositionsOf, Model: "m"}, `SELECT count(*) FROM positions`},
	} {
		want := b.count(t, c.count)
		c.req.Format = arena.FormatNDJSON
		lines := text(c.req)
		require.Equal(t, want, strings.Count(lines, "\n"), "%+v", c.req)
		c.req.Format = arena.FormatCSV
		table, err := csv.NewReader(strings.NewReader(text(c.req))).ReadAll()
		require.NoError(t, err)
		require.Len(t, table, want+1, "%+v", c.req)
		if c.req.View == catalogue.ViewTrades && c.req.Limit == 0 {
			c.req.Format, c.req.Limit = "", 100
			require.Len(t, walk(t, arena.NewStore(b.store.Repositories, "hyperliquid", time.Now), c.req), want)
		}
	}
	table, err := csv.NewReader(strings.NewReader(text(arena.Request{View: catalogue.ViewTrades, Format: arena.FormatCSV}))).ReadAll()
	require.NoError(t, err)
	column := map[string]int{}
	for i, name := range table[0] {
		column[name] = i
	}
	seen := map[string]bool{}
	for _, row := range table[1:] {
		kind := row[column["trade_type"]]
		seen[kind] = true
		require.NotContains(t, "=+-@\t\r", (kind + "x")[:1])
		require.NotEqual(t, "'", row[column["realized_net_pnl"]][:1], "a negative number stays one")
	}
	for _, kind := range []string{"'=1+1", "'+1", "'-1", "'@x", "'\t=1", `a "quoted", text`, ""} {
		require.True(t, seen[kind], "%q", kind)
	}
	_, err = s.Answer(t.Context(), arena.Request{View: catalogue.ViewTrades, Model: "nobody", Format: arena.FormatCSV})
	require.ErrorIs(t, err, arena.ErrUnknownModel, "before anything is sent")
	_, err = s.Answer(t.Context(), arena.Request{View: catalogue.ViewPrices, Symbol: "NOTHING", Format: arena.FormatCSV})
	require.ErrorIs(t, err, arena.ErrUnknownSymbol)
}

// TestPositionHistoryTellsWhatBecameOfThem opens a position, closes it in two parts and
// opens another, and pages through them.
func TestPositionHistoryTellsWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestPositions, `{"model_id":"m","position":{"symbol":"SOL","entry_oid":1,"entry_time":100,"entry_price":200,"quantity":-3}}`)
	b.send(t, arena.IngestTrades, trade("m_1", 1, "-1", 1000))
	b.send(t, arena.IngestTrades, trade("m_2", 1, "-2", 2000))
	b.send(t, arena.IngestPositions, `{"model_id":"m","position":{"symbol":"SOL","entry_oid":2,"entry_time":3000,"entry_price":210,"quantity":5}}`)
	store := arena.NewStore(b.store.Repositories, "hyperliquid", time.Now)
	ask := func(req arena.Request) wire.PositionHistory {
		t.Helper()
		req.View, req.Model = catalogue.ViewPositionsOf, "m"
		page, err := store.PositionHistory(t.Context(), req)
		require.NoError(t, err)
		return page
	}
	all := ask(arena.Request{}).Positions
	require.Len(t, all, 2)
	opened, closed := all[0], all[1]
	require.Equal(t, "open", opened.Status)
	require.Empty(t, opened.Closings)
	require.Equal(t, "closed", closed.Status)
	require.InDelta(t, 3.0, closed.OpenedQuantity.Or(0), 0)
	require.InDelta(t, 1900.0, closed.HoldingSeconds.Or(0), 0)
	require.InDelta(t, -2.5, closed.RealizedNetPnl, 0)
	require.Equal(t, []wire.Closing{
		{TradeID: "m_1", ExitTime: 1000, Quantity: -1, ExitPrice: 190.5, RealizedNetPnl: -1.25},
		{TradeID: "m_2", ExitTime: 2000, Quantity: -2, ExitPrice: 190.5, RealizedNetPnl: -1.25},
	}, closed.Closings)
	for status, want := range map[string][]wire.PositionRecord{"open": all[:1], "closed": all[1:], "all": all} {
		require.Equal(t, want, ask(arena.Request{Status: status, Symbol: "SOL"}).Positions)
	}
	first := ask(arena.Request{Limit: 1})
	require.Equal(t, all[:1], first.Positions)
	second := ask(arena.Request{Limit: 1, Cursor: first.NextCursor})
	require.Equal(t, all[1:], second.Positions)
	require.Empty(t, second.NextCursor)
}
