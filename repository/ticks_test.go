package repository

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// manyTicks are ticks of fifty symbols.
func manyTicks(n int) []entities.PriceTick {
	ticks := make([]entities.PriceTick, n)
	for i := range ticks {
		ticks[i] = newTick(fmt.Sprintf("S%02d", i%50), begin.Add(time.Duration(i/50)*time.Second), float64(i)/7)
		if i%11 == 0 {
			ticks[i].Extra = entities.JSON(`{"note": "ünïcödé \" , \\ {}"}`)
		}
	}
	return ticks
}

func TestTicksInGreatNumbers(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
		ticks := manyTicks(maxTicks + 2345)
		stored := ticks[:1500]
		outcomes, err := s.Prices.InsertTicks(t.Context(), stored)
		require.NoError(t, err)
		assert.Equal(t, all(Inserted, len(stored)), outcomes)

		batch := append([]entities.PriceTick(nil), ticks...)
		want := append(all(Unchanged, len(stored)), all(Inserted, len(ticks)-len(stored))...)
		for i := 0; i < len(ticks); i += 100 { // with another price, and repeated
			other := batch[i]
			other.Price++
			batch = append(batch, other, ticks[i])
			want = append(want, Conflict, Unchanged)
		}
		batch[0].Price, want[0] = 1e300, Conflict
		batch[1].Extra, want[1] = entities.JSON(`{}`), Conflict
		outcomes, err = s.Prices.InsertTicks(t.Context(), batch)
		require.NoError(t, err)
		assert.Equal(t, want, outcomes)
		assert.Equal(t, int64(len(ticks)), scalar[int64](t, s, "SELECT count(*) FROM price_ticks"))

		outcomes, err = s.Prices.InsertTicks(t.Context(), ticks)
		require.NoError(t, err)
		assert.Equal(t, all(Unchanged, len(ticks)), outcomes)
	})
}

// Every double and every instant comes back as it was.
func TestTicksAreStoredBitForBit(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		tokyo := time.FixedZone("", 9*3600)
		var ticks []entities.PriceTick
		for i, price := range []float64{0, 5e-324, math.MaxFloat64, 15.479999999999999, 0.1 + 0.2, 1e15, -1} {
			ticks = append(ticks, newTick("BTC", begin.Add(time.Duration(i)*time.Microsecond).In(tokyo), price))
		}
		require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
		_, err := s.Prices.InsertTicks(t.Context(), ticks)
		require.NoError(t, err)
		for _, tick := range ticks {
			got := scalar[float64](t, s, "SELECT price FROM price_ticks WHERE observed_at = $1", tick.ObservedAt)
			assert.Equal(t, math.Float64bits(tick.Price), math.Float64bits(got), "%v", tick.Price)
		}
		assert.Equal(t, len(ticks), scalar[int](t, s, "SELECT count(*) FROM price_ticks WHERE extra IS NULL"))
	})
}

func TestTicksBelongToTheirTransaction(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
		require.ErrorIs(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			outcomes, err := tx.Prices.InsertTicks(ctx, manyTicks(3000))
			assert.Equal(t, all(Inserted, 3000), outcomes)
			if err != nil {
				return err
			}
			return assert.AnError
		}), assert.AnError)
		assert.Zero(t, scalar[int](t, s, "SELECT count(*) FROM price_ticks"))
	})
}

// Writers of the same ticks in different orders wait for each other, and one of
// them inserts each.
func TestTicksOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, s.Prices.EnsurePartitions(ctx, []time.Time{begin}))
		const writers = 6
		ticks := manyTicks(2000)
		inserted := make([]int, writers)
		for _, err := range atOnce(writers, func(i int) error {
			turned := append(append([]entities.PriceTick(nil), ticks[i*300:]...), ticks[:i*300]...)
			outcomes, err := inTx(ctx, s, func(ctx context.Context, tx Repositories) ([]Outcome, error) {
				return tx.Prices.InsertTicks(ctx, turned)
			})
			for _, o := range outcomes {
				if o == Inserted {
					inserted[i]++
				} else {
					assert.Equal(t, Unchanged, o)
				}
			}
			return err
		}) {
			require.NoError(t, err)
		}
		sum := 0
		for _, n := range inserted {
			sum += n
		}
		assert.Equal(t, len(ticks), sum)
	})
}

func TestPartitionsAhead(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for range 2 {
		require.NoError(t, s.Prices.EnsurePartitionsAhead(t.Context(), time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)))
	}
	assert.Equal(t, []string{"price_ticks_2025_12", "price_ticks_2026_01", "price_ticks_2026_02"}, partitions(t, s))
}

func BenchmarkTicks(b *testing.B) {
	for _, n := range []int{6, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newStore(b)
			require.NoError(b, s.Prices.EnsurePartitions(b.Context(), []time.Time{begin}))
			ticks := manyTicks(n)
			for b.Loop() {
				_, err := s.Prices.InsertTicks(b.Context(), ticks)
				require.NoError(b, err)
				b.StopTimer()
				execute(b, s, "TRUNCATE price_ticks")
				b.StartTimer()
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
