package jsonstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/season"
	"nof0/internal/snapshot"
	"nof0/internal/testsize"
	"nof0/internal/wire"
	"nof0/repository"
)

func newWriter(t testing.TB, dir string) *Writer {
	t.Helper()
	w := NewWriter(WriterOptions{Dir: dir, PrimaryProvider: "hyperliquid", Now: time.Now})
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

func item[T any](t testing.TB, decode func(jsontext.Value) (T, error), format string, args ...any) any {
	t.Helper()
	v, err := decode(fmt.Appendf(nil, format, args...))
	require.NoError(t, err)
	return v
}

func fillItem(t testing.TB, model, id string, quantity float64, exit int) any {
	t.Helper()
	return item(t, wire.DecodeTradeItem, `{"id":%q,"model_id":%q,"symbol":"SOL","side":"long","quantity":%v,"entry_oid":7,`+
		`"entry_time":1,"exit_time":%d,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, id, model, quantity, exit)
}

func positionItem(t testing.TB, model string, quantity float64) any {
	t.Helper()
	return item(t, wire.Decode[wire.PositionItem],
		`{"model_id":%q,"position":{"symbol":"SOL","entry_oid":7,"entry_price":1,"quantity":%v}}`, model, quantity)
}

func equityItem(t testing.TB, model string, at, marker int) any {
	t.Helper()
	return item(t, wire.Decode[wire.AccountTotal],
		`{"model_id":%q,"timestamp":%d,"dollar_equity":1,"since_inception_hourly_marker":%d}`, model, at, marker)
}

// outcomes applies items and returns what became of them.
func outcomes(t testing.TB, w *Writer, kind arena.IngestKind, domains []arena.Domain, items ...any) []repository.Outcome {
	t.Helper()
	results, err := w.Apply(t.Context(), kind, items, domains)
	require.NoError(t, err)
	require.Len(t, results, len(items))
	var all []repository.Outcome
	for _, r := range results {
		all = append(all, r.Outcome)
	}
	return all
}

func (s *Source) quantity(t testing.TB, model string) float64 {
	t.Helper()
	positions, err := s.Positions(t.Context(), 0)
	require.NoError(t, err)
	for _, m := range positions.AccountTotals {
		if m.ModelID == model {
			return m.Positions["SOL"].Quantity
		}
	}
	return 0
}

// TestManyWritersLoseNothing writes by 64 at once, of eight Writers as of eight
// processes, while readers read all the while.
func TestManyWritersLoseNothing(t *testing.T) {
	t.Parallel()
	const each = 2
	clients, processes := testsize.Pick(16, 64), testsize.Pick(4, 8)
	dir := t.TempDir()
	var writers []*Writer
	for range processes {
		writers = append(writers, newWriter(t, dir))
	}
	for i := range clients {
		outcomes(t, writers[0], arena.IngestPositions, arena.Domains(), positionItem(t, fmt.Sprint("m", i), each))
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if c, err := snapshot.Read(dir); err != nil || len(c.Ignored) > 0 {
					t.Errorf("half a file: %v %v", err, c)
					return
				}
			}
		})
	}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			model := fmt.Sprint("m", i)
			for n := range each {
				// A write that is told twice, by two processes at once.
				items := []any{fillItem(t, model, fmt.Sprint(model, "_", n), 1, 100+n)}
				var twice sync.WaitGroup
				for p := range 2 {
					twice.Go(func() {
						if _, err := writers[(i+p)%processes].Apply(t.Context(), arena.IngestTrades, items, arena.Domains()); err != nil {
							t.Error(err)
						}
					})
				}
				twice.Wait()
			}
		})
	}
	all.Wait()
	close(done)
	readers.Wait()
	s := newSource(dir)
	trades, err := s.Trades(t.Context())
	require.NoError(t, err)
	require.Len(t, trades.Trades, clients*each)
	for i := range clients {
		require.Zero(t, s.quantity(t, fmt.Sprint("m", i)), "each fill counts once, and together they close")
	}
	only(t, dir, ".ledger.json", "positions.json", "trades.json")
}

// TestAFillCountsOnceWhereTradesAreKeptElsewhere holds what keeps a position
// from being reduced twice when Postgres has the trades and the files have not.
func TestAFillCountsOnceWhereTradesAreKeptElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, s := newWriter(t, dir), newSource(dir)
	positions := []arena.Domain{arena.DomainPositions}
	outcomes(t, w, arena.IngestPositions, positions, positionItem(t, "m", 9))
	for range 2 {
		outcomes(t, w, arena.IngestTrades, positions, fillItem(t, "m", "m_1", 1, 100))
		require.InDelta(t, 8, s.quantity(t, "m"), 0)
		w = newWriter(t, dir) // as after a restart
	}
	only(t, dir, ".ledger.json", "positions.json")

	// A trade that the files tell of has been applied, whoever wrote it.
	require.NoError(t, write(dir, snapshot.Trades, wire.Trades{Trades: []wire.Trade{fillItem(t, "m", "m_2", 1, 100).(wire.TradeItem).Trade}}))
	outcomes(t, w, arena.IngestTrades, positions, fillItem(t, "m", "m_2", 1, 100))
	require.InDelta(t, 8, s.quantity(t, "m"), 0)

	// And files of other domains stay as they are.
	before, err := os.ReadFile(filepath.Join(dir, "positions.json"))
	require.NoError(t, err)
	outcomes(t, w, arena.IngestTrades, []arena.Domain{arena.DomainTrades}, fillItem(t, "m", "m_3", 1, 100))
	after, err := os.ReadFile(filepath.Join(dir, "positions.json"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestFilesStayBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, s := newWriter(t, dir), newSource(dir)
	outcomes(t, w, arena.IngestPositions, arena.Domains(), positionItem(t, "m", 159))
	for batch := range 5 {
		var fills, decisions, snapshots []any
		for n := batch * 30; n < batch*30+30; n++ {
			fills = append(fills, fillItem(t, "m", fmt.Sprint("m_", n), 1, 100+n))
			decisions = append(decisions, item(t, wire.Decode[wire.Decision], `{"id":"m_%d","model_id":"m","timestamp":%d}`, n, n))
			snapshots = append(snapshots, equityItem(t, "m", 100+n, n/60))
		}
		for kind, items := range map[arena.IngestKind][]any{
			arena.IngestTrades: fills, arena.IngestDecisions: decisions, arena.IngestEquity: snapshots,
		} {
			for _, o := range outcomes(t, w, kind, arena.Domains(), items...) {
				require.Equal(t, repository.Inserted, o)
			}
		}
	}
	c, err := snapshot.Read(dir)
	require.NoError(t, err)
	require.Len(t, c.File(snapshot.Trades).Rows, 100)
	require.Len(t, c.File(snapshot.Conversations).Rows, 100)
	require.Len(t, c.File(snapshot.AccountTotals).Rows, 3)
	require.Equal(t, int64(2), c.File(snapshot.AccountTotals).LastHourlyMarkerRead)
	trades, err := s.Trades(t.Context())
	require.NoError(t, err)
	require.Equal(t, "m_149", trades.Trades[0].ID)
	require.Equal(t, "m_50", trades.Trades[99].ID)

	// What is older than all that is kept is known, or late: it moves nothing.
	require.InDelta(t, 9, s.quantity(t, "m"), 0)
	require.Equal(t, []repository.Outcome{repository.Superseded}, outcomes(t, w, arena.IngestTrades, arena.Domains(), fillItem(t, "m", "m_0", 1, 100)))
	require.InDelta(t, 9, s.quantity(t, "m"), 0)
	require.Equal(t, []repository.Outcome{repository.Superseded}, outcomes(t, w, arena.IngestEquity, arena.Domains(), equityItem(t, "m", 100, 0)))
}

func TestAllOrNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWriter(t, dir)
	outcomes(t, w, arena.IngestTrades, arena.Domains(), fillItem(t, "m", "m_1", 1, 100))
	before, err := os.ReadFile(filepath.Join(dir, "trades.json"))
	require.NoError(t, err)
	items := []any{fillItem(t, "m", "m_2", 1, 100), fillItem(t, "m", "m_1", 2, 100)}
	results, err := w.ApplyAll(t.Context(), arena.IngestTrades, items, arena.Domains())
	require.NoError(t, err)
	require.Equal(t, repository.Conflict, results[1].Outcome)
	after, err := os.ReadFile(filepath.Join(dir, "trades.json"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.Equal(t, []repository.Outcome{repository.Inserted, repository.Conflict}, outcomes(t, w, arena.IngestTrades, arena.Domains(), items...))
}

func TestRowsOfAnotherProviderAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWriter(t, dir)
	require.Equal(t, []repository.Outcome{repository.Conflict, repository.Inserted}, outcomes(t, w, arena.IngestPrices, arena.Domains(),
		item(t, wire.DecodePriceItem, `{"provider":"binance","symbol":"SOL","price":1,"timestamp":5}`),
		item(t, wire.DecodePriceItem, `{"provider":"hyperliquid","symbol":"SOL","price":1,"timestamp":4}`)))
	require.Equal(t, []repository.Outcome{repository.Conflict}, outcomes(t, w, arena.IngestPositions, arena.Domains(),
		item(t, wire.Decode[wire.PositionItem], `{"model_id":"m","provider":"binance","position":{"symbol":"SOL","entry_price":1,"quantity":1}}`)))
}

// TestWritingToACapture adds a row to captured files: the others stay as they
// are, with the members that nobody knows.
func TestWritingToACapture(t *testing.T) {
	t.Parallel()
	dir := captures.Earlier.Copy(t)
	path := filepath.Join(dir, "trades.json")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(raw, []byte(`"side":`), []byte(`"route": {"tier": [1, null]}, "side":`), 1), 0o600))
	w, s := newWriter(t, dir), newSource(dir)
	before, err := s.Trades(t.Context())
	require.NoError(t, err)
	outcomes(t, w, arena.IngestTrades, arena.Domains(), fillItem(t, "new", "new_1", 1, 100))
	after, err := s.Trades(t.Context())
	require.NoError(t, err)
	require.Len(t, after.Trades, len(before.Trades)+1)
	for i, trade := range before.Trades { // by model
		if trade.ModelID > "new" {
			i++
		}
		x, err := wire.Marshal(trade)
		require.NoError(t, err)
		y, err := wire.Marshal(after.Trades[i])
		require.NoError(t, err)
		require.Equal(t, string(x), string(y))
	}
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Contains(body, []byte(`"route":{"tier":[1,null]}`)))
}

func TestADamagedFileStaysAsItIs(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{"trades.json": `{"trades":[{"id":`})
	w := newWriter(t, dir)
	_, err := w.Apply(t.Context(), arena.IngestTrades, []any{fillItem(t, "m", "m_1", 1, 100)}, arena.Domains())
	require.ErrorContains(t, err, "trades.json")
	body, err := os.ReadFile(filepath.Join(dir, "trades.json"))
	require.NoError(t, err)
	require.Equal(t, `{"trades":[{"id":`, string(body))
	only(t, dir, "trades.json")
}

func TestAWriterSeesWhatOthersWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := newWriter(t, dir), newWriter(t, dir)
	for n := range 20 {
		outcomes(t, a, arena.IngestTrades, arena.Domains(), fillItem(t, "m", fmt.Sprint("m_a", n), 1, 100))
		outcomes(t, b, arena.IngestTrades, arena.Domains(), fillItem(t, "m", fmt.Sprint("m_b", n), 1, 100))
		require.Equal(t, []repository.Outcome{repository.Unchanged}, outcomes(t, a, arena.IngestTrades, arena.Domains(), fillItem(t, "m", fmt.Sprint("m_b", n), 1, 100)))
	}
	require.NoError(t, write(dir, snapshot.Trades, wire.Trades{Trades: []wire.Trade{}}))
	require.Equal(t, []repository.Outcome{repository.Inserted}, outcomes(t, a, arena.IngestTrades, arena.Domains(), fillItem(t, "m", "m_a0", 1, 100)))
}

// BenchmarkApply writes one equity row, and one fill, to the files of 200 hours
// of seven models.
func BenchmarkApply(b *testing.B) {
	for name, bench := range map[string]struct {
		kind arena.IngestKind
		item func(n int) any
	}{
		"equity": {arena.IngestEquity, func(n int) any { return equityItem(b, "gpt-5", 2_000_000_000+n, 300) }},
		"fill":   {arena.IngestTrades, func(n int) any { return fillItem(b, "gpt-5", fmt.Sprint("gpt-5_", n), 1, 2_000_000_000+n) }},
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			made, err := season.Generate(b.Context(), season.Options{Seed: 1, Models: season.DefaultModels, Hours: season.DefaultHours})
			require.NoError(b, err)
			_, err = made.Write(b.Context(), dir)
			require.NoError(b, err)
			w := newWriter(b, dir)
			outcomes(b, w, bench.kind, arena.Domains(), bench.item(0)) // the files are parsed
			n := 0
			for b.Loop() {
				n++
				outcomes(b, w, bench.kind, arena.Domains(), bench.item(n))
			}
		})
	}
}
