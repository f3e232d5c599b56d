package repository

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/entities"
)

// fact is a row of a series as the candles count it.
type fact struct {
	at     time.Time
	value  float64
	marker int64
}

// requireCandles makes a test fail where stored candles are not those of the rows of
// their series.
func requireCandles(t testing.TB, s *Store, exact bool) {
	t.Helper()
	equity := make(map[string][]fact)
	var snapshots []entities.AccountEquitySnapshot
	require.NoError(t, s.db.Raw("SELECT competition_id, model_id, observed_at, dollar_equity, since_inception_hourly_marker FROM account_equity_snapshots ORDER BY observed_at").Scan(&snapshots).Error)
	for _, r := range snapshots {
		name := r.CompetitionID + " " + r.ModelID
		equity[name] = append(equity[name], fact{r.ObservedAt, r.DollarEquity, r.SinceInceptionHourlyMarker})
	}
	want := make(map[string]entities.EquityCandle)
	for name, facts := range equity {
		for _, width := range []int{60, 900, 3600, 86400} {
			maps.Copy(want, candlesOf(name, facts, width, width == 3600))
		}
	}
	var stored []entities.EquityCandle
	require.NoError(t, s.db.Raw("SELECT * FROM equity_candles").Scan(&stored).Error)
	require.Len(t, stored, len(want))
	for _, c := range stored {
		key := fmt.Sprintf("%s %d %d %d", c.CompetitionID+" "+c.ModelID, c.Resolution, c.Bucket.Unix(), c.SinceInceptionHourlyMarker)
		w, ok := want[key]
		require.True(t, ok, "there are no rows for %s", key)
		c.Timestamps = entities.Timestamps{}
		require.Equal(t, w.Candle, c.Candle, key)
		if exact && !math.IsInf(c.Fall, 1) {
			require.InDelta(t, w.Fall, c.Fall, 1e-12, key)
		} else {
			require.GreaterOrEqual(t, c.Fall, w.Fall*(1-1e-12), key)
		}
	}

	for name, facts := range equity {
		competition, model, _ := strings.Cut(name, " ")
		newest := make(map[int64]HourEquity)
		for _, f := range facts {
			newest[f.marker] = HourEquity{f.marker, f.at, f.value}
		}
		hours, err := s.In(competition).Equity.HoursOf(t.Context(), model)
		require.NoError(t, err)
		require.Equal(t, slices.SortedFunc(maps.Values(newest), func(a, b HourEquity) int { return cmp.Compare(a.Marker, b.Marker) }), hours, name)
	}

	prices := make(map[string][]fact)
	var ticks []entities.PriceTick
	require.NoError(t, s.db.Raw("SELECT * FROM price_ticks ORDER BY observed_at").Scan(&ticks).Error)
	for _, r := range ticks {
		name := r.Provider + " " + r.Symbol
		prices[name] = append(prices[name], fact{r.ObservedAt, r.Price, 0})
	}
	want = make(map[string]entities.EquityCandle)
	for name, facts := range prices {
		for _, width := range []int{60, 900, 3600, 86400} {
			maps.Copy(want, candlesOf(name, facts, width, false))
		}
	}
	var feed []entities.PriceCandle
	require.NoError(t, s.db.Raw("SELECT * FROM price_candles").Scan(&feed).Error)
	require.Len(t, feed, len(want))
	for _, c := range feed {
		key := fmt.Sprintf("%s %d %d 0", c.Provider+" "+c.Symbol, c.Resolution, c.Bucket.Unix())
		c.Timestamps = entities.Timestamps{}
		require.Equal(t, want[key].Candle, c.Candle, key)
	}
}

// candlesOf makes candles of rows in order of time, by their key, parted by marker or not.
func candlesOf(name string, facts []fact, width int, parted bool) map[string]entities.EquityCandle {
	candles := make(map[string]entities.EquityCandle)
	for _, f := range facts {
		bucket := f.at.UTC().Truncate(time.Duration(width) * time.Second)
		marker := int64(0)
		if parted {
			marker = f.marker
		}
		key := fmt.Sprintf("%s %d %d %d", name, width, bucket.Unix(), marker)
		c, ok := candles[key]
		if !ok {
			c.Candle = entities.Candle{Open: f.value, OpenAt: f.at, High: f.value, HighAt: f.at, Low: f.value, LowAt: f.at}
		}
		if f.value > c.High {
			c.High, c.HighAt = f.value, f.at
		}
		if f.value < c.Low {
			c.Low, c.LowAt = f.value, f.at
		}
		c.Close, c.CloseAt = f.value, f.at
		c.Rows++
		if c.High > 0 {
			c.Fall = max(c.Fall, (c.High-f.value)/c.High)
		}
		candles[key] = c
	}
	return candles
}

// Whatever the order in which rows come, come again, are corrected and go, one by one or
// many at once, the candles are those of the rows that there are.
func TestCandlesAreThoseOfTheRows(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 15))
			s := newStore(t)
			require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin, begin.AddDate(0, 1, 0)}))
			value := func() float64 {
				if r.IntN(60) == 0 {
					return []float64{1.7e308, -1.7e308, 5e-324, 1e300}[r.IntN(4)] // of which no share can be computed
				}
				return float64(r.IntN(40)-3) / 8 // equal ones, and some below 0
			}
			var snapshots []entities.AccountEquitySnapshot
			var ticks []entities.PriceTick
			for i := range 900 {
				at := begin.Add(time.Duration(i) * time.Duration(seed) * 97 * time.Second).Add(time.Duration(r.IntN(90)) * time.Second)
				snapshots = append(snapshots, newSnapshot([]string{model1, model2}[r.IntN(2)], at, func(e *entities.AccountEquitySnapshot) { e.DollarEquity = value() }))
				ticks = append(ticks, entities.PriceTick{Provider: provider, Symbol: []string{"BTC", "ETH"}[r.IntN(2)], ObservedAt: at, Price: value()})
			}
			shuffle := func() {
				r.Shuffle(len(snapshots), func(i, j int) { snapshots[i], snapshots[j] = snapshots[j], snapshots[i] })
				r.Shuffle(len(ticks), func(i, j int) { ticks[i], ticks[j] = ticks[j], ticks[i] })
			}
			if seed > 1 { // otherwise they come in order of time
				shuffle()
			}
			for at := 0; at < len(ticks); {
				n := min(1+r.IntN(3)*r.IntN(100), len(ticks)-at)
				again := max(0, at-r.IntN(5))
				_, err := s.Equity.Insert(t.Context(), snapshots[again:at+n])
				require.NoError(t, err)
				_, err = s.Prices.InsertTicks(t.Context(), ticks[again:at+n])
				require.NoError(t, err)
				at += n
			}
			requireCandles(t, s, false)

			for i := range 40 {
				old := snapshots[i]
				next := old
				next.DollarEquity, next.SinceInceptionHourlyMarker = value(), old.SinceInceptionHourlyMarker+int64(r.IntN(2))
				replacement := &next
				if i%3 == 0 {
					replacement = nil
				}
				require.NoError(t, s.Equity.Replace(t.Context(), &old, replacement))
			}
			for i, tick := range ticks[:40] {
				statement, args := "DELETE FROM price_ticks WHERE symbol = $1 AND observed_at = $2", []any{tick.Symbol, tick.ObservedAt}
				if i%2 == 0 {
					statement, args = "UPDATE price_ticks SET price = $3 WHERE symbol = $1 AND observed_at = $2", append(args, value())
				}
				execute(t, s, statement, args...)
			}
			execute(t, s, "DELETE FROM price_ticks WHERE symbol = 'ETH' AND observed_at > $1", begin.Add(6*time.Hour))
			execute(t, s, "UPDATE price_ticks SET price = -price, observed_at = observed_at + interval '31 days' WHERE symbol = 'BTC' AND observed_at > $1", begin.Add(8*time.Hour))
			execute(t, s, "UPDATE account_equity_snapshots SET run_id = 'x'")
			execute(t, s, "DELETE FROM account_equity_snapshots WHERE model_id = $1 AND observed_at > $2", model2, begin.Add(7*time.Hour))
			requireCandles(t, s, false)

			execute(t, s, "UPDATE price_candles SET high = 1000, rows = rows - 1")
			execute(t, s, "DELETE FROM price_candles WHERE resolution = 900")
			execute(t, s, "UPDATE equity_candles SET low = -1000, close_at = now(), rows = rows + 1")
			execute(t, s, "DELETE FROM equity_candles WHERE resolution = 86400 AND model_id = $1", model1)
			var progress []int
			days, err := s.Candles.Rebuild(t.Context(), func(done, total int) { progress = append(progress, done, total) })
			require.NoError(t, err)
			require.Positive(t, days)
			require.Equal(t, []int{days, days}, progress[len(progress)-2:])
			requireCandles(t, s, true)
		})
	}
}

// Writers of the same spans, in opposite orders, and who makes the candles anew
// meanwhile, lose nothing of each other.
func TestCandlesOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
	const writers, each = 6, 40
	done := make(chan error, writers+1)
	for w := range writers {
		go func() {
			var err error
			for i := range each {
				var ticks []entities.PriceTick
				for k := range 3 {
					at := begin.Add(time.Duration((i*writers+w)*3+k) * 7 * time.Second)
					ticks = append(ticks, entities.PriceTick{Provider: provider, Symbol: []string{"BTC", "ETH"}[k%2], ObservedAt: at, Price: float64((w*31 + i*17 + k) % 23)})
				}
				if w%2 == 1 {
					slices.Reverse(ticks)
				}
				err = s.InTxRetrying(t.Context(), func(ctx context.Context, tx Repositories) error {
					_, err := tx.Prices.InsertTicks(ctx, ticks)
					return err
				})
				if err == nil && w < 2 {
					_, err = s.Equity.Insert(t.Context(), []entities.AccountEquitySnapshot{
						newSnapshot(model1, begin.Add(time.Duration(i*2+w)*time.Minute), func(e *entities.AccountEquitySnapshot) { e.DollarEquity = float64(i * w) }),
					})
				}
				if err != nil {
					break
				}
			}
			done <- err
		}()
	}
	go func() {
		var err error
		for range 10 {
			if _, err = s.Candles.Rebuild(t.Context(), func(int, int) {}); err != nil {
				break
			}
		}
		done <- err
	}()
	for range writers + 1 {
		require.NoError(t, <-done)
	}
	requireCandles(t, s, false)
	require.Equal(t, int64(writers*each*3), scalar[int64](t, s, "SELECT sum(rows)::bigint FROM price_candles WHERE resolution = 86400"))
}

// The migration that adds minutes makes those of the rows that there are, also of a minute
// in which rows came before and after it began, and goes on where it stopped. Its way back
// takes them away, and rows go on to be counted.
func TestMinutesOfEquityAreMadeOfTheRowsThatThereAre(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const before, minutes = "20261126210055", "20261127003500"
	migrator := atlas.New(s.pool, atlas.Options{})
	insert := func(from, to int) {
		t.Helper()
		for _, model := range []string{model1, model2} {
			execute(t, s, `INSERT INTO account_equity_snapshots (model_id, observed_at, since_inception_hourly_marker, dollar_equity)
				SELECT $1, $2::timestamptz + g * interval '17 seconds', (g * 17 + 1800) / 3600, 100 + (g * 7919) % 101 FROM generate_series($3::integer, $4) g`, model, begin, from, to)
		}
	}
	_, err := migrator.DownTo(t.Context(), before)
	require.NoError(t, err)
	insert(1, 9000)
	require.Zero(t, scalar[int](t, s, "SELECT count(*) FROM equity_candles WHERE resolution = 60"))
	file, err := fs.ReadFile(atlas.Migrations(), minutes+"_equity_candles_of_minutes.sql")
	require.NoError(t, err)
	statements := strings.SplitAfter(string(file), "$migration$;")
	execute(t, s, statements[0])
	insert(9001, 9002)
	execute(t, s, "SELECT rebuild_equity_candles('season-1', $1, $2, $2::timestamptz + interval '24 hours')", model1, begin.UTC().Truncate(24*time.Hour))
	execute(t, s, statements[1])
	requireCandles(t, s, true)

	for range 2 {
		_, err = migrator.ApplyTo(t.Context(), minutes)
		require.NoError(t, err)
		requireCandles(t, s, true)
		_, err = migrator.DownTo(t.Context(), before)
		require.NoError(t, err)
		require.Zero(t, scalar[int](t, s, "SELECT count(*) FROM equity_candles WHERE resolution = 60"))
	}
	insert(9003, 9100)
	require.Equal(t, int64(2*9100), scalar[int64](t, s, "SELECT sum(rows)::bigint FROM equity_candles WHERE resolution = 900"))
}
