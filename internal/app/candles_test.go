package app_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// Candles are those that SQL makes of the rows, of every length, whole and of the end of
// the range.
func TestCandlesAreThoseOfTheRows(t *testing.T) {
	t.Parallel()
	o := season.Options{Seed: 15, Models: 2, Hours: 50}
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	b := setup(t)
	b.load(t, madeUp(t, o))
	model := s.Facts().Competitors[0]
	post := "INSERT INTO price_ticks (provider, symbol, observed_at, price) SELECT 'hyperliquid', 'BTC', newest.at + g * interval '7 seconds', 100 + (g * 37) % 11 FROM (SELECT max(observed_at) AS at FROM price_ticks WHERE symbol = 'BTC') newest, generate_series(1, 3000) g"
	_, err = b.sql(t).ExecContext(t.Context(), post)
	require.NoError(t, err)
	width := map[string]string{"1m": "1 minute", "15m": "15 minutes", "1h": "1 hour", "1d": "1 day"}
	for name := range arena.Resolutions() {
		for _, c := range []struct {
			path, value, rows string
			read              func(path string) []wire.Candle
		}{
			{"/api/equity?model_id=" + url.QueryEscape(model), "dollar_equity", "account_equity_snapshots WHERE model_id = '" + model + "'", func(path string) []wire.Candle {
				curve := read[wire.EquityCurves](t, path).Equity[0]
				require.Empty(t, curve.Points)
				return curve.Candles
			}},
			{"/api/prices/BTC?path=x", "price", "price_ticks WHERE provider = 'hyperliquid' AND symbol = 'BTC'", func(path string) []wire.Candle {
				history := read[wire.PriceHistory](t, path)
				require.Empty(t, history.Points)
				return history.Candles
			}},
		} {
			want := b.candles(t, c.value, c.rows, width[name])
			require.Equal(t, want, c.read(b.url+c.path+"&points=5000&resolution="+name), "%s of %s", name, c.path)

			// Of the end of the range, as many spans as points: a span without rows has no candle.
			last, span := want[len(want)-1].Timestamp, arena.Resolutions()[name].Seconds()
			for len(want) > 0 && want[0].Timestamp < last-2*span {
				want = want[1:]
			}
			require.Equal(t, want, c.read(b.url+c.path+"&points=3&resolution="+name), "%s of the end of %s", name, c.path)
		}
	}
	require.Empty(t, read[wire.PriceHistory](t, b.url+"/api/prices/BTC?points=2").Candles)
	none := read[wire.PriceHistory](t, b.url+"/api/prices/BTC?resolution=1h&to=1")
	require.NotNil(t, none.Candles)
	require.Empty(t, none.Candles)
	res := get(t, b.url+"/api/equity?resolution=2h")
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.Contains(t, string(res.body), `"/resolution"`)
}

// candles are those that SQL makes of rows.
func (b *bundle) candles(t *testing.T, value, of, width string) (candles []wire.Candle) {
	t.Helper()
	rows, err := b.sql(t).QueryContext(t.Context(), `
		SELECT extract(epoch FROM date_bin($1, observed_at, '1970-01-01'))::float8,
			(array_agg(v ORDER BY observed_at))[1], max(v), min(v), (array_agg(v ORDER BY observed_at DESC))[1],
			extract(epoch FROM (array_agg(observed_at ORDER BY v DESC, observed_at))[1])::float8,
			extract(epoch FROM (array_agg(observed_at ORDER BY v, observed_at))[1])::float8, count(*)
		FROM (SELECT observed_at, `+value+` AS v FROM `+of+`) r GROUP BY 1 ORDER BY 1`, width)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var c wire.Candle
		require.NoError(t, rows.Scan(&c.Timestamp, &c.Open, &c.High, &c.Low, &c.Close, &c.HighTimestamp, &c.LowTimestamp, &c.Rows))
		candles = append(candles, c)
	}
	require.NoError(t, rows.Err())
	return candles
}
