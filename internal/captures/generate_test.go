//go:build !captures

package captures_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
	"nof0/internal/captures"
	"nof0/internal/season"
	"nof0/internal/wire"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestTestdataIsWhatIsGenerated holds the shipped captures to the generator,
// byte by byte.
func TestTestdataIsWhatIsGenerated(t *testing.T) {
	t.Parallel()
	for name, files := range generate(t) {
		dir := filepath.Join(captures.Testdata(t), name)
		if *update {
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.MkdirAll(dir, 0o755))
			for file, body := range files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), body, 0o644))
			}
		}
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
			body, err := os.ReadFile(filepath.Join(dir, e.Name()))
			require.NoError(t, err)
			require.True(t, bytes.Equal(files[e.Name()], body), "%s/%s is not what the generator makes; run make testdata", name, e.Name())
		}
		require.Equal(t, slices.Sorted(maps.Keys(files)), names, "run make testdata")
	}
}

// generate makes the two captures of one season: an earlier one of every
// endpoint, with conversations in the older shape, and one of six hours later
// without account totals and positions, whose conversations are decisions.
func generate(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	const earlierHours, laterHours = 42, 48
	at := func(hours int) *season.Season {
		s, err := season.Generate(t.Context(), season.Options{
			Seed: 16, Models: 4, Hours: hours, Start: time.Date(2025, 10, 17, 22, 0, 0, 847_073_000, time.UTC),
			DecisionEvery: 2 * time.Minute, EntryPause: 10 * time.Minute,
		})
		require.NoError(t, err)
		return s
	}
	return map[string]map[string][]byte{
		captures.Earlier.Name: earlier(t, at(earlierHours)),
		captures.Later.Name:   later(t, at(laterHours)),
	}
}

func earlier(t *testing.T, s *season.Season) map[string][]byte {
	t.Helper()
	files := rows(t, s)
	c := odd{t, captures.Earlier.Name}
	var talks []wire.Document
	for i, model := range s.Facts().Competitors {
		talks = append(talks, wire.Document{Thread: thread(s, model, i)})
	}
	out := map[string][]byte{
		"crypto-prices.json":          pretty(t, c.prices(files["crypto-prices.json"])),
		"account-totals.json":         c.list(files["account-totals.json"], "accountTotals", c.equity),
		"trades.json":                 c.list(files["trades.json"], "trades", c.trade),
		"positions.json":              pretty(t, c.list(files["positions.json"], "accountTotals", c.statement, "serverTime")),
		"since-inception-values.json": pretty(t, c.list(files["since-inception-values.json"], "sinceInceptionValues", c.inception)),
		"leaderboard.json":            pretty(t, c.list(files["leaderboard.json"], "leaderboard", c.standing, "serverTime")),
		"conversations.json":          pretty(t, c.list(render(t, wire.Conversations{Conversations: talks}), "conversations", c.plain, "serverTime")),
		"analytics.json":              c.list(files["analytics.json"], "analytics", c.metrics(s)),
	}
	for name, body := range files {
		if strings.HasPrefix(name, "analytics-") {
			out[name] = pretty(t, c.list(body, "analytics", c.metrics(s), "serverTime"))
		}
	}
	return out
}

func later(t *testing.T, s *season.Season) map[string][]byte {
	t.Helper()
	files := rows(t, s)
	c := odd{t, captures.Later.Name}
	return map[string][]byte{
		"crypto-prices.json":          c.prices(files["crypto-prices.json"]),
		"trades.json":                 c.list(files["trades.json"], "trades", c.trade),
		"since-inception-values.json": c.list(files["since-inception-values.json"], "sinceInceptionValues", c.inception),
		"leaderboard.json":            c.list(files["leaderboard.json"], "leaderboard", c.standing, "serverTime"),
		"conversations.json":          c.list(files["conversations.json"], "conversations", c.decision, "serverTime"),
		"analytics.json":              c.list(files["analytics.json"], "analytics", c.metrics(s)),
	}
}

// rows are the files of a season as the generator writes them.
func rows(t *testing.T, s *season.Season) map[string][]byte {
	t.Helper()
	files, err := s.Capture()
	require.NoError(t, err)
	out := map[string][]byte{}
	for _, f := range files {
		out[f.Name] = render(t, f.Payload)
	}
	return out
}

func render(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := wire.Marshal(v)
	require.NoError(t, err)
	return raw
}

// pretty writes a file as a script would, with a line break at its end.
func pretty(t *testing.T, body []byte) []byte {
	t.Helper()
	v := jsontext.Value(body)
	require.NoError(t, v.Indent(jsontext.WithIndent("  ")))
	return append(v, '\n')
}

// thread is a conversation in the older shape, of the newest decisions of a
// model.
func thread(s *season.Season, model string, n int) *wire.Thread {
	talk := wire.Thread{ModelID: model, Messages: []wire.Message{{
		Role: "system", Content: "You are a trader of perpetuals. Be brief; “no trade” is an answer — \t\\ \u2028 \U0001f680", Timestamp: 1760738400,
	}}}
	var decisions []wire.Decision
	for _, d := range s.Facts().Decisions {
		if d.ModelID == model {
			decisions = append(decisions, d)
		}
	}
	for _, d := range decisions[len(decisions)-1-n:] {
		talk.Messages = append(talk.Messages,
			wire.Message{Role: "user", Content: cut(d.UserPrompt.Or("")), Timestamp: math.Floor(d.Timestamp)},
			wire.Message{Role: "assistant", Content: d.CotTraceSummary.Or(""), Timestamp: d.Timestamp, Metadata: jsontext.Value(`{"tokens":{"in":4711,"out":null}}`)},
		)
	}
	return &talk
}

// cut keeps the begin and the end of a long text.
func cut(text string) string {
	const begin, end = 420, 160
	r := []rune(text)
	if len(r) <= begin+end {
		return text
	}
	return string(r[:begin]) + " … " + string(r[len(r)-end:])
}

// member is a member of an object, whose order is kept.
type member struct {
	name  string
	value jsontext.Value
}

type row []member

func (r *row) get(name string) jsontext.Value {
	for _, m := range *r {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (r *row) text(name string) string {
	return strings.Trim(string(r.get(name)), `"`)
}

func (r *row) set(name, value string) {
	for i := range *r {
		if (*r)[i].name == name {
			(*r)[i].value = jsontext.Value(value)
			return
		}
	}
	*r = append(*r, member{name, jsontext.Value(value)})
}

func (r *row) drop(names ...string) {
	*r = slices.DeleteFunc(*r, func(m member) bool { return slices.Contains(names, m.name) })
}

// odd gives rows the oddities of live ones. What a row says depends on its
// identity alone, so that a row that both captures hold says the same in both;
// how it is spelled depends on the capture too.
type odd struct {
	t       *testing.T
	capture string
}

func random(parts ...string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte(strings.Join(parts, "\x00")))))
}

func (o odd) members(raw jsontext.Value) row {
	o.t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	_, err := d.ReadToken()
	require.NoError(o.t, err)
	var r row
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		require.NoError(o.t, err)
		text := name.String()
		value, err := d.ReadValue()
		require.NoError(o.t, err)
		r = append(r, member{text, slices.Clone(value)})
	}
	return r
}

func (r *row) raw() []byte {
	var b bytes.Buffer
	for i, m := range *r {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		b.WriteString(strconv.Quote(m.name) + ":")
		b.Write(m.value)
	}
	if len(*r) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes()
}

// list gives every row of a file its oddities, and drops members beside them.
func (o odd) list(body []byte, name string, change func(*row, *rand.Rand), without ...string) []byte {
	o.t.Helper()
	file := o.members(body)
	file.drop(without...)
	var raws []jsontext.Value
	require.NoError(o.t, json.Unmarshal(file.get(name), &raws))
	var b bytes.Buffer
	for i, raw := range raws {
		r := o.members(raw)
		identity := name + r.text("model_id") + r.text("id") + r.text("timestamp")
		change(&r, random("content", identity))
		b.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		b.Write(o.spell(r, random(o.capture, identity)))
	}
	b.WriteByte(']')
	file.set(name, b.String())
	return file.raw()
}

func (o odd) prices(body []byte) []byte {
	o.t.Helper()
	file := o.members(body)
	prices := o.members(file.get("prices"))
	for i := range prices {
		p := o.members(prices[i].value)
		if prices[i].name == "DOGE" {
			p.set("funding", "-1e-7")
		}
		prices[i].value = o.spell(p, random(o.capture, prices[i].name))
	}
	file.set("prices", string(prices.raw()))
	return file.raw()
}

// spell orders members anew and spells numbers in other ways.
func (o odd) spell(r row, rng *rand.Rand) []byte {
	o.t.Helper()
	rng.Shuffle(len(r), func(i, j int) { r[i], r[j] = r[j], r[i] })
	for i, m := range r {
		switch m.value.Kind() {
		case '{':
			r[i].value = o.spell(o.members(m.value), rng)
		case '0':
			r[i].value = number(m.name, m.value, rng)
		}
	}
	return r.raw()
}

// number spells a number differently now and then; its value stays.
func number(name string, value jsontext.Value, rng *rand.Rand) jsontext.Value {
	whole := !strings.ContainsAny(string(value), ".eE")
	if whole && (strings.HasSuffix(name, "oid") || strings.HasSuffix(name, "tid") || strings.HasSuffix(name, "marker") ||
		strings.HasPrefix(name, "num_") || strings.HasPrefix(name, "total_") || name == "cycle_id" || name == "timestamp") {
		return value // of integers
	}
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return value
	}
	switch n := rng.IntN(20); {
	case n == 0:
		return jsontext.Value(strconv.FormatFloat(v, 'e', -1, 64))
	case n == 1:
		return jsontext.Value(strconv.FormatFloat(v, 'E', -1, 64))
	case n < 6 && whole:
		return append(value, ".0"...)
	}
	return value
}

func (o odd) plain(*row, *rand.Rand) {}

// inception is a row of inception values, of which the live site does not count
// the invocations.
func (o odd) inception(r *row, _ *rand.Rand) { r.set("num_invocations", "0") }

func (o odd) trade(r *row, rng *rand.Rand) {
	switch rng.IntN(8) {
	case 0:
		r.drop("trade_type", "entry_tid")
	case 1:
		r.set("trade_type", "null")
		r.set("confidence", "null")
	case 2:
		r.drop("confidence")
		r.set("venue", `{"name":"Börse – 取引所","tiers":[1,null,0.5e-3]}`)
	case 3:
		r.set("entry_human_time", "null")
		r.set("tag", "null")
		r.set("exit_plan", "null")
	case 4:
		r.drop("entry_liquidation", "exit_plan")
		r.set("exit_tid", "1000000000000000")
	}
}

func (o odd) equity(r *row, rng *rand.Rand) {
	benchmark := r.text("model_id") == season.Benchmark
	switch {
	case benchmark:
		r.drop("sharpe_ratio")
	case rng.IntN(10) == 0:
		r.set("sharpe_ratio", "null")
	}
	switch rng.IntN(12) {
	case 0:
		r.drop("cum_pnl_pct")
	case 1:
		r.set("cum_pnl_pct", "null")
	case 2:
		r.set("run_id", `"20251017220000"`)
	}
	open := o.members(r.get("positions"))
	if len(open) > 2 {
		open = open[:2] // of a small capture
	}
	for i := range open {
		p := o.members(open[i].value)
		o.position(&p, rng)
		if benchmark {
			held(&p)
		}
		open[i].value = p.raw()
	}
	r.set("positions", string(open.raw()))
	if len(open) == 0 && rng.IntN(2) == 0 {
		r.drop("positions")
	}
}

func (o odd) position(r *row, rng *rand.Rand) {
	switch rng.IntN(8) {
	case 0:
		r.set("exit_plan", "{}")
		r.set("tp_oid", "-1")
		r.set("sl_oid", "-1")
	case 1:
		r.drop("exit_plan", "slippage", "index_col")
	case 2:
		r.set("exit_plan", "null")
		r.set("confidence", "null")
	case 3:
		r.drop("wait_for_fill")
		r.set("slippage", "1.25e-05")
	}
}

// held is what the live site says of the position of the benchmark, which has no
// orders and no plan.
func held(p *row) {
	p.set("exit_plan", `"N/A"`)
	for _, name := range []string{"entry_oid", "tp_oid", "sl_oid", "oid", "index_col"} {
		p.set(name, "-1")
	}
	for _, name := range []string{"risk_usd", "confidence", "closed_pnl", "liquidation_price"} {
		p.set(name, "0")
	}
}

// statement is a row of positions.json, which states less of a position than
// account totals do.
func (o odd) statement(r *row, rng *rand.Rand) {
	open := o.members(r.get("positions"))
	for i := range open {
		p := o.members(open[i].value)
		p.drop("index_col", "tp_oid", "sl_oid", "oid", "wait_for_fill", "slippage", "commission", "liquidation_price")
		if rng.IntN(3) == 0 {
			p.set("closed_pnl", "0")
		}
		open[i].value = p.raw()
	}
	r.set("positions", string(open.raw()))
}

// standing is a row of the live leaderboard, which has been frozen for long.
func (o odd) standing(r *row, _ *rand.Rand) {
	for _, name := range []string{"num_wins", "num_losses", "win_dollars", "lose_dollars", "sharpe"} {
		r.set(name, "0")
	}
	r.set("num_trades", "1")
	if strings.HasPrefix(string(r.get("return_pct")), "-") {
		r.set("num_losses", "1")
		r.set("lose_dollars", "-749.7700000000001")
	} else {
		r.set("num_wins", "1")
		r.set("win_dollars", "263.82")
	}
}

func (o odd) decision(r *row, rng *rand.Rand) {
	r.set("user_prompt", string(quote(o.t, cut(unquote(o.t, r.get("user_prompt"))))))
	if trace := r.get("cot_trace"); trace.Kind() == '"' {
		r.set("cot_trace", string(quote(o.t, cut(unquote(o.t, trace)))))
	}
	const failed = "failed_json_response_raw_text"
	if answer := o.members(r.get("llm_response")); answer.get(failed) != nil && rng.IntN(2) == 0 {
		r.set("llm_response", `{"`+failed+`":""}`)
	}
	switch rng.IntN(12) {
	case 0:
		r.drop("skill")
	case 1:
		r.set("skill", "null")
	case 2:
		r.drop("run_id")
	case 3:
		r.set("cot_trace_summary", `""`)
	case 4:
		r.set("tokens", `{"prompt":11000,"cached":null,"price":1.25e-05}`)
	}
}

func unquote(t *testing.T, raw jsontext.Value) string {
	t.Helper()
	var s string
	require.NoError(t, json.Unmarshal(raw, &s))
	return s
}

func quote(t *testing.T, s string) jsontext.Value {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return raw
}

// metrics puts what the live site publishes into the fields in which it differs:
// placeholders for leverages, and a deviation of the fee from the running mean.
func (o odd) metrics(s *season.Season) func(*row, *rand.Rand) {
	return func(r *row, _ *rand.Rand) {
		for _, f := range analytics.Fields() {
			if f.Class != analytics.ClassDiffers {
				continue
			}
			table := o.members(r.get(f.Table))
			switch {
			case f.Name == "std_taker_fee":
				table.set(f.Name, strconv.FormatFloat(runningDeviation(s.Facts().Trades, r.text("model_id")), 'g', -1, 64))
			case strings.HasPrefix(f.Name, "std_"):
				table.set(f.Name, "0")
			default:
				table.set(f.Name, "1")
			}
			r.set(f.Table, string(table.raw()))
		}
	}
}

func runningDeviation(trades []wire.Trade, model string) float64 {
	trades = slices.DeleteFunc(slices.Clone(trades), func(t wire.Trade) bool { return t.ModelID != model })
	slices.SortStableFunc(trades, func(a, b wire.Trade) int { return cmp.Compare(a.ExitTime, b.ExitTime) })
	var sum, squares float64
	for i := range trades {
		fee := trades[i].TotalCommissionDollars.Or(0)
		sum += fee
		off := fee - sum/float64(i+1)
		squares += float64(off * off) // no fused multiply-add: the bytes are the same everywhere
	}
	return math.Sqrt(squares / float64(len(trades)-1))
}

// TestTestdataHasEveryOddity counts what live captures are known for.
func TestTestdataHasEveryOddity(t *testing.T) {
	t.Parallel()
	var all bytes.Buffer
	size := 0
	for _, name := range []string{captures.Earlier.Name, captures.Later.Name} {
		paths, err := filepath.Glob(filepath.Join(captures.Testdata(t), name, "*.json"))
		require.NoError(t, err)
		for _, path := range paths {
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			size += len(body)
			v := jsontext.Value(body)
			require.NoError(t, v.Compact())
			all.Write(v)
		}
	}
	require.Less(t, size, 700_000, "the capture is small")
	text := all.String()
	for what, part := range map[string]string{
		"a thread": `"messages":[{`, "a trace that is an object": `"cot_trace":{`, "a trace that is a text": `"cot_trace":"`,
		"an answer that is no JSON": `"failed_json_response_raw_text":"First`, "no answer at all": `"failed_json_response_raw_text":""`,
		"a null": `"sharpe_ratio":null`, "a zero": `"slippage":0`, "an empty plan": `"exit_plan":{}`, "no liquidation": `"exit_liquidation":null`,
		"an exponent": `1.25e-05`, "a whole number as a decimal": `"leverage":1.0`, "a whole number": `"leverage":1,`,
		"a large integer": `1000000000000000`, "beyond ASCII": `取引所`, "beyond the first plane": "\U0001f680", "no order": `"tp_oid":-1`,
		"noise of floats": `749.7700000000001`, "an empty text": `"cot_trace_summary":""`, "a plan that is a text": `"exit_plan":"N/A"`, "a column that is a number": `"index_col":-1`, "unknown members": `"venue":{`,
	} {
		require.True(t, strings.Contains(text, part), what) //nolint:testifylint // Contains would print all of it
	}
	fmt.Fprintln(t.Output(), size, "bytes")
}
