package arena_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// TestAModelSaysWhatTheListsSay holds each model to what the other views say of it.
func TestAModelSaysWhatTheListsSay(t *testing.T) {
	t.Parallel()
	store := storeOf(t, writeSeason(t, season.Options{Seed: 11, Models: 4, Hours: 30}))
	ctx := t.Context()
	models, err := store.Models(ctx)
	require.NoError(t, err)
	board, err := store.Leaderboard(ctx)
	require.NoError(t, err)
	inceptions, err := store.SinceInception(ctx)
	require.NoError(t, err)
	totals, err := store.AccountTotals(ctx, 0)
	require.NoError(t, err)
	require.Len(t, models.Models, 4)
	for _, m := range models.Models {
		got, err := store.Model(ctx, m.ID)
		require.NoError(t, err)
		require.Equal(t, m, got.Model)
		require.Equal(t, "hyperliquid", got.Account.Provider)
		i := slices.IndexFunc(inceptions.SinceInceptionValues, func(r wire.SinceInception) bool { return r.ModelID == m.ID })
		require.Equal(t, inceptions.SinceInceptionValues[i], *got.Account.SinceInception)
		for _, row := range slices.Backward(totals.AccountTotals) {
			if row.ModelID == m.ID {
				require.Equal(t, row, *got.Equity)
				break
			}
		}
		if i := slices.IndexFunc(board.Leaderboard, func(r wire.LeaderboardRow) bool { return r.ID == m.ID }); i >= 0 {
			require.Equal(t, board.Leaderboard[i], *got.Statistics)
		} else {
			require.Equal(t, "benchmark", m.Kind.Or(""))
			require.Equal(t, wire.Some(got.Equity.DollarEquity), got.Statistics.Equity)
		}
		decisions, err := store.Decisions(ctx, arena.Request{Model: m.ID})
		require.NoError(t, err)
		if len(decisions.Decisions) == 0 {
			require.Nil(t, got.LastDecision)
		} else {
			require.Equal(t, decisions.Decisions[0], *got.LastDecision)
		}
		elsewhere, err := store.In("another").Model(ctx, m.ID)
		require.NoError(t, err)
		require.Equal(t, wire.ModelDetail{Model: m, ServerTime: elsewhere.ServerTime}, elsewhere, "it has no account there")
	}
	_, err = store.Model(ctx, "nobody")
	require.ErrorIs(t, err, arena.ErrUnknownModel)
}

// TestASymbolSaysWhatItsVenueSays holds that of several venues the primary one counts,
// and that what was never sent is absent.
func TestASymbolSaysWhatItsVenueSays(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	store := arena.NewStore(b.store.Repositories, "hyperliquid", time.Now)
	b.send(t, arena.IngestSymbols, `{"symbol":"SOL","size_step":0.5,"metadata":{"listed":true}}`)
	bare, err := store.Symbol(t.Context(), "SOL")
	require.NoError(t, err)
	require.Equal(t, wire.SymbolDetail{Symbol: bare.Symbol, ServerTime: bare.ServerTime}, bare)
	require.JSONEq(t, `{"listed":true}`, string(bare.Symbol.Metadata))

	b.send(t, arena.IngestPrices, `{"symbol":"SOL","price":190.5,"timestamp":1761452335250,"context":{"funding":-0.25,"oracle_price":190}}`)
	b.send(t, arena.IngestPrices, `{"provider":"elsewhere","symbol":"SOL","price":1,"timestamp":1761452339000,"context":{"funding":9}}`)
	b.send(t, arena.IngestMarketAssets, `{"symbol":"SOL","max_leverage":20,"tier":"b"}`)
	b.send(t, arena.IngestMarketAssets, `{"provider":"elsewhere","symbol":"SOL","max_leverage":3}`)
	got, err := store.Symbol(t.Context(), "SOL")
	require.NoError(t, err)
	got.ServerTime = 0
	raw, err := wire.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"symbol": {"symbol": "SOL", "quote_currency": "USD", "size_step": 0.5, "metadata": {"listed": true}},
		"price": {"symbol": "SOL", "price": 190.5, "timestamp": 1761452335250},
		"asset": {"symbol": "SOL", "max_leverage": 20, "tier": "b"},
		"market": {"funding": -0.25, "oracle_price": 190},
		"market_timestamp": 1761452335250,
		"serverTime": 0}`, string(raw))
	_, err = store.Symbol(t.Context(), "NOTHING")
	require.ErrorIs(t, err, arena.ErrUnknownSymbol)
}
