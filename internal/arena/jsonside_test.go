package arena_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/season"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// bothSides takes the same writes into Postgres and into JSON files.
type bothSides struct {
	*intakeBundle

	dir    string
	writer *jsonstore.Writer
	files  arena.Source
}

func setupBothSides(t *testing.T) *bothSides {
	t.Helper()
	dir := t.TempDir()
	b := &bothSides{
		intakeBundle: setupIntake(t),
		dir:          dir,
		writer:       jsonstore.NewWriter(jsonstore.WriterOptions{Dir: dir, PrimaryProvider: "hyperliquid", MatchWindow: time.Minute, Now: time.Now}),
		files: jsonstore.NewSource(jsonstore.SourceOptions{
			Dir: dir, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark}, Now: time.Now,
		}),
	}
	t.Cleanup(func() { require.NoError(t, b.writer.Close()) })
	return b
}

// decoded is an item as its decoder leaves it.
func decoded(t *testing.T, kind arena.IngestKind, raw jsontext.Value) (item any) {
	t.Helper()
	var err error
	switch kind {
	case arena.IngestPrices:
		item, err = wire.DecodePriceItem(raw)
	case arena.IngestPositions:
		item, err = wire.Decode[wire.PositionItem](raw)
	case arena.IngestTrades:
		var trade wire.TradeItem
		trade, err = wire.DecodeTradeItem(raw)
		item = arena.SizedTrade{TradeItem: trade, SizeStep: 0.01}
	case arena.IngestEquity:
		item, err = wire.Decode[wire.AccountTotal](raw)
	case arena.IngestConversations:
		var thread wire.Thread
		thread, err = wire.Decode[wire.Thread](raw)
		thread.Sort()
		item = thread
	case arena.IngestDecisions:
		item, err = wire.Decode[wire.Decision](raw)
	case arena.IngestAnalytics:
		var doc wire.AnalyticsDoc
		doc, err = wire.Decode[wire.AnalyticsDoc](raw)
		item = arena.AnalyticsItem{Doc: doc, Payload: raw}
	case arena.IngestModels:
		item, err = wire.Decode[wire.Model](raw)
	case arena.IngestSymbols:
		item, err = wire.Decode[wire.Symbol](raw)
	default:
		t.Fatalf("no decoder of %s", kind)
	}
	require.NoError(t, err)
	return item
}

// take hands in a write to both sides and returns what became of its items.
func (b *bothSides) take(t *testing.T, w arena.Batch) (stored, written []string) {
	t.Helper()
	w.Single = false
	_, results := b.intakeBundle.take(t, w)
	for _, r := range results {
		stored = append(stored, r.Outcome)
	}
	items := make([]any, len(w.Items))
	for i, raw := range w.Items {
		items[i] = decoded(t, w.Kind, raw)
	}
	inFiles, err := b.writer.Apply(t.Context(), w.Kind, items, arena.Domains())
	require.NoError(t, err)
	for _, r := range inFiles {
		said := string(r.Outcome)
		switch r.Outcome {
		case repository.Superseded:
			said = "unchanged"
		case repository.Conflict:
			said = "rejected"
			require.NotEmpty(t, r.Reason)
		}
		written = append(written, said)
	}
	return stored, written
}

// taken is one write of a case; the outcomes are those of its items.
type taken struct {
	kind     arena.IngestKind
	items    string // separated by lines
	outcomes string
}

func remaining(trade, rest string) string { return `{"trade":` + trade + `,"remaining":` + rest + `}` }

func withEquity(trade string, at int, equity float64) string {
	return fmt.Sprintf(`{"trade":%s,"equity":{"model_id":"m","timestamp":%d,"dollar_equity":%v,"since_inception_hourly_marker":0}}`, trade, at, equity)
}

func openPosition(oid int, symbol, quantity string) string {
	return fmt.Sprintf(`{"model_id":"m","position":{"symbol":%q,"entry_oid":%d,"entry_price":200,"quantity":%s,`+
		`"margin":100,"current_price":190,"unrealized_pnl":69.752,"exit_plan":{},"note":[0,null]}}`, symbol, oid, quantity)
}

// TestBothSidesDecideAlike runs one table of cases against Postgres and against
// the JSON files: outcomes and answers must be the same.
func TestBothSidesDecideAlike(t *testing.T) {
	t.Parallel()
	row := func(at int, marker int, equity string) string {
		return fmt.Sprintf(`{"model_id":"m","timestamp":%d.25,"dollar_equity":%s,"since_inception_hourly_marker":%d,"positions":{}}`, at, equity, marker)
	}
	thread := func(messages string) string { return `{"model_id":"m","topic":"t","messages":[` + messages + `]}` }
	message := func(at int, role, content string) string {
		return fmt.Sprintf(`{"role":%q,"content":%q,"timestamp":%d,"tokens":1}`, role, content, at)
	}
	cases := map[string][]taken{
		"prices": {
			{arena.IngestPrices, `{"symbol":"SOL","price":1,"timestamp":1000,"venue":null}`, "inserted"},
			{arena.IngestPrices, `{"symbol":"SOL","price":2,"timestamp":3000}`, "inserted"},
			{arena.IngestPrices, `{"symbol":"SOL","price":2,"timestamp":3000}`, "unchanged"},
			{arena.IngestPrices, `{"symbol":"SOL","price":3,"timestamp":3000}`, "rejected"},
		},
		"positions": {
			{arena.IngestPositions, openPosition(7, "SOL", "-6.9752"), "inserted"},
			{arena.IngestPositions, openPosition(7, "SOL", "-6.9752"), "unchanged"},
			{arena.IngestPositions, openPosition(7, "SOL", "-6"), "updated"},
			{arena.IngestPositions, openPosition(8, "SOL", "-6") + "\n" + openPosition(9, "BTC", "1"), "rejected inserted"},
		},
		"a trade once": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, trade("m_1", 7, "-1", 200), "inserted"},
			{arena.IngestTrades, trade("m_1", 7, "-1", 200), "unchanged"},
			{arena.IngestTrades, trade("m_1", 7, "-2", 200), "rejected"},
			{arena.IngestTrades, trade("m_2", 7, "-1", 300) + "\n" + trade("m_2", 7, "-1", 300), "inserted unchanged"},
		},
		"partial closes, to the noise of doubles": {
			{arena.IngestPositions, openPosition(7, "SOL", "-6.9752"), "inserted"},
			{arena.IngestTrades, trade("m_1", 7, "-2.4952", 200), "inserted"},
			{arena.IngestTrades, trade("m_2", 7, "-4.4799999999999995", 300), "inserted"},
			{arena.IngestPositions, openPosition(7, "SOL", "-6.9752"), "unchanged"},
			{arena.IngestPositions, openPosition(7, "SOL", "-6"), "rejected"},
			{arena.IngestPositions, openPosition(8, "SOL", "3"), "inserted"},
		},
		"less than half a step is left": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, trade("m_1", 7, "-4.996", 200), "inserted"},
		},
		"more than was open": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, trade("m_1", 7, "-6", 200), "inserted"},
		},
		"of another order": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, trade("m_1", 6, "-1", 200), "inserted"},
		},
		"nothing remains": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, remaining(trade("m_1", 7, "-1", 200), "null"), "inserted"},
		},
		"this remains": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, remaining(trade("m_1", 7, "-1", 200), `{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-3.5,"risk_usd":null}`), "inserted"},
		},
		"what remains stands against another position": {
			{arena.IngestPositions, openPosition(8, "SOL", "-5"), "inserted"},
			{arena.IngestTrades, remaining(trade("m_1", 7, "-1", 200), `{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-3.5}`), "inserted"},
		},
		"equity comes along": {
			{arena.IngestPositions, openPosition(7, "SOL", "-5"), "inserted"},
			{arena.IngestEquity, row(100, 0, "9000"), "inserted"},
			{arena.IngestTrades, withEquity(trade("m_1", 7, "-1", 200), 200, 9100), "inserted"},
			{arena.IngestTrades, withEquity(trade("m_2", 7, "-1", 300), 200, 9200), "rejected"},
			{arena.IngestTrades, withEquity(trade("m_3", 7, "-1", 300), 200, 9100), "inserted"},
		},
		"equity": {
			{arena.IngestEquity, row(100, 0, "9000"), "inserted"},
			{arena.IngestEquity, row(100, 0, "9000.0"), "unchanged"},
			{arena.IngestEquity, row(100, 0, "9001"), "rejected"},
			{arena.IngestEquity, row(200, 0, "9001"), "inserted"},
			{arena.IngestEquity, row(200, 0, "9001") + "\n" + row(300, 1, "9002"), "unchanged inserted"},
			{arena.IngestEquity, row(4000, 5, "1e15"), "inserted"},
		},
		"threads": {
			{arena.IngestConversations, thread(message(1, "user", "a") + "," + message(2, "assistant", "b")), "inserted"},
			{arena.IngestConversations, thread(message(2, "assistant", "b")), "unchanged"},
			{arena.IngestConversations, thread(message(3, "user", "c") + "," + message(1, "system", "s")), "updated"},
			{arena.IngestConversations, `{"model_id":"m","messages":[]}`, "inserted"},
			{arena.IngestConversations, `{"model_id":"m","topic":"t","messages":[` + message(4, "user", "d") + `],"mood":null}`, "updated"},
		},
		"decisions": {
			{arena.IngestDecisions, `{"id":"m_1.5","model_id":"m","timestamp":1.5,"cot_trace":{"b":1,"a":2.50},"run_id":null}`, "inserted"},
			{arena.IngestDecisions, `{"id":"m_1.5","model_id":"m","timestamp":1.5,"cot_trace":{"a":2.5,"b":1},"run_id":null}`, "unchanged"},
			{arena.IngestDecisions, `{"id":"m_1.5","model_id":"m","timestamp":1.5,"cot_trace":{"a":2.5,"b":1}}`, "rejected"},
			{arena.IngestDecisions, `{"id":"m_2.5","model_id":"m","timestamp":2.5,"llm_response":{"failed_json_response_raw_text":"x"}}`, "inserted"},
		},
		"analytics": {
			{arena.IngestAnalytics, `{"id":"m","model_id":"m","updated_at":5,"x":[1.0,0,null]}`, "inserted"},
			{arena.IngestAnalytics, `{"id":"m","model_id":"m","updated_at":5,"x":[1,0,null]}`, "unchanged"},
			{arena.IngestAnalytics, `{"id":"m","model_id":"m","updated_at":5,"x":[2]}`, "rejected"},
			{arena.IngestAnalytics, `{"id":"m","model_id":"m","updated_at":4,"x":[2]}`, "unchanged"},
			{arena.IngestAnalytics, `{"id":"m","model_id":"m","updated_at":6,"x":[3]}`, "updated"},
		},
		"inception": {
			{arena.IngestModels, `{"id":"m","since_inception":{"id":"i","model_id":"m","nav_since_inception":1e4,"inception_date":5.5,"num_invocations":3}}`, "updated"},
			{arena.IngestModels, `{"id":"m","since_inception":{"id":"i","model_id":"m","nav_since_inception":1e4,"inception_date":5.5,"num_invocations":3}}`, "unchanged"},
			{arena.IngestModels, `{"id":"m","since_inception":{"id":"i","model_id":"m","nav_since_inception":1e4,"inception_date":5.5,"num_invocations":4}}`, "updated"},
			{arena.IngestModels, `{"id":"m","since_inception":{"id":"i","model_id":"m","nav_since_inception":2e4,"inception_date":5.5,"num_invocations":4}}`, "rejected"},
		},
	}
	for name, writes := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupBothSides(t)
			b.send(t, arena.IngestSymbols, `{"symbol":"BTC","size_step":0.01}`)
			for i, w := range writes {
				stored, written := b.take(t, batch(w.kind, strings.Split(w.items, "\n")...))
				require.Equal(t, strings.Fields(w.outcomes), stored, "write %d in Postgres", i)
				require.Equal(t, strings.Fields(w.outcomes), written, "write %d in the files", i)
			}
			b.requireSameAnswers(t)
		})
	}
}

// requireSameAnswers compares the answers of the files that are there.
func (b *bothSides) requireSameAnswers(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	store := arena.NewStore(b.store.Repositories, "hyperliquid", time.Now)
	for name, ask := range map[string]func(arena.Source) (any, error){
		"crypto-prices": func(s arena.Source) (any, error) { v, err := s.CryptoPrices(ctx); return v.Prices, err },
		"trades":        func(s arena.Source) (any, error) { v, err := s.Trades(ctx); return v.Trades, err },
		"positions":     func(s arena.Source) (any, error) { v, err := s.Positions(ctx, 0); return v.AccountTotals, err },
		"analytics": func(s arena.Source) (any, error) {
			v, err := s.Analytics(ctx)
			return withDocument(t, s, v.Analytics), err
		},
		"conversations": func(s arena.Source) (any, error) { v, err := s.Conversations(ctx); return v.Conversations, err },
		"account-totals": func(s arena.Source) (any, error) {
			v, err := s.AccountTotals(ctx, 0)
			return []any{v.AccountTotals, v.LastHourlyMarkerRead}, err
		},
		"since-inception-values": func(s arena.Source) (any, error) {
			v, err := s.SinceInception(ctx)
			return v.SinceInceptionValues, err
		},
	} {
		inFiles, err := ask(b.files)
		if strings.Contains(fmt.Sprint(err), "no such file") {
			continue // nothing of it was written
		}
		require.NoError(t, err, name)
		stored, err := ask(store)
		require.NoError(t, err, name)
		x, err := wire.Marshal(stored)
		require.NoError(t, err)
		y, err := wire.Marshal(inFiles)
		require.NoError(t, err)
		require.JSONEq(t, string(x), string(y), name)
	}
}

// TestBothSidesTakeASeason plays a whole season into both.
func TestBothSidesTakeASeason(t *testing.T) {
	t.Parallel()
	b := setupBothSides(t)
	s, err := season.Generate(t.Context(), season.Options{Seed: 4, Models: 4, Hours: 20})
	require.NoError(t, err)
	_, err = b.db.Exec(t.Context(), "DELETE FROM accounts; DELETE FROM models") // those of no event
	require.NoError(t, err)
	for e, err := range s.Plan(season.PlanOptions{Analytics: true}).Events() {
		require.NoError(t, err)
		if e.Kind == season.KindPrices && e.At.Minute() > 1 {
			continue
		}
		w := batch(arena.IngestKind(e.Kind), string(e.Body))
		if e.Items > 1 {
			var list struct {
				Items []jsontext.Value `json:"items"`
			}
			require.NoError(t, json.Unmarshal(e.Body, &list))
			w.Items = list.Items
		}
		w.Register = true
		stored, written := b.take(t, w)
		if e.Kind != season.KindModels && e.Kind != season.KindSymbols {
			require.Equal(t, stored, written, "%s at %v", e.Kind, e.At)
		}
	}
	b.requireSameAnswers(t)
}

// TestTheFirstDayOfACutover writes to files of which Postgres knows nothing yet:
// what they mention is known, everything else is not.
func TestTheFirstDayOfACutover(t *testing.T) {
	t.Parallel()
	b := setupBothSides(t)
	_, err := b.db.Exec(t.Context(), "DELETE FROM accounts; DELETE FROM models; DELETE FROM symbols")
	require.NoError(t, err)
	for name, body := range map[string]string{
		"crypto-prices":          `{"prices":{"SOL":{"symbol":"SOL","price":190,"timestamp":1761000000000}}}`,
		"since-inception-values": `{"sinceInceptionValues":[{"model_id":"incepted","nav_since_inception":10000,"inception_date":1761000000},{"model_id":"` + benchmark + `","nav_since_inception":10000,"inception_date":1761000000}]}`,
		"positions":              `{"accountTotals":[{"model_id":"holder","positions":{"DOGE":{"symbol":"DOGE","entry_oid":7,"entry_price":1,"quantity":10}}}]}`,
		"leaderboard":            `{"leaderboard":[{"id":"leader","num_trades":0,"num_wins":0,"num_losses":0,"win_dollars":0,"lose_dollars":0,"sharpe":0}]}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, name+".json"), []byte(body), 0o600))
	}
	intake := arena.NewIntake(arena.IntakeOptions{
		Store: b.store, PrimaryProvider: "hyperliquid", Benchmarks: []string{benchmark}, JSON: b.writer,
		Bounds: wiretest.Bounds(),
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	var last []arena.Result
	rejection := func(kind arena.IngestKind, item string) arena.Rejection {
		reply, err := intake.Ingest(t.Context(), arena.Batch{Kind: kind, Items: []jsontext.Value{jsontext.Value(item)}, Single: true})
		require.NoError(t, err)
		last = reply.Results
		return reply.Rejection
	}
	fill := func(id, model, symbol string) string {
		return fmt.Sprintf(`{"id":%q,"model_id":%q,"symbol":%q,"side":"long","quantity":10,"entry_time":1761000000,"exit_time":1761000100,`+
			`"entry_oid":7,"entry_price":1,"exit_price":2,"realized_net_pnl":10}`, id, model, symbol)
	}
	for refused, why := range map[string]arena.Rejection{
		fill("x_1", "nobody", "SOL"): arena.RejectedUnknown, fill("x_2", "holder", "XRP"): arena.RejectedUnknown,
		fill("x_3", "", "SOL"): arena.RejectedInvalid,
	} {
		require.Equal(t, why, rejection(arena.IngestTrades, refused), refused)
	}
	require.Zero(t, b.count(t, "SELECT count(*) FROM models WHERE id <> 'holder'"), "nobody else is registered")
	for _, taken := range []struct {
		kind arena.IngestKind
		item string
	}{
		{arena.IngestTrades, fill("holder_1", "holder", "DOGE")},
		{arena.IngestTrades, fill("leader_1", "leader", "SOL")},
		{arena.IngestPrices, `{"symbol":"SOL","price":191,"timestamp":1761000001000}`},
		{arena.IngestEquity, `{"model_id":"` + benchmark + `","timestamp":1761000100,"dollar_equity":9000,"since_inception_hourly_marker":0}`},
		{arena.IngestDecisions, `{"id":"incepted_1","model_id":"incepted","timestamp":1761000100,"cot_trace":""}`},
		{arena.IngestConversations, `{"model_id":"leader","messages":[{"role":"user","content":"a","timestamp":1761000100}]}`},
		{arena.IngestAnalytics, `{"id":"incepted","model_id":"incepted"}`},
		{arena.IngestPositions, `{"model_id":"leader","position":{"symbol":"DOGE","entry_oid":8,"entry_price":1,"quantity":1}}`},
	} {
		require.Empty(t, rejection(taken.kind, taken.item), "%s: %+v", taken.item, last)
	}
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM models WHERE kind = 'benchmark'"))
	require.Zero(t, b.count(t, "SELECT count(*) FROM trades"), "they are in the files")
	trades, err := b.files.Trades(t.Context())
	require.NoError(t, err)
	require.Len(t, trades.Trades, 2)
	positions, err := b.files.Positions(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, positions.AccountTotals[0].Positions, "the fill closed it")
}
