package repository

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"nof0/entities"
)

// assertStatsMatch compares the kept statistics with a count of every stored
// trade from the beginning.
func assertStatsMatch(t testing.TB, s *Store) {
	t.Helper()
	var trades []entities.Trade
	require.NoError(t, s.db.WithContext(t.Context()).Find(&trades).Error)
	want := make(statsDelta)
	for i := range trades {
		want.trade(&trades[i], 1)
	}
	stats, err := s.Stats.All(t.Context())
	require.NoError(t, err)
	require.Len(t, stats, len(want))
	for i := range stats {
		assertSameStats(t, want[stats[i].ModelID], &stats[i])
	}
}

// assertSameStats compares every column by its value.
func assertSameStats(t testing.TB, want, got *entities.ModelStats) {
	t.Helper()
	require.Equal(t, flat(t, want), flat(t, got))
}

func flat(t testing.TB, stats *entities.ModelStats) map[string]string {
	t.Helper()
	return map[string]string{
		"num_trades": fmt.Sprint(stats.NumTrades), "winners_count": fmt.Sprint(stats.WinnersCount), "losers_count": fmt.Sprint(stats.LosersCount),
		"winners_net_sum": stats.WinnersNetSum.String(), "losers_net_sum": stats.LosersNetSum.String(),
	}
}

func TestStatsOfAFewTrades(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		trade := func(id, side string, net float64, quantity float64, change ...func(*entities.Trade)) entities.Trade {
			return newTrade(model1, id, append([]func(*entities.Trade){func(t *entities.Trade) {
				t.Side, t.RealizedNetPnl, t.Quantity, t.EntryPrice = side, net, quantity, 10
				t.RealizedGrossPnl, t.TotalCommissionDollars = new(net+1), new(1.0)
				t.ExitTime = t.EntryTime.Add(1500 * time.Millisecond)
			}}, change...)...)
		}
		_, err := insertTrades(t.Context(), s,
			trade("a", "long", 0.1, 2), trade("b", "long", 0.2, 3), trade("c", "short", -0.3, -4),
			trade("d", "short", 0, -1, func(t *entities.Trade) { t.RealizedGrossPnl, t.TotalCommissionDollars = nil, nil }),
		)
		require.NoError(t, err)
		stats, err := s.Stats.All(t.Context())
		require.NoError(t, err)
		require.Len(t, stats, 1)
		got := flat(t, &stats[0])
		for column, want := range map[string]string{
			"num_trades": "4", "winners_count": "2", "losers_count": "2",
			"winners_net_sum": "0.3", "losers_net_sum": "-0.3", // exactly: doubles would leave a rest
		} {
			assert.Equal(t, want, got[column], column)
		}
	})
}

func TestStatsDoNotDependOnOrderOrBatches(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var trades []entities.Trade
	for i := range 120 {
		trades = append(trades, newTrade([]string{model1, model2}[i%2], fmt.Sprintf("%03d", i), func(t *entities.Trade) {
			t.Side = []string{"long", "short"}[rng.IntN(2)]
			t.Quantity = rng.NormFloat64()
			t.EntryPrice = math.Exp(rng.NormFloat64() * 8)
			t.RealizedNetPnl = rng.NormFloat64() * math.Exp(rng.NormFloat64()*10)
			t.RealizedGrossPnl = new(t.RealizedNetPnl + rng.Float64())
			t.TotalCommissionDollars = new(rng.Float64())
			t.ExitTime = t.EntryTime.Add(time.Duration(rng.Int64N(1e15)))
		}))
	}
	trades = append(trades, newTrade(model1, "extreme", func(t *entities.Trade) {
		t.RealizedNetPnl, t.Quantity, t.EntryPrice = math.MaxFloat64, 5e-324, math.Copysign(0, -1)
	}))
	var want []entities.ModelStats
	var rows []string
	for _, batch := range []int{len(trades), 1, 7, 50} {
		s := newStore(t)
		shuffled := slices.Clone(trades)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for part := range slices.Chunk(shuffled, batch) {
			_, err := insertTrades(t.Context(), s, part...)
			require.NoError(t, err)
		}
		assertStatsMatch(t, s)
		got, err := s.Stats.All(t.Context())
		require.NoError(t, err)
		if want == nil {
			want, rows = got, rowsOf(t, s, "model_stats")
		}
		assert.Equal(t, rows, rowsOf(t, s, "model_stats"), "digit by digit")
		require.Len(t, got, len(want))
		for i := range got {
			assertSameStats(t, &want[i], &got[i])
		}
	}
}

func TestStatsMoveTheirTimestamp(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		_, err := insertTrades(t.Context(), s, newTrade(model1, "a"))
		require.NoError(t, err)
		created, updated := timestampsOf(t, s, "model_stats")
		_, err = insertTrades(t.Context(), s, newTrade(model1, "a"))
		require.NoError(t, err)
		_, same := timestampsOf(t, s, "model_stats")
		assert.Equal(t, updated, same)
		_, err = insertTrades(t.Context(), s, newTrade(model1, "b"))
		require.NoError(t, err)
		createdAfter, updatedAfter := timestampsOf(t, s, "model_stats")
		assert.Equal(t, created, createdAfter)
		assert.True(t, updatedAfter.After(updated))
	})
}

// Every numeric column is a sum, so that none is forgotten as columns are added.
func TestStatsEveryColumnIsAdded(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	stmt := &gorm.Statement{DB: s.db}
	require.NoError(t, stmt.Parse(&entities.ModelStats{}))
	assert.Len(t, stmt.Schema.DBNames, len(flat(t, &entities.ModelStats{}))+6, "the account, the timestamps, and what is not of trades")
}
