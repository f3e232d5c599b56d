package app_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// row is one of a series, as the test reads it.
type row struct {
	analytics.Sample

	marker int64
}

// rowsWithin are those of a series that SQL finds within a range, in order of time.
func (b *bundle) rowsWithin(t *testing.T, columns, of string, from, to int64) (found []row) {
	t.Helper()
	rows, err := b.sql(t).QueryContext(t.Context(), `SELECT (extract(epoch FROM observed_at) * 1000000)::bigint, `+columns+` FROM `+of+` ORDER BY observed_at`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var r row
		require.NoError(t, rows.Scan(&r.At, &r.Value, &r.marker))
		if r.At >= from*1e6 && r.At <= to*1e6 {
			found = append(found, r)
		}
	}
	require.NoError(t, rows.Err())
	return found
}

// requireThinned makes a test fail where points are not of the rows, not in order, too many,
// or without the ends and the extremes.
func requireThinned(t *testing.T, rows []row, points []analytics.Sample, most int, what string) {
	t.Helper()
	require.LessOrEqual(t, len(points), most, what)
	there := make(map[analytics.Sample]bool)
	low, top := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		there[r.Sample] = true
		low, top = min(low, r.Value), max(top, r.Value)
	}
	gotLow, gotTop := math.Inf(1), math.Inf(-1)
	for i, p := range points {
		require.True(t, there[p], "%s: %v is no row", what, p)
		require.True(t, i == 0 || points[i-1].At < p.At, what)
		gotLow, gotTop = min(gotLow, p.Value), max(gotTop, p.Value)
	}
	require.Equal(t, rows[0].Sample, points[0], what)
	require.Equal(t, rows[len(rows)-1].Sample, points[len(points)-1], what)
	require.InDelta(t, low, gotLow, 0, what)
	require.InDelta(t, top, gotTop, 0, what)
	if len(rows) <= most {
		require.Len(t, points, len(rows), what)
	}
}

// Whatever part of a long series is asked for, thinned out to however many points, its
// figures are those of its rows, all of them, and its points keep their extremes; also of
// prices whose ticks were archived.
func TestLongSeriesAreThoseOfTheirRows(t *testing.T) {
	t.Parallel()
	o := season.Options{Seed: 16, Models: 3, Hours: 3}
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	b := setup(t)
	b.load(t, madeUp(t, o))
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := b.sql(t).ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	models := s.Facts().Competitors
	const begin = 1_740_000_000 // not at the beginning of an hour
	// One wanders about, and the other only rises, but for once.
	for i, value := range []string{"10000 + 900 * sin(g / 700.0) + 300 * cos(g * 0.37) + (g * 7919) % 101", "5000 + g * 0.01 - CASE WHEN g = 17003 THEN 90 ELSE 0 END"} {
		exec(`INSERT INTO account_equity_snapshots (competition_id, model_id, observed_at, since_inception_hourly_marker, dollar_equity)
			SELECT a.competition_id, a.model_id, to_timestamp($2 + g * 97 + g % 7 / 8.0), (g * 97 + 1800) / 3600, `+value+`
			FROM accounts a, generate_series(1, 30000) g WHERE a.model_id = $1 ORDER BY g % 13, g`, models[i], begin)
	}
	exec(`CREATE TABLE IF NOT EXISTS price_ticks_2025_02 PARTITION OF price_ticks FOR VALUES FROM ('2025-02-01Z') TO ('2025-03-01Z')`)
	exec(`CREATE TABLE IF NOT EXISTS price_ticks_2025_03 PARTITION OF price_ticks FOR VALUES FROM ('2025-03-01Z') TO ('2025-04-01Z')`)
	exec(`INSERT INTO price_ticks (provider, symbol, observed_at, price)
		SELECT 'hyperliquid', 'BTC', to_timestamp($1 + g * 47 + g % 3 / 4.0), 1000 + (g * 7919) % 1013 + 200 * sin(g / 3000.0) FROM generate_series(1, 30000) g`, begin)

	const never = math.MaxInt64 / 2_000_000
	ranges := [][2]int64{{0, never}, {begin + 1, never}, {0, begin + 30000*97 - 12345}, {begin + 98765, begin + 2_222_222}, {begin + 86400*3 - begin%86400, begin + 86400*9 - begin%86400}, {begin + 1234567, begin + 1234567 + 4000}}
	query := func(r [2]int64) (q string) {
		if r[0] > 0 {
			q += fmt.Sprintf("&from=%d", r[0])
		}
		if r[1] < never {
			q += fmt.Sprintf("&to=%d", r[1])
		}
		return q
	}
	for _, model := range models[:2] {
		var nav, at float64
		require.NoError(t, b.sql(t).QueryRowContext(t.Context(), "SELECT inception_nav, extract(epoch FROM inception_at)::float8 FROM accounts WHERE model_id = $1", model).Scan(&nav, &at))
		for _, r := range ranges {
			rows := b.rowsWithin(t, "dollar_equity, since_inception_hourly_marker", "account_equity_snapshots WHERE model_id = '"+model+"'", r[0], r[1])
			for _, most := range []int{4, 60, 500, 3000} {
				what := fmt.Sprintf("%s%s&points=%d", model, query(r), most)
				curve := read[wire.EquityCurves](t, fmt.Sprintf("%s/api/equity?model_id=%s&points=%d%s", b.url, model, most, query(r))).Equity[0]
				var points []analytics.Sample
				for _, p := range curve.Points {
					points = append(points, analytics.Sample{At: int64(math.Round(p.Timestamp * 1e6)), Value: p.DollarEquity})
				}
				requireThinned(t, rows, points, most, what)
				require.Equal(t, int64(len(rows)), curve.Rows, what)

				var fall analytics.Drawdown
				var returns analytics.Returns
				first := rows[0].Value
				if r[0] == 0 {
					first = nav
					fall.Add(analytics.Sample{At: int64(math.Round(at * 1e6)), Value: nav})
					returns.Add(nav)
				}
				for i, row := range rows {
					fall.Add(row.Sample)
					if i+1 == len(rows) || rows[i+1].marker != row.marker {
						returns.Add(row.Value)
					}
				}
				pct, dollars, peak, trough := fall.Max()
				assert.InDelta(t, pct, curve.MaxDrawdownPct, 0, what)
				assert.InDelta(t, dollars, curve.MaxDrawdownDollars, 0, what)
				if pct > 0 {
					assert.Equal(t, wire.Some(wire.Seconds(time.UnixMicro(peak.At))), curve.PeakTimestamp, what)
					assert.Equal(t, wire.Some(wire.Seconds(time.UnixMicro(trough.At))), curve.TroughTimestamp, what)
				}
				assert.InDelta(t, fall.Current(), curve.DrawdownPct, 0, what)
				assert.InDelta(t, returns.Sharpe(), curve.Sharpe, 0, what)
				returned, _ := curve.ReturnPct.Get()
				assert.InDelta(t, (rows[len(rows)-1].Value/first-1)*100, returned, 0, what)
			}
		}
	}

	type thinned struct {
		points []analytics.Sample
		rows   int64
	}
	prices := func(r [2]int64, most int) (got thinned) {
		t.Helper()
		history := read[wire.PriceHistory](t, fmt.Sprintf("%s/api/prices/BTC?points=%d%s", b.url, most, query(r)))
		for _, p := range history.Points {
			got.points = append(got.points, analytics.Sample{At: int64(math.Round(p.Timestamp * 1e6)), Value: p.Price})
		}
		got.rows = history.Rows
		return got
	}
	candles := func(resolution string, most int) []wire.Candle {
		t.Helper()
		return read[wire.PriceHistory](t, fmt.Sprintf("%s/api/prices/BTC?to=1743465599&points=%d&resolution=%s", b.url, most, resolution)).Candles
	}
	const of = "price_ticks WHERE provider = 'hyperliquid' AND symbol = 'BTC'"
	all := b.rowsWithin(t, "price, 0", of, 0, never)
	before := make(map[string][]wire.Candle)
	for name, width := range map[string]string{"15m": "15 minutes", "1h": "1 hour", "1d": "1 day"} {
		before[name] = b.candles(t, "price", of+" AND observed_at < '2025-04-01Z'", width)
	}
	for _, archived := range []bool{false, true} {
		if archived {
			exec("ALTER TABLE price_ticks DETACH PARTITION price_ticks_2025_02")
		}
		for _, r := range ranges {
			var rows []row
			for _, row := range all {
				if row.At >= r[0]*1e6 && row.At <= r[1]*1e6 {
					rows = append(rows, row)
				}
			}
			for _, most := range []int{5, 60, 500} {
				if archived {
					most++ // which nobody has asked for
				}
				got := prices(r, most)
				requireThinned(t, rows, got.points, most, fmt.Sprintf("prices%s&points=%d, archived %v", query(r), most, archived))
				require.Equal(t, int64(len(rows)), got.rows)
			}
		}
		for name, want := range before {
			most := 4000
			if archived {
				most++
			}
			require.Equal(t, want, candles(name, most), "%s, archived %v", name, archived)
		}
	}
}
