package mirror

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/parity"
	"nof0/internal/export"
	"nof0/internal/importer"
	"nof0/internal/snapshot"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

func (b *bundle) load(t *testing.T, store *repository.Store, dir string) *importer.Report {
	t.Helper()
	report, err := importer.Import(t.Context(), dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now,
		Store: store, PrimaryProvider: primary, Benchmarks: []string{benchmark},
	})
	require.NoError(t, err)
	require.Zero(t, report.Rejected(), "%+v", report.Kinds)
	return report
}

func (b *bundle) export(t *testing.T, dir string) *export.Report {
	t.Helper()
	exported, err := export.Write(t.Context(), dir, export.Options{
		Store: b.store, PrimaryProvider: primary, Now: time.Now, PageSize: 7,
	})
	require.NoError(t, err)
	return exported
}

// playOdd plays a season, and beside it what a small one does not have: more
// than the views show, and what the format is at odds with.
func (b *bundle) playOdd(t *testing.T) {
	t.Helper()
	b.play(t)
	for i := range 130 {
		b.take(t, batch(arena.IngestTrades, trade(fmt.Sprintf("m_%03d", i), 200+i/2))) // two at a time
		b.take(t, batch(arena.IngestDecisions, fmt.Sprintf(`{"id":"m_%d","model_id":"m","timestamp":%d,"cot_trace":{}}`, i, i)))
		b.take(t, batch(arena.IngestConversations, fmt.Sprintf(`{"model_id":"m","topic":"t%d","messages":[{"role":"user","content":"a","timestamp":%d}]}`, i, i)))
		b.take(t, batch(arena.IngestEquity, fmt.Sprintf(
			`{"model_id":"m","timestamp":%d.5,"dollar_equity":%d,"since_inception_hourly_marker":%d,"sharpe_ratio":null}`, 60*i, i, i/60)))
	}
	for _, w := range []arena.Batch{
		// Messages of one moment that came one by one.
		batch(arena.IngestConversations, `{"model_id":"m","messages":[{"role":"user","content":"b","timestamp":1}]}`),
		batch(arena.IngestConversations, `{"model_id":"m","messages":[{"role":"user","content":"a","timestamp":1}]}`),
		batch(arena.IngestConversations, `{"model_id":"m","messages":[{"role":"assistant","content":"c","timestamp":1}]}`),
		// A document that does not say when it was computed, one of a benchmark,
		// and positions at two providers.
		batch(arena.IngestAnalytics, `{"id":"m","model_id":"m","x":[0,null,1.50]}`),
		batch(arena.IngestAnalytics, `{"id":"buynhold_btc","model_id":"buynhold_btc","updated_at":3}`),
		batch(arena.IngestPositions, `{"model_id":"m","position":{"symbol":"SOL","entry_price":1,"quantity":1}}`),
		batch(arena.IngestPositions, `{"model_id":"m","provider":"binance","position":{"symbol":"SOL","entry_price":1,"quantity":2}}`),
		batch(arena.IngestPositions, `{"model_id":"n","provider":"binance","position":{"symbol":"SOL","entry_price":1,"quantity":2}}`),
		batch(arena.IngestPrices, `{"symbol":"SOL","price":1,"timestamp":5,"venue":null}`, `{"provider":"binance","symbol":"SOL","price":2,"timestamp":6}`),
	} {
		b.take(t, w)
	}
	b.relay(t)
}

// playTies brings facts of one moment, with ids that bytes and languages order
// differently.
func (b *bundle) playTies(t *testing.T) {
	t.Helper()
	ids := []string{"a", "B", "_", "-1", "1", "10", "9", "ä", "z", "Z.", "Zz", "a/b", "a b", "é", "~", "\U0001f642"}
	for i, id := range ids {
		model := fmt.Sprintf("M%c_%d", "aBcD-."[i%6], i%4)
		b.take(t, batch(arena.IngestModels, fmt.Sprintf(`{"id":%q,"since_inception":{"model_id":%[1]q,"nav_since_inception":10000,"inception_date":1761000000.25}}`, model)))
		for _, other := range ids {
			b.take(t, batch(arena.IngestTrades, strings.Replace(trade(model+"_"+id+other, 300), `"model_id":"m"`, fmt.Sprintf(`"model_id":%q`, model), 1)))
			// Less than a microsecond apart is the same moment.
			b.take(t, batch(arena.IngestDecisions, fmt.Sprintf(`{"id":%q,"model_id":%q,"timestamp":1761000000.123456%d,"cot_trace":""}`, id+other, model, i%2)))
		}
		b.take(t, batch(arena.IngestConversations,
			fmt.Sprintf(`{"model_id":%q,"topic":%q,"messages":[{"role":"user","content":"a","timestamp":1761000000.123456}]}`, model, id),
			fmt.Sprintf(`{"model_id":%q,"topic":%q,"messages":[]}`, model, id+" empty"),
			fmt.Sprintf(`{"model_id":%q,"messages":[{"role":"user","content":%q,"timestamp":1761000001.1234564},{"role":"user","content":%q,"timestamp":1761000001.1234561}]}`, model, id, id+"2")))
		b.take(t, batch(arena.IngestEquity,
			fmt.Sprintf(`{"model_id":%q,"timestamp":1761000000.25,"dollar_equity":10000,"since_inception_hourly_marker":0}`, model),
			fmt.Sprintf(`{"model_id":%q,"timestamp":%d.25,"dollar_equity":10000,"since_inception_hourly_marker":1}`, model, 1761003600+i)))
	}
	b.relay(t)
}

// TestExportHoldsWhatACaptureHolds holds an export to four things: imported into the
// same database it changes nothing, into an empty one it gives the same answers,
// the JSON source serves it as the store does, and parity finds it equal.
func TestExportHoldsWhatACaptureHolds(t *testing.T) {
	t.Parallel()
	ordinary := func(t *testing.T) string { t.Helper(); return testdb.New(t, atlastest.Migrator{}) }
	collated := func(t *testing.T) string { t.Helper(); return testdb.Collated(t, atlastest.Migrator{}, "en-US") }
	for name, c := range map[string]struct {
		database func(t *testing.T) string
		captures []captures.Capture
		play     func(b *bundle, t *testing.T)
	}{
		"earlier": {database: ordinary, captures: []captures.Capture{captures.Earlier}},
		"later":   {database: ordinary, captures: []captures.Capture{captures.Later}},
		"both":    {database: collated, captures: []captures.Capture{captures.Later, captures.Earlier}},
		// What was played has more ids that collations order in their own ways.
		"played": {database: collated, play: (*bundle).playOdd},
		"ties":   {database: collated, play: (*bundle).playTies},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupOn(t, c.database(t))
			for _, capture := range c.captures {
				b.load(t, b.store, capture.Dir(t))
			}
			if c.play != nil {
				c.play(b, t)
			}
			store := arena.NewStore(b.store.Repositories, primary, time.Now)
			want := everyAnswer(t, store)
			b.export(t, b.dir)
			require.Equal(t, want, everyAnswer(t, b.json), "served as JSON")
			report, err := parity.Run(t.Context(), parity.Options{
				JSON: b.json.(*jsonstore.Source), Repos: b.store.Repositories, Now: time.Now,
				Store: func(repository.Repositories) arena.Source { return store },
			})
			require.NoError(t, err)
			for _, d := range report.Domains {
				require.Equal(t, wire.VerdictEqual, d.Verdict, "%s: %+v", d.Domain, d.Findings[:min(len(d.Findings), 3)])
			}

			for _, kind := range b.load(t, b.store, b.dir).Kinds {
				require.Zero(t, kind.Inserted+kind.Updated, "%s of the same database", kind.Kind)
			}
			require.Equal(t, want, everyAnswer(t, store))

			other, err := repository.Open(t.Context(), repository.Options{DSN: c.database(t), MaxOpen: 5})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, other.Close()) })
			for _, kind := range b.load(t, other, b.dir).Kinds {
				require.Zero(t, kind.Updated+kind.Unchanged+kind.Superseded, "%s of an empty database", kind.Kind)
			}
			require.Equal(t, want, everyAnswer(t, arena.NewStore(other.Repositories, primary, time.Now)), "of an empty database")

			// And what that one exports is the same, byte by byte, but for the time.
			second := filepath.Join(t.TempDir(), "second")
			_, err = export.Write(t.Context(), second, export.Options{Store: other, PrimaryProvider: primary, Now: time.Now})
			require.NoError(t, err)
			for name, body := range bodies(t, b.dir) {
				require.Equal(t, body, bodies(t, second)[name], name)
			}
		})
	}
}

// everyAnswer is every answer of a source, without serverTime.
func everyAnswer(t *testing.T, s arena.Source) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, d := range arena.Domains() {
		all[string(d)] = answers(t, s, d)
	}
	for _, from := range []int64{0, 1, 2, 150} {
		v, err := s.AccountTotals(t.Context(), from)
		require.NoError(t, err)
		v.ServerTime = 0
		all[fmt.Sprint("account totals from ", from)] = []string{rendered(t, v)}
	}
	for _, model := range []string{"m", captures.Complete[0], benchmark} {
		v, err := s.AnalyticsOf(t.Context(), model)
		if err != nil {
			require.ErrorIs(t, err, arena.ErrUnknownModel)
			v.Analytics = nil
		}
		all["analytics of "+model] = []string{rendered(t, v.Analytics)}
	}
	v, err := s.Positions(t.Context(), 2)
	require.NoError(t, err)
	all["two positions"] = []string{rendered(t, v.AccountTotals)}
	return all
}

// bodies are the files of a directory without serverTime.
func bodies(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name := range modified(t, dir) {
		body, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		files[name] = string(body[:len(body)-len(`1761452335744}`)])
	}
	return files
}

// TestAnExportThatIsStoppedLeavesNothing stops an export in its middle.
func TestAnExportThatIsStoppedLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.play(t)
	stopped := func(dir string) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := export.Write(ctx, dir, export.Options{
			Store: b.store, PrimaryProvider: primary, Now: time.Now, PageSize: 5,
			Progress: func(done, total int) {
				if done > total/2 {
					cancel()
				}
			},
		})
		return err
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	require.ErrorIs(t, stopped(fresh), context.Canceled)
	require.NoDirExists(t, fresh)

	b.export(t, b.dir)
	before := modified(t, b.dir)
	b.send(t, arena.IngestTrades, trade("m_1", 100))
	require.ErrorIs(t, stopped(b.dir), context.Canceled)
	require.Equal(t, before, modified(t, b.dir))
	entries, err := os.ReadDir(b.dir)
	require.NoError(t, err)
	require.Len(t, entries, len(before)+1, "and beside them the lock: %v", entries)
}

// TestAnExportReplacesASnapshot holds that nothing of the older one is left that
// the database does not have.
func TestAnExportReplacesASnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.play(t)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "analytics-gone.json"), []byte(`{"analytics":[{"id":"gone","model_id":"gone"}]}`), 0o600))
	exported := b.export(t, b.dir)
	b.same(t, arena.Domains()...)
	require.NoFileExists(t, filepath.Join(b.dir, "analytics-gone.json"))
	c, err := snapshot.Read(b.dir)
	require.NoError(t, err)
	for _, f := range exported.Files {
		i := slices.IndexFunc(c.Files, func(file *snapshot.File) bool { return file.Name == f.Name })
		require.Len(t, c.Files[i].Rows, f.Rows, f.Name)
	}
}

// TestAnOlderStatementClosesNothing imports an export into the database that it
// came from after trading went on.
func TestAnOlderStatementClosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := func(symbol string, oid int) string {
		return fmt.Sprintf(`{"model_id":"m","position":{"symbol":%q,"entry_oid":%d,"entry_price":200,"quantity":1}}`, symbol, oid)
	}
	b.send(t, arena.IngestPositions, at("SOL", 1), at("BTC", 2))
	b.export(t, b.dir)
	b.send(t, arena.IngestPositions, at("ETH", 3))
	b.send(t, arena.IngestTrades, fmt.Sprintf(`{"trade":{"id":"m_1","model_id":"m","symbol":"BTC","side":"long","quantity":1,"entry_time":1,"exit_time":%d,`+
		`"entry_oid":2,"entry_price":1,"exit_price":2,"realized_net_pnl":1},"remaining":null}`, time.Now().Unix()+1))
	open := func() []string {
		rows, err := b.store.Positions.Open(t.Context(), primary)
		require.NoError(t, err)
		var symbols []string
		for _, r := range rows {
			require.Equal(t, entities.PositionOpen, r.Status)
			symbols = append(symbols, r.Symbol)
		}
		return symbols
	}
	require.Equal(t, []string{"ETH", "SOL"}, open())
	b.load(t, b.store, b.dir)
	require.Equal(t, []string{"ETH", "SOL"}, open())
}
