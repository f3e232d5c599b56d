package repository

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

func newPrice(symbol string, at time.Duration, price float64) entities.PriceLatest {
	return entities.PriceLatest{Provider: provider, Symbol: symbol, ObservedAt: begin.Add(at), Price: price}
}

func TestPricesLatestNeverGoesBackwards(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		raise := func(prices ...entities.PriceLatest) []entities.PriceLatest {
			require.NoError(t, s.Prices.RaiseLatest(t.Context(), prices))
			latest, err := s.Prices.Latest(t.Context(), provider)
			require.NoError(t, err)
			return latest
		}
		latest := raise(newPrice("ETH", time.Hour, 0), newPrice("BTC", time.Hour, 100))
		require.Len(t, latest, 2)
		assert.Equal(t, "BTC", latest[0].Symbol)
		assert.Zero(t, latest[1].Price)

		assert.Equal(t, latest, raise(newPrice("BTC", 0, 1), newPrice("ETH", time.Hour, 2)), "older, and as old")
		assert.Equal(t, latest, raise())

		read := latest[1] // with the timestamps that were read
		read.ObservedAt, read.Price, read.Extra = begin.Add(2*time.Hour), 3, entities.JSON(`{}`)
		after := raise(newPrice("BTC", 0, 1), read)
		assert.Equal(t, latest[0], after[0])
		assert.InDelta(t, 3, after[1].Price, 0)
		assert.Equal(t, latest[1].CreatedAt, after[1].CreatedAt)
		assert.True(t, after[1].UpdatedAt.After(latest[1].UpdatedAt))

		other, err := s.Prices.Latest(t.Context(), "other")
		require.NoError(t, err)
		assert.Empty(t, other)
	})
}

func TestPricesLatestOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx := context.WithoutCancel(t.Context())
		const writers, ticks = 8, 20
		for _, err := range atOnce(writers, func(i int) error {
			for n := range ticks {
				at := time.Duration((n*writers+i*7)%(ticks*writers)) * time.Second
				prices := []entities.PriceLatest{newPrice("BTC", at, at.Seconds()), newPrice("ETH", at, at.Seconds())}
				if i%2 == 1 {
					prices[0], prices[1] = prices[1], prices[0]
				}
				if _, err := inTx(ctx, s, func(ctx context.Context, tx Repositories) (struct{}, error) {
					return struct{}{}, tx.Prices.RaiseLatest(ctx, prices)
				}); err != nil {
					return err
				}
			}
			return nil
		}) {
			require.NoError(t, err)
		}
		var want float64
		for i := range writers {
			for n := range ticks {
				want = max(want, float64((n*writers+i*7)%(ticks*writers)))
			}
		}
		latest, err := s.Prices.Latest(ctx, provider)
		require.NoError(t, err)
		require.Len(t, latest, 2)
		for _, p := range latest {
			assert.InDelta(t, want, p.Price, 0)
			assert.InDelta(t, want, p.ObservedAt.Sub(begin).Seconds(), 0)
		}
	})
}

func TestPricesPartitionsOfManyCreatorsAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx := context.WithoutCancel(t.Context())
		times := []time.Time{begin, begin.AddDate(0, 1, 0), begin.AddDate(0, -3, 0), begin}
		for _, err := range atOnce(20, func(int) error { return s.Prices.EnsurePartitions(ctx, times) }) {
			require.NoError(t, err)
		}
		require.NoError(t, s.Prices.EnsurePartitions(ctx, times))
		require.NoError(t, s.Prices.EnsurePartitions(ctx, nil))
		assert.Equal(t, []string{"price_ticks_2025_07", "price_ticks_2025_10", "price_ticks_2025_11"}, partitions(t, s))
	})
}

// A partition is made while another session reads and writes the table.
func TestPricesPartitionsBesideReadersAndWriters(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		if _, err := tx.Prices.InsertTicks(ctx, []entities.PriceTick{newTick("BTC", begin, 1)}); err != nil {
			return err
		}
		return s.Prices.EnsurePartitions(ctx, []time.Time{begin.AddDate(0, 1, 0)}) // on another connection
	}))
	assert.Len(t, partitions(t, s), 2)
}

func TestPricesPartitionsRollBackWithTheirTransaction(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.ErrorIs(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		if err := tx.Prices.EnsurePartitions(ctx, []time.Time{begin}); err != nil {
			return err
		}
		if _, err := tx.Prices.InsertTicks(ctx, []entities.PriceTick{newTick("BTC", begin, 1)}); err != nil {
			return err
		}
		return assert.AnError
	}), assert.AnError)
	assert.Empty(t, partitions(t, s))
}

func partitions(t testing.TB, s *Store) (names []string) {
	t.Helper()
	require.NoError(t, s.db.WithContext(t.Context()).Raw(
		`SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'price_ticks'::regclass ORDER BY 1`).Scan(&names).Error)
	return names
}

// Months are months of UTC, whatever zone the server, the process or a time is in.
func TestPricesPartitionBoundaries(t *testing.T) {
	t.Parallel()
	for name, parameters := range map[string][]string{"prepared statements": nil, "simple protocol": {simpleProtocol}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := newDSN(t, parameters...)
			admin := openStore(t, dsn)
			execute(t, admin, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''America/New_York''', current_database()); END $$`)
			s := openStore(t, dsn)
			assert.Equal(t, "UTC", scalar[string](t, s, "SHOW timezone"))

			tokyo := time.FixedZone("", 9*3600)
			october := time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC)
			for _, c := range []struct {
				at        time.Time
				partition string
			}{
				{october, "price_ticks_2025_10"},
				{october.Add(-time.Microsecond), "price_ticks_2025_09"},
				{october.In(tokyo), "price_ticks_2025_10"},
				{time.Date(2025, 11, 1, 8, 59, 59, 999999000, tokyo), "price_ticks_2025_10"},
				{time.Date(2025, 12, 31, 23, 59, 59, 999999000, time.UTC), "price_ticks_2025_12"},
				{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "price_ticks_2026_01"},
				{time.Date(2024, 2, 29, 23, 59, 59, 999999000, time.UTC), "price_ticks_2024_02"},
				{time.Unix(0, 0), "price_ticks_1970_01"},
				{time.Unix(0, -1000), "price_ticks_1969_12"},
				{time.Date(2525, 6, 15, 12, 0, 0, 0, time.UTC), "price_ticks_2525_06"},
				{time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), "price_ticks_9999_12"},
			} {
				require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{c.at}), c.partition)
				symbol := "S" + c.at.Format(time.RFC3339Nano)
				outcomes, err := s.Prices.InsertTicks(t.Context(), []entities.PriceTick{newTick(symbol, c.at, 0)})
				require.NoError(t, err, c.partition)
				assert.Equal(t, []Outcome{Inserted}, outcomes)
				assert.Equal(t, c.partition, scalar[string](t, s, "SELECT tableoid::regclass::text FROM price_ticks WHERE symbol = $1", symbol))
				stored := scalar[time.Time](t, s, "SELECT observed_at FROM price_ticks WHERE symbol = $1", symbol)
				assert.True(t, c.at.Equal(stored), "%v %v", c.at, stored)
			}
		})
	}
}

// A partition has the keys of its parent, so that a tick is stored once.
func TestPricesPartitionsAreLikeTheirParent(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.Prices.EnsurePartitions(t.Context(), []time.Time{begin}))
	definition := scalar[string](t, s, `SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'price_ticks_2025_10'::regclass AND indisprimary`)
	assert.Contains(t, definition, "(provider, symbol, observed_at)")
	assert.Equal(t, int64(1), scalar[int64](t, s, `SELECT count(*) FROM pg_index WHERE indrelid = 'price_ticks_2025_10'::regclass`))
	assert.True(t, strings.HasPrefix(partitions(t, s)[0], "price_ticks_"))
}
