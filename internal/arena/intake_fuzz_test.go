package arena_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
)

// fuzzKind sends whatever the fuzzer makes up as an item of a kind, to a real
// database: an item in which one member, counted from the first, has got another
// value. Nothing may panic, fail for a reason that is not the item's (that would
// be a 500), or be stored that could not be served: what was accepted is found
// unchanged when it is sent again.
func fuzzKind(f *testing.F, kind arena.IngestKind, seeds ...string) {
	f.Helper()
	b := setupIntake(f)
	for _, seed := range append(seeds, ``, `null`, `[]`, `{}`, `{"id":"\u0000"}`, `{"model_id":"{m}"}`, `{"id":"m","id":"m"}`, `{"symbol":1e999}`) {
		f.Add([]byte(seed), uint16(0), []byte{})
		for member := range membersOf([]byte(seed)) {
			f.Add([]byte(seed), uint16(member), []byte(hostile[member%len(hostile)]))
		}
	}
	f.Fuzz(func(t *testing.T, item []byte, member uint16, value []byte) {
		if !json.Valid(item) {
			return // the envelope is read before
		}
		item = withMember(item, int(member), value)
		w := arena.Batch{Kind: kind, Items: []jsontext.Value{item}, Single: true, Register: true}
		first := ingest(t, b, w)
		if first.Outcome == "rejected" {
			require.NotEmpty(t, first.Rejected.Detail)
			require.Contains(t, []arena.Rejection{arena.RejectedConflict, arena.RejectedInvalid, arena.RejectedUnknown}, first.Rejected.Why)
			return
		}
		again := ingest(t, b, w)
		require.Nil(t, again.Rejected, "accepted once, refused again: %+v", again.Rejected)
		require.Equal(t, "unchanged", again.Outcome)
	})
}

// hostile values, for a member of any type.
var hostile = []string{
	`null`, `0`, `-0`, `""`, `[]`, `{}`, `true`, `1e308`, `-1e-320`, `9007199254740993`, `"-1"`, `"NaN"`, `"\u0000"`,
	`"{m}"`, `"\u202e\ud83d\ude00"`, `[[[[null]]]]`, `{"a":{"a":1e999}}`, `253402300800`, `-62135596801`, `0.1234567`,
}

// withMember replaces the value of one member or element of an item; what is no
// JSON stands for itself, as a string. No value leaves the item as it is.
func withMember(item []byte, member int, value []byte) []byte {
	count := membersOf(item)
	if len(value) == 0 || count == 0 {
		return item
	}
	if !json.Valid(value) {
		value, _ = json.Marshal(string(value)) // a string renders
	}
	doc, _ := parsed(item) // it has members
	left := member % count
	out, err := json.Marshal(replaced(doc, &left, value))
	if err != nil {
		return item
	}
	return out
}

func membersOf(item []byte) int {
	doc, err := parsed(item)
	if err != nil {
		return 0
	}
	left := -1
	replaced(doc, &left, nil)
	return -1 - left
}

func parsed(item []byte) (doc any, err error) {
	d := json.NewDecoder(bytes.NewReader(item))
	d.UseNumber()
	return doc, d.Decode(&doc)
}

// replaced returns doc with another value at the member at which left comes
// down to 0, counting in the order of names.
func replaced(doc any, left *int, value json.RawMessage) any {
	visit := func(child any) any {
		*left--
		if *left == -1 && value != nil {
			return value
		}
		return replaced(child, left, value)
	}
	switch v := doc.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = visit(v[name])
		}
	case []any:
		for i := range v {
			v[i] = visit(v[i])
		}
	}
	return doc
}

func ingest(t *testing.T, b *intakeBundle, w arena.Batch) arena.Result {
	t.Helper()
	reply, err := b.intake.Ingest(t.Context(), w)
	require.NoError(t, err, "%s", w.Items[0])
	require.Len(t, reply.Results, 1)
	return reply.Results[0]
}

func FuzzIngestPrices(f *testing.F) {
	fuzzKind(f, arena.IngestPrices,
		`{"symbol":"BTC","price":111317.5,"timestamp":1761452335744}`,
		`{"symbol":"BTC","price":1,"timestamp":1,"provider":"p","context":{"funding":1e-5,"impact_prices":[1,null]}}`)
}

func FuzzIngestPositions(f *testing.F) {
	fuzzKind(f, arena.IngestPositions,
		`{"model_id":"m","position":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-6.9752,"index_col":null,"exit_plan":{}}}`,
		`{"model_id":"m","provider":"p","position":{"symbol":"BTC","entry_price":1e-9,"quantity":1e300,"entry_time":1761452335.123456,"x":[]}}`)
}

func FuzzIngestTrades(f *testing.F) {
	fuzzKind(f, arena.IngestTrades,
		trade("m_1", 7, "-1", 200),
		`{"trade":`+trade("m_2", 7, "-1", 200)+`,"remaining":null}`,
		`{"trade":`+trade("m_3", 8, "-1", 200)+`,"remaining":{"symbol":"SOL","entry_oid":8,"entry_price":1,"quantity":-2},`+
			`"equity":{"model_id":"m","timestamp":5,"dollar_equity":1,"since_inception_hourly_marker":0}}`)
}

func FuzzIngestEquity(f *testing.F) {
	fuzzKind(f, arena.IngestEquity,
		`{"id":"m_1","model_id":"m","timestamp":1761452335.5,"dollar_equity":1e4,"since_inception_hourly_marker":1,"sharpe_ratio":null,"positions":{}}`)
}

func FuzzIngestConversations(f *testing.F) {
	fuzzKind(f, arena.IngestConversations,
		`{"model_id":"m","topic":"risk","messages":[{"role":"user","content":"hi","timestamp":1},{"role":"assistant","content":"","timestamp":1}]}`)
}

func FuzzIngestDecisions(f *testing.F) {
	fuzzKind(f, arena.IngestDecisions,
		`{"id":"m_1.5","model_id":"m","timestamp":1.5,"user_prompt":"?","cot_trace":{"a":1},"llm_response":{"failed_json_response_raw_text":"…"}}`)
}

func FuzzIngestAnalytics(f *testing.F) {
	fuzzKind(f, arena.IngestAnalytics, `{"model_id":"m","updated_at":5,"win_rate":50}`)
}

func FuzzIngestTraderState(f *testing.F) {
	fuzzKind(f, arena.IngestTraderState, `{"trader_id":"t","cooldown":{"SOL":5},"pause_until":null,"allocation_pct":12.5}`)
}

func FuzzIngestMarketAssets(f *testing.F) {
	fuzzKind(f, arena.IngestMarketAssets, `{"symbol":"SOL","max_leverage":20,"is_delisted":false}`)
}

func FuzzIngestModels(f *testing.F) {
	fuzzKind(f, arena.IngestModels,
		`{"id":"n","kind":"benchmark","since_inception":{"model_id":"n","nav_since_inception":10000,"inception_date":1.5,"num_invocations":0}}`)
}

func FuzzIngestSymbols(f *testing.F) {
	fuzzKind(f, arena.IngestSymbols, `{"symbol":"BTC","tick_size":0.1,"size_step":1e-5,"metadata":{"a":[1.0]}}`)
}
