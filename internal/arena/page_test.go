package arena_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// walk reads every page of trades.
func walk(t *testing.T, s arena.Source, req arena.Request) (all []wire.Trade) {
	t.Helper()
	req.View = catalogue.ViewTrades
	for {
		page, err := s.TradesPage(t.Context(), req)
		require.NoError(t, err)
		require.NotNil(t, page.Trades)
		limit := req.Limit
		if limit == 0 {
			limit = 100
		}
		require.LessOrEqual(t, len(page.Trades), limit)
		all = append(all, page.Trades...)
		if page.NextCursor == "" {
			return all
		}
		require.Len(t, page.Trades, limit, "only the last page is short")
		req.Cursor = page.NextCursor
	}
}

// TestPagesOfTradesAreTheHistory holds the pages of both sources to a selection of
// all trades that is made without them, for every filter and some sizes.
func TestPagesOfTradesAreTheHistory(t *testing.T) {
	t.Parallel()
	dir := writeSeason(t, season.Options{Seed: 5, Models: 4, Hours: 150})
	files := jsonstore.NewSource(jsonstore.SourceOptions{Dir: dir, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark}, Now: time.Now})
	store := storeOf(t, dir)
	all := walk(t, store, arena.Request{Limit: 1000})
	require.Greater(t, len(all), 50)
	middle := wire.Time(all[len(all)/2].ExitTime)
	for _, req := range []arena.Request{
		{Limit: 7},
		{Sort: "asc", Limit: 9},
		{Model: all[0].ModelID},
		{Model: all[0].ModelID, Sort: "asc", Limit: 3},
		{Symbol: all[1].Symbol, Limit: 5},
		{Side: "short", Limit: 4},
		{Symbol: all[2].Symbol, Side: "long", Sort: "asc", Limit: 2},
		{Model: all[3].ModelID, Symbol: all[3].Symbol, Side: all[3].Side, Limit: 1},
		{Series: arena.Series{From: middle}, Limit: 6},
		{Series: arena.Series{To: middle}, Sort: "asc", Limit: 8},
		{Series: arena.Series{From: middle, To: middle}},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(r wire.Trade) bool {
			exit := wire.Time(r.ExitTime)
			return req.Model != "" && r.ModelID != req.Model || req.Symbol != "" && r.Symbol != req.Symbol || req.Side != "" && r.Side != req.Side ||
				!req.Series.From.IsZero() && exit.Before(req.Series.From) || !req.Series.To.IsZero() && exit.After(req.Series.To)
		})
		if req.Sort == "asc" {
			slices.Reverse(want)
		}
		require.NotEmpty(t, want)
		require.Equal(t, want, walk(t, store, req), "%+v", req)
		require.Equal(t, want, walk(t, files, req), "%+v", req)
	}
	for _, source := range []arena.Source{store, files} {
		_, err := source.TradesPage(t.Context(), arena.Request{Model: "nobody"})
		require.ErrorIs(t, err, arena.ErrUnknownModel)
		_, err = source.TradesPage(t.Context(), arena.Request{Symbol: "NOTHING"})
		require.ErrorIs(t, err, arena.ErrUnknownSymbol)
	}
}

// TestACursorGoesWithItsParameters asks for a page with the cursor of every other
// request, and with what is none.
func TestACursorGoesWithItsParameters(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	for i := range 3 {
		b.send(t, arena.IngestTrades, trade(fmt.Sprintf("m_%d", i), 1, "-1", 1761452300+i))
	}
	store := arena.NewStore(b.store.Repositories, "hyperliquid", time.Now)
	at := time.Unix(1761000000, 0).UTC()
	requests := []arena.Request{
		{},
		{Model: "m"},
		{Symbol: "SOL"},
		{Side: "short"},
		{Sort: "asc"},
		{Series: arena.Series{From: at}},
		{Series: arena.Series{To: at.Add(1e6 * time.Second)}},
	}
	cursors := make([]string, len(requests))
	for i := range requests {
		requests[i].View, requests[i].Limit = catalogue.ViewTrades, 1
		page, err := store.TradesPage(t.Context(), requests[i])
		require.NoError(t, err)
		require.NotEmpty(t, page.NextCursor, "%+v", requests[i])
		cursors[i] = page.NextCursor
	}
	refused := func(req arena.Request, cursor string) {
		t.Helper()
		req.Cursor = cursor
		_, err := store.TradesPage(t.Context(), req)
		parameter, ok := errors.AsType[*arena.ParameterError](err)
		require.True(t, ok, "%+v: %v", req, err)
		require.Equal(t, "cursor", parameter.Name)
	}
	for i, req := range requests {
		for k, cursor := range cursors {
			if i != k {
				refused(req, cursor)
			}
		}
		other := req
		other.View = catalogue.ViewConversations
		refused(other, cursors[i])
		wider := req
		wider.Limit, wider.Cursor = 2, cursors[i]
		page, err := store.TradesPage(t.Context(), wider)
		require.NoError(t, err, "another limit goes with a cursor")
		require.Len(t, page.Trades, 2)
		for _, broken := range []string{"!", "AQ", cursors[i][1:], cursors[i] + "A", "x" + cursors[i], cursors[i][:len(cursors[i])-2], strings.Repeat("A", 5000)} {
			refused(req, broken)
		}
	}
}

// TestPagesUnderWrites pages through the history while trades are stored before,
// among and behind what has been read: each trade that was there comes once, and none
// twice.
func TestPagesUnderWrites(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	store := arena.NewStore(b.store.Repositories, "hyperliquid", time.Now)
	const there = 60
	want := map[string]bool{}
	for i := range there {
		id := fmt.Sprintf("m_%03d", i)
		b.send(t, arena.IngestTrades, trade(id, 1, "-1", 1761452000+i/3)) // of one moment by threes
		want[id] = true
	}
	for _, sort := range []string{"desc", "asc"} {
		ctx, stop := context.WithCancel(t.Context())
		var writing sync.WaitGroup
		stored := make(chan struct{}, 1)
		writing.Go(func() {
			defer close(stored)
			for i := 0; i < 100 && ctx.Err() == nil; i++ {
				w := batch(arena.IngestTrades, trade(fmt.Sprintf("m_%s_%d", sort, i), 1, "-1", 1761452000+i*7%40-10))
				_, err := b.intake.Ingest(t.Context(), w)
				assert.NoError(t, err)
				select {
				case stored <- struct{}{}:
				default:
				}
			}
		})
		seen := map[string]int{}
		req := arena.Request{View: catalogue.ViewTrades, Model: "m", Sort: sort, Limit: 4}
		for {
			page, err := store.TradesPage(t.Context(), req)
			require.NoError(t, err)
			for _, row := range page.Trades {
				seen[row.ID]++
			}
			if req.Cursor = page.NextCursor; req.Cursor == "" {
				break
			}
			<-stored // something has been written between two pages
		}
		stop()
		writing.Wait()
		for id := range want {
			assert.Equal(t, 1, seen[id], "%s of %s", id, sort)
		}
		for id, times := range seen {
			assert.Equal(t, 1, times, "%s of %s", id, sort)
		}
	}
}
