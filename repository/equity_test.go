package repository

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

func TestEquityReads(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		last, err := s.Equity.LastMarker(t.Context())
		require.NoError(t, err)
		assert.Equal(t, int64(-1), last)
		none, err := s.Equity.Hours(t.Context(), 0, math.MaxInt64)
		require.NoError(t, err)
		assert.Empty(t, none)

		const hours = 2*hoursAtOnce + 7
		var rows []entities.AccountEquitySnapshot
		for hour := range hours {
			if hour == 50 { // nobody was asked in this one
				continue
			}
			for _, after := range []time.Duration{40 * time.Minute, 10 * time.Minute, 59 * time.Minute} {
				rows = append(rows, newSnapshot(model1, begin.Add(time.Duration(hour)*time.Hour+after)))
			}
			if hour%2 == 0 {
				rows = append(rows, newSnapshot(model2, begin.Add(time.Duration(hour)*time.Hour)))
			}
		}
		_, err = s.Equity.Insert(t.Context(), rows)
		require.NoError(t, err)

		last, err = s.Equity.LastMarker(t.Context())
		require.NoError(t, err)
		assert.Equal(t, int64(hours-1), last)

		for _, c := range []struct{ from, to, first, last int64 }{
			{0, hours - 1, 0, hours - 1},
			{math.MinInt64, math.MaxInt64, 0, hours - 1},
			{-5, 3, 0, 3},
			{7, 7, 7, 7},
			{3, 2 + hoursAtOnce, 3, 2 + hoursAtOnce},
			{3, 3 + hoursAtOnce, 3, 3 + hoursAtOnce},
			{hours - 2, hours + 20, hours - 2, hours - 1},
			{hours, hours + 500, 0, -1},
			{5, 4, 0, -1},
			{math.MaxInt64 - 3, math.MaxInt64, 0, -1},
			{math.MinInt64, math.MinInt64 + 500, 0, -1},
		} {
			var want []string
			for hour := c.first; hour <= c.last; hour++ {
				if hour == 50 {
					continue
				}
				want = append(want, fmt.Sprintf("%d %s 59m0s", hour, model1))
				if hour%2 == 0 {
					want = append(want, fmt.Sprintf("%d %s 0s", hour, model2))
				}
			}
			got, err := s.Equity.Hours(t.Context(), c.from, c.to)
			require.NoError(t, err)
			var names []string
			for _, row := range got {
				names = append(names, fmt.Sprintf("%d %s %s", row.SinceInceptionHourlyMarker, row.ModelID,
					row.ObservedAt.Sub(begin)-time.Duration(row.SinceInceptionHourlyMarker)*time.Hour))
			}
			require.Equal(t, want, names, "%+v", c)
		}

		of, err := s.Equity.HoursOf(t.Context(), model1)
		require.NoError(t, err)
		require.Len(t, of, hours-1)
		for _, n := range []int{1, 2, 7, hours} {
			some, err := s.Equity.NewestHoursOf(t.Context(), model1, n)
			require.NoError(t, err)
			assert.Equal(t, of[max(0, len(of)-n):], some)
		}
		newest, err := s.Equity.Newest(t.Context())
		require.NoError(t, err)
		require.Len(t, newest, 2)
		assert.Equal(t, int64(hours-1), newest[0].SinceInceptionHourlyMarker)
		assert.Equal(t, HourEquity{newest[0].SinceInceptionHourlyMarker, newest[0].ObservedAt, newest[0].DollarEquity}, of[len(of)-1])
	})
}

func TestTradesNewest(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		var trades []entities.Trade
		for i := range 10 {
			for _, model := range []string{model2, model1} {
				trades = append(trades, newTrade(model, fmt.Sprintf("%s_%d", []string{"b", "a", "B", "é", "Z"}[i%5], i), func(t *entities.Trade) {
					t.ExitTime = begin.Add(time.Duration(i/4) * time.Hour)
				}))
			}
		}
		_, err := insertTrades(t.Context(), s, trades...)
		require.NoError(t, err)
		newest, err := s.Trades.Newest(t.Context(), 6)
		require.NoError(t, err)
		var ids []string
		for _, trade := range newest {
			ids = append(ids, trade.ID)
		}
		// Exit at two hours: 8 (é) and 9 (Z); at one hour: 4 (Z), 5 (b), 6 (a), 7 (B).
		one := []string{"é_8", "Z_9", "b_5", "a_6", "Z_4", "B_7"}
		assert.Equal(t, append(append([]string{}, one...), one...), ids)
		assert.Equal(t, model1, newest[0].ModelID)
		assert.Equal(t, model2, newest[6].ModelID)
		none, err := s.Trades.Newest(t.Context(), 0)
		require.NoError(t, err)
		assert.Empty(t, none)
	})
}
