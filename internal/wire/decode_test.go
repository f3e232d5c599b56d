package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// Minimal rows: each member is required.
const (
	priceRow    = `{"symbol":"BTC","price":1.5,"timestamp":1761452335744}`
	equityRow   = `{"model_id":"m","timestamp":1.5,"dollar_equity":0,"since_inception_hourly_marker":0}`
	positionRow = `{"symbol":"BTC","entry_price":1,"quantity":-1}`
	tradeRow    = `{"id":"t","model_id":"m","symbol":"BTC","side":"long","quantity":1,"entry_time":1,"exit_time":2,` +
		`"entry_price":1,"exit_price":2,"realized_net_pnl":0}`
	inceptionRow = `{"model_id":"m","nav_since_inception":10000,"inception_date":1.5}`
	standingRow  = `{"id":"m","num_trades":0,"num_wins":0,"num_losses":0}`
	analyticsRow = `{"model_id":"m"}`
	statementRow = `{"model_id":"m","positions":{"BTC":` + positionRow + `}}`
	decisionRow  = `{"id":"d","model_id":"m","timestamp":1.5}`
	messageRow   = `{"role":"user","content":"","timestamp":1.5}`
	threadRow    = `{"model_id":"m","messages":[` + messageRow + `]}`
)

// rowType is a row type as the tests below use it.
type rowType struct {
	name, minimal string
	again         func(jsontext.Value) ([]byte, error)
}

var rowTypes = []rowType{
	{"price", priceRow, again[Price]},
	{"equity", equityRow, again[AccountTotal]},
	{"position", positionRow, again[Position]},
	{"trade", tradeRow, again[Trade]},
	{"inception", inceptionRow, again[SinceInception]},
	{"standing", standingRow, again[LeaderboardRow]},
	{"analytics", analyticsRow, again[AnalyticsDoc]},
	{"statement", statementRow, againModelPositions},
	{"decision", decisionRow, again[Decision]},
	{"thread", threadRow, again[Thread]},
	{"message", messageRow, again[Message]},
}

// with sets members of a row given as alternating name and JSON text; the text
// "-" removes one.
func with(t testing.TB, row string, members ...string) jsontext.Value {
	t.Helper()
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(row), &m))
	for pair := range slices.Chunk(members, 2) {
		delete(m, pair[0])
		if pair[1] != "-" {
			m[pair[0]] = json.RawMessage(pair[1])
		}
	}
	// By hand, since some of the texts are not JSON.
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(name) + ":" + string(m[name]))
	}
	return jsontext.Value("{" + b.String() + "}")
}

// faultsOf returns the faults of an error by path.
func faultsOf(t testing.TB, err error) map[string]string {
	t.Helper()
	var faults Faults
	require.ErrorAs(t, err, &faults)
	require.NotEmpty(t, faults)
	require.LessOrEqual(t, len(faults), MaxFaults)
	byPath := make(map[string]string, len(faults))
	for _, f := range faults {
		require.NotContains(t, byPath, f.Path, "one fault per member")
		require.NotEmpty(t, f.Reason)
		byPath[f.Path] = f.Reason
	}
	return byPath
}

func TestMinimalRowsAreAcceptedAndComeBack(t *testing.T) {
	t.Parallel()
	for _, r := range rowTypes {
		got, err := r.again(jsontext.Value(r.minimal))
		require.NoError(t, err, r.name)
		require.Equal(t, value(t, []byte(r.minimal)), value(t, got), r.name)
	}
}

func TestEveryMemberOfAMinimalRowIsRequired(t *testing.T) {
	t.Parallel()
	for _, r := range rowTypes {
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.minimal), &members))
		for name := range members {
			_, err := r.again(with(t, r.minimal, name, "-"))
			require.Equal(t, map[string]string{"/" + name: "is missing"}, faultsOf(t, err), r.name)
			_, err = r.again(with(t, r.minimal, name, "null"))
			require.Equal(t, map[string]string{"/" + name: "is null; a value is expected"}, faultsOf(t, err), r.name)
		}
	}
}

func TestUnknownMembersAreKeptAndWrittenOutAgain(t *testing.T) {
	t.Parallel()
	for _, r := range rowTypes {
		raw := with(t, r.minimal, "Symbol", `"other case"`, "x", `{"deep":[1.5,null,"é",{"a":false}]}`, "y", "null", "", `0`)
		got, err := r.again(raw)
		require.NoError(t, err, r.name)
		require.Equal(t, value(t, raw), value(t, got), r.name)
	}
}

func TestWhatIsNoRowIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                "is not JSON; an object is expected",
		" ":               "is not JSON; an object is expected",
		"null":            "is null; an object is expected",
		"[]":              "is an array; an object is expected",
		`"x"`:             "is a string; an object is expected",
		"1":               "is a number; an object is expected",
		"true":            "is a boolean; an object is expected",
		"xyz":             "is not JSON; an object is expected",
		"\xef\xbb\xbf{}":  "is not JSON; an object is expected",
		"{":               "ends in the middle",
		"{} {}":           "has more after its end",
		"{}x":             "has more after its end",
		"{}\x00":          "has more after its end",
		"{'a':1}":         "invalid character '\\'' at start of value",
		"{\"model_id\" 1": "invalid character '1' after object name (expecting ':')",
	} {
		for _, r := range rowTypes {
			_, err := r.again(jsontext.Value(text))
			found := false
			for _, reason := range faultsOf(t, err) {
				found = found || reason == want
			}
			require.True(t, found, "%s: %q gave %v", r.name, text, err)
		}
	}
}

// A fault that every row type must name, whichever member it is in.
func TestFaultsOfAnyRow(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct{ member, path, reason string }{
		"NUL":                 {`"x":"a\u0000b"`, "/x", "contains NUL"},
		"NUL in a name":       {`"x\u0000":1`, "/x\x00", "contains NUL"},
		"NUL nested":          {`"x":[{"y/z":["",["\u0000"]]}]`, "/x/0/y~1z/1/0", "contains NUL"},
		"NUL as it is":        {"\"x\":\"a\x00b\"", "/x", `invalid character '\x00' in string (expecting non-control character)`},
		"1e999":               {`"x":1e999`, "/x", "1e999 is not a finite double"},
		"-1e999 nested":       {`"x":[0,-1e999]`, "/x/1", "-1e999 is not a finite double"},
		"too close to 0":      {`"x":1e-999`, "/x", "1e-999 is too close to 0 for a double"},
		"zero far out":        {`"x":0e-99999`, "/x", "0e-99999 has an exponent that cannot be stored"},
		"endless exponent":    {`"x":0e99999999999999999999`, "/x", "0e99999999999999999999 has an exponent that cannot be stored"},
		"NaN":                 {`"x":NaN`, "/x", "invalid character 'N' at start of value"},
		"Infinity":            {`"x":-Infinity`, "/x", "invalid character 'I' in number (expecting digit)"},
		"nan":                 {`"x":nan`, "/x", "invalid character 'a' in literal null (expecting 'u')"},
		"leading zero":        {`"x":01`, "", "invalid character '1' after object value (expecting ',' or '}')"},
		"twice":               {`"x":1,"x":1`, "/x", "duplicate object member name"},
		"twice by escape":     {`"x":1,"\u0078":2`, "/x", "duplicate object member name"},
		"twice nested":        {`"x":{"y":{"z":1,"z":1}}`, "/x/y/z", "duplicate object member name"},
		"invalid UTF-8":       {"\"x\":\"\xff\"", "/x", "invalid UTF-8"},
		"overlong UTF-8":      {"\"x\":\"\xc0\x80\"", "/x", "invalid UTF-8"},
		"surrogate as UTF-8":  {"\"x\":\"\xed\xa0\x80\"", "/x", "invalid UTF-8"},
		"lone high surrogate": {`"x":"\ud83d"`, "/x", "invalid surrogate pair `\\ud83d\"}` in string"},
		"lone low surrogate":  {`"x":"\ude00"`, "/x", "invalid surrogate pair `\\ude00\"}` in string"},
		"too deep":            {`"x":` + deep(MaxDepth), "/x" + strings.Repeat("/0", MaxDepth-1), "nests deeper than 64 levels"},
		"comma at the end":    {`"x":1,`, "", "invalid character ',' at start of value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range rowTypes {
				raw := jsontext.Value(strings.TrimSuffix(r.minimal, "}") + "," + c.member + "}")
				_, err := r.again(raw)
				require.Equal(t, map[string]string{c.path: c.reason}, faultsOf(t, err), r.name)
				require.Error(t, scanned(raw))
			}
		})
	}
	t.Run("deep but not too deep", func(t *testing.T) {
		t.Parallel()
		for _, r := range rowTypes {
			raw := jsontext.Value(strings.TrimSuffix(r.minimal, "}") + `,"x":` + deep(MaxDepth-1) + "}")
			got, err := r.again(raw)
			require.NoError(t, err)
			require.Equal(t, value(t, raw), value(t, got))
		}
	})
	t.Run("surrogate pair", func(t *testing.T) {
		t.Parallel()
		for _, r := range rowTypes {
			got, err := r.again(jsontext.Value(strings.TrimSuffix(r.minimal, "}") + `,"x":"\ud83d\ude00"}`))
			require.NoError(t, err)
			require.Contains(t, string(got), `"x":"😀"`)
		}
	})
}

func TestBombsAreRefusedWithAShortMessage(t *testing.T) {
	t.Parallel()
	const million = 1_000_000
	name := strings.Repeat("n", 100_000)
	digits := strings.Repeat("7", million)
	manyNULs := `[` + strings.TrimSuffix(strings.Repeat(`"\u0000",`, 20_000), ",") + `]`
	for name, member := range map[string]string{
		"10,000 arrays":                 `"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		"10,000 arrays, open":           `"x":` + strings.Repeat("[", 10_000),
		"10,000 objects":                strings.Repeat(`"x":{`, 10_000) + strings.Repeat("}", 10_000),
		"a million digits":              `"x":` + digits,
		"a million decimals":            `"x":0.` + digits,
		"an exponent of a million":      `"x":1e` + digits,
		"a million digits as a time":    `"timestamp":` + digits + `,"entry_time":` + digits,
		"a million digits as an id":     `"oid":` + digits + `,"entry_oid":` + digits + `,"cycle_id":` + digits,
		"a name of a million":           `"` + digits + `":"\u0000"`,
		"many NULs below a long name":   `"` + name + `":` + manyNULs,
		"many wrong elements":           `"messages":` + manyNULs + `,"positions":` + manyNULs,
		"a wrong side of a million":     `"side":"` + digits + `","role":"` + digits + `","x":1e999`,
		"a name of a million twice":     `"` + digits + `":1,"` + digits + `":1`,
		"an id of a million characters": `"id":"` + digits + `","symbol":"` + digits + `","model_id":"` + digits + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range rowTypes {
				if r.name != "equity" && r.name != "trade" && r.name != "thread" {
					continue // a million characters take their time; these differ most
				}
				_, err := r.again(jsontext.Value("{" + member + "}"))
				require.Error(t, err, r.name)
				require.Less(t, len(err.Error()), MaxFaults*(maxPath+200), r.name)
				faultsOf(t, err)
			}
		})
	}
}

func TestAnAcceptedRowCanBeRenderedInsideItsPayload(t *testing.T) {
	t.Parallel()
	raw := with(t, tradeRow, "x", strings.Repeat("[", MaxDepth-1)+strings.Repeat("]", MaxDepth-1))
	trade, err := Decode[Trade](raw)
	require.NoError(t, err)
	_, err = Marshal(Trades{Trades: []Trade{trade}})
	require.NoError(t, err)
}

// refusal is one change of a minimal row and the faults that it must give.
type refusal struct {
	row    string
	change []string
	faults map[string]string
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	one := func(path, reason string) map[string]string { return map[string]string{path: reason} }
	long := strings.Repeat("a", MaxID)
	for name, c := range map[string]refusal{
		"price 0":              {priceRow, []string{"price", "0"}, one("/price", "0 is not above 0")},
		"price negative":       {priceRow, []string{"price", "-1.5"}, one("/price", "-1.5 is not above 0")},
		"price text":           {priceRow, []string{"price", `"NaN"`}, one("/price", "is a string; a number is expected")},
		"price boolean":        {priceRow, []string{"price", `false`}, one("/price", "is a boolean; a number is expected")},
		"price object":         {priceRow, []string{"price", `{}`}, one("/price", "is an object; a number is expected")},
		"price array":          {priceRow, []string{"price", `[1]`}, one("/price", "is an array; a number is expected")},
		"price 1e999":          {priceRow, []string{"price", `1e999`}, one("/price", "1e999 is not a finite double")},
		"price time with .5":   {priceRow, []string{"timestamp", `1.5`}, one("/timestamp", "1.5 is not an integer of 64 bits")},
		"price time text":      {priceRow, []string{"timestamp", `"1"`}, one("/timestamp", "is a string; an integer is expected")},
		"price time negative":  {priceRow, []string{"timestamp", `-1`}, one("/timestamp", "-1 is not a time in unix milliseconds")},
		"price time in micros": {priceRow, []string{"timestamp", `1761452335744000`}, one("/timestamp", "1761452335744000 is not a time in unix milliseconds")},
		"symbol with brace":    {priceRow, []string{"symbol", `"B{TC"`}, one("/symbol", "contains '{', which no id may")},
		"symbol number":        {priceRow, []string{"symbol", `1`}, one("/symbol", "is a number; a string is expected")},
		"provider empty":       {priceRow, []string{"provider", `""`}, one("/provider", "is empty")},
		"provider boolean":     {priceRow, []string{"provider", `true`}, one("/provider", "is a boolean; a string is expected")},

		"model id with brace":   {equityRow, []string{"model_id", `"a}b"`}, one("/model_id", "contains '}', which no id may")},
		"model id with newline": {equityRow, []string{"model_id", `"a\nb"`}, one("/model_id", `contains '\n', which no id may`)},
		"model id with DEL":     {equityRow, []string{"model_id", `"a\u007fb"`}, one("/model_id", `contains '\x7f', which no id may`)},
		"model id with C1":      {equityRow, []string{"model_id", `"a\u0085b"`}, one("/model_id", `contains '\u0085', which no id may`)},
		"model id with NUL":     {equityRow, []string{"model_id", `"a\u0000b"`}, one("/model_id", "contains NUL")},
		"model id empty":        {equityRow, []string{"model_id", `""`}, one("/model_id", "is empty")},
		"model id too long":     {equityRow, []string{"model_id", `"` + long + `a"`}, one("/model_id", "is 257 bytes long; at most 256 are accepted")},
		"equity id with brace":  {equityRow, []string{"id", `"{"`}, one("/id", "contains '{', which no id may")},
		"time in milliseconds":  {equityRow, []string{"timestamp", `1761452335744`}, one("/timestamp", "1.761452335744e+12 is not a time in unix seconds")},
		"time negative":         {equityRow, []string{"timestamp", `-0.5`}, one("/timestamp", "-0.5 is not a time in unix seconds")},
		"year 10000":            {equityRow, []string{"timestamp", `253402300800`}, one("/timestamp", "2.534023008e+11 is not a time in unix seconds")},
		"marker negative":       {equityRow, []string{"since_inception_hourly_marker", `-1`}, one("/since_inception_hourly_marker", "-1 is not from 0 to 1000000")},
		"marker too far":        {equityRow, []string{"since_inception_hourly_marker", `1000001`}, one("/since_inception_hourly_marker", "1000001 is not from 0 to 1000000")},
		"marker with .5":        {equityRow, []string{"since_inception_hourly_marker", `0.5`}, one("/since_inception_hourly_marker", "0.5 is not an integer of 64 bits")},
		"minutes too far":       {equityRow, []string{"since_inception_minute_marker", `60000001`}, one("/since_inception_minute_marker", "60000001 is not from 0 to 60000000")},
		"sharpe text":           {equityRow, []string{"sharpe_ratio", `""`}, one("/sharpe_ratio", "is a string; a number is expected")},
		"run id number":         {equityRow, []string{"run_id", `7`}, one("/run_id", "is a number; a string is expected")},
		"position null":         {statementRow, []string{"positions", `{"BTC":null}`}, one("/positions/BTC", "is null; an object is expected")},
		"faults of positions": {statementRow, []string{"positions", `{"B/C":{"symbol":"","entry_price":0,"quantity":"x"},"A~":{"oid":1.5}}`}, map[string]string{
			"/positions/A~0/symbol": "is missing", "/positions/A~0/entry_price": "is missing", "/positions/A~0/quantity": "is missing",
			"/positions/A~0/oid": "1.5 is not an integer of 64 bits", "/positions/B~1C/symbol": "is empty",
			"/positions/B~1C/entry_price": "0 is not above 0", "/positions/B~1C/quantity": "is a string; a number is expected",
		}},
		"NUL in a position": {equityRow, []string{"positions", `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1,"x":"\u0000"}}`}, one("/positions/BTC/x", "contains NUL")},

		"quantity 0":          {positionRow, []string{"quantity", `0`}, one("/quantity", "is 0; an open position has a quantity")},
		"quantity -0.0":       {positionRow, []string{"quantity", `-0.0`}, one("/quantity", "is 0; an open position has a quantity")},
		"quantity 1e999":      {positionRow, []string{"quantity", `1e999`}, one("/quantity", "1e999 is not a finite double")},
		"order id 1.5":        {positionRow, []string{"entry_oid", `1.5`}, one("/entry_oid", "1.5 is not an integer of 64 bits")},
		"order id 2^63":       {positionRow, []string{"oid", `9223372036854775808`}, one("/oid", "9223372036854775808 is not an integer of 64 bits")},
		"order id below":      {positionRow, []string{"tp_oid", `-9223372036854775809`}, one("/tp_oid", "-9223372036854775809 is not an integer of 64 bits")},
		"order id text":       {positionRow, []string{"sl_oid", `"1"`}, one("/sl_oid", "is a string; an integer is expected")},
		"wait_for_fill 0":     {positionRow, []string{"wait_for_fill", `0`}, one("/wait_for_fill", "is a number; a boolean is expected")},
		"wait_for_fill text":  {positionRow, []string{"wait_for_fill", `"false"`}, one("/wait_for_fill", "is a string; a boolean is expected")},
		"NUL in an exit plan": {positionRow, []string{"exit_plan", `"\u0000"`}, one("/exit_plan", "contains NUL")},
		"entry time in ms":    {positionRow, []string{"entry_time", `1761452335744`}, one("/entry_time", "1.761452335744e+12 is not a time in unix seconds")},
		"entry price below 0": {positionRow, []string{"entry_price", `-1`}, one("/entry_price", "-1 is not above 0")},

		"side wrong":         {tradeRow, []string{"side", `"Long"`}, one("/side", `"Long" is neither long nor short`)},
		"side empty":         {tradeRow, []string{"side", `""`}, one("/side", `"" is neither long nor short`)},
		"side boolean":       {tradeRow, []string{"side", `true`}, one("/side", "is a boolean; a string is expected")},
		"long but negative":  {tradeRow, []string{"quantity", `-1`}, one("/quantity", "-1 is not the quantity of a long trade")},
		"short but positive": {tradeRow, []string{"side", `"short"`}, one("/quantity", "1 is not the quantity of a short trade")},
		"long and 0":         {tradeRow, []string{"quantity", `0`}, one("/quantity", "0 is not the quantity of a long trade")},
		"exit before entry":  {tradeRow, []string{"exit_time", `0.999999`}, one("/exit_time", "0.999999 is before the entry at 1")},
		"exit in ms":         {tradeRow, []string{"exit_time", `1761452335744`}, one("/exit_time", "1.761452335744e+12 is not a time in unix seconds")},
		"exit price 0":       {tradeRow, []string{"exit_price", `0`}, one("/exit_price", "0 is not above 0")},
		"trade id brace":     {tradeRow, []string{"id", `"{m}_1"`}, one("/id", "contains '{', which no id may")},
		"tid 1e3":            {tradeRow, []string{"exit_tid", `1e3`}, one("/exit_tid", "1e3 is not an integer of 64 bits")},
		"crossed text":       {tradeRow, []string{"entry_crossed", `"yes"`}, one("/entry_crossed", "is a string; a boolean is expected")},
		"human time number":  {tradeRow, []string{"exit_human_time", `1`}, one("/exit_human_time", "is a number; a string is expected")},
		"several faults": {tradeRow, []string{"id", `""`, "symbol", "-", "side", "null", "quantity", `"x"`, "entry_price", "0", "exit_price", "[]", "exit_tid", "1.5", "leverage", "1e999", "x", `"\u0000"`}, map[string]string{
			"/id": "is empty", "/symbol": "is missing", "/side": "is null; a value is expected",
			"/quantity": "is a string; a number is expected", "/entry_price": "0 is not above 0",
			"/exit_price": "is an array; a number is expected", "/exit_tid": "1.5 is not an integer of 64 bits",
			"/leverage": "1e999 is not a finite double", "/x": "contains NUL",
		}},

		"NAV 0":                {inceptionRow, []string{"nav_since_inception", `0`}, one("/nav_since_inception", "0 is not above 0")},
		"inception in ms":      {inceptionRow, []string{"inception_date", `1761452335744`}, one("/inception_date", "1.761452335744e+12 is not a time in unix seconds")},
		"inception id brace":   {inceptionRow, []string{"id", `"{}"`}, one("/id", "contains '{', which no id may")},
		"invocations negative": {inceptionRow, []string{"num_invocations", `-1`}, one("/num_invocations", "-1 is not from 0 to 9223372036854775807")},
		"invocations 1.5":      {inceptionRow, []string{"num_invocations", `1.5`}, one("/num_invocations", "1.5 is not an integer of 64 bits")},

		"standing id":      {standingRow, []string{"id", `"{"`}, one("/id", "contains '{', which no id may")},
		"standing trades":  {standingRow, []string{"num_trades", `"1"`}, one("/num_trades", "is a string; an integer is expected")},
		"standing equity":  {standingRow, []string{"equity", `"1"`}, one("/equity", "is a string; a number is expected")},
		"analytics id":     {analyticsRow, []string{"model_id", `""`}, one("/model_id", "is empty")},
		"analytics time":   {analyticsRow, []string{"updated_at", `-1`}, one("/updated_at", "-1 is not a time in unix seconds")},
		"analytics nested": {analyticsRow, []string{"table", `{"a":[1e999]}`}, one("/table/a/0", "1e999 is not a finite double")},

		"statement array":    {statementRow, []string{"positions", `[]`}, one("/positions", "is an array; an object is expected")},
		"statement key":      {statementRow, []string{"positions", `{"":` + positionRow + `}`}, one("/positions/", "is empty")},
		"statement position": {statementRow, []string{"positions", `{"BTC":{"symbol":"BTC","quantity":1}}`}, one("/positions/BTC/entry_price", "is missing")},

		"decision id long":   {decisionRow, []string{"id", `"` + long + long + `"`}, one("/id", "is 512 bytes long; at most 256 are accepted")},
		"inserted in ms":     {decisionRow, []string{"inserted_at", `1761452335744`}, one("/inserted_at", "1.761452335744e+12 is not a time in unix seconds")},
		"cycle 1.5":          {decisionRow, []string{"cycle_id", `1.5`}, one("/cycle_id", "1.5 is not an integer of 64 bits")},
		"cot trace number":   {decisionRow, []string{"cot_trace", `1`}, one("/cot_trace", "is a number; a string or an object is expected")},
		"cot trace array":    {decisionRow, []string{"cot_trace", `[]`}, one("/cot_trace", "is an array; a string or an object is expected")},
		"answer text":        {decisionRow, []string{"llm_response", `"{}"`}, one("/llm_response", "is a string; an object is expected")},
		"decision run id":    {decisionRow, []string{"run_id", `1`}, one("/run_id", "is a number; a string is expected")},
		"prompt with NUL":    {decisionRow, []string{"user_prompt", `"\u0000"`}, one("/user_prompt", "contains NUL")},
		"prompt object":      {decisionRow, []string{"user_prompt", `{}`}, one("/user_prompt", "is an object; a string is expected")},
		"thread topic":       {threadRow, []string{"topic", `"{"`}, one("/topic", "contains '{', which no id may")},
		"messages object":    {threadRow, []string{"messages", `{}`}, one("/messages", "is an object; an array is expected")},
		"message null":       {threadRow, []string{"messages", `[null]`}, one("/messages/0", "is null; an object is expected")},
		"message role":       {threadRow, []string{"messages", `[{"role":"tool","content":"","timestamp":1}]`}, one("/messages/0/role", `"tool" is neither system, user nor assistant`)},
		"message content":    {threadRow, []string{"messages", `[{"role":"user","timestamp":1}]`}, one("/messages/0/content", "is missing")},
		"message time in ms": {threadRow, []string{"messages", `[{"role":"user","content":"","timestamp":1761452335744}]`}, one("/messages/0/timestamp", "1.761452335744e+12 is not a time in unix seconds")},
		"several messages": {threadRow, []string{"messages", `[` + messageRow + `,{"role":1,"content":null,"timestamp":"x"},5]`}, map[string]string{
			"/messages/1/role": "is a number; a string is expected", "/messages/1/content": "is null; a value is expected",
			"/messages/1/timestamp": "is a string; a number is expected", "/messages/2": "is a number; an object is expected",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(rowTypes, func(r rowType) bool { return r.minimal == c.row })
			_, err := rowTypes[i].again(with(t, c.row, c.change...))
			require.Equal(t, c.faults, faultsOf(t, err))
		})
	}
}

func TestAcceptedAtTheLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]refusal{
		"longest id":          {row: equityRow, change: []string{"model_id", `"` + strings.Repeat("a", MaxID) + `"`}},
		"id like real ones":   {row: tradeRow, change: []string{"id", `"deepseek-chat-v3.1_c1a99ee5-bb08"`}},
		"id beyond ASCII":     {row: tradeRow, change: []string{"model_id", `"模型 é/:_"`}},
		"time 0":              {row: equityRow, change: []string{"timestamp", "0"}},
		"last second":         {row: equityRow, change: []string{"timestamp", "253402300799"}},
		"last marker":         {row: equityRow, change: []string{"since_inception_hourly_marker", "1000000"}},
		"exit at entry":       {row: tradeRow, change: []string{"exit_time", "1"}},
		"short":               {row: tradeRow, change: []string{"side", `"short"`, "quantity", "-1504"}},
		"order id -1":         {row: positionRow, change: []string{"entry_oid", "-1", "oid", "-1", "tp_oid", "-1", "sl_oid", "-1"}},
		"largest order id":    {row: positionRow, change: []string{"oid", "9223372036854775807"}},
		"empty exit plan":     {row: positionRow, change: []string{"exit_plan", "{}"}},
		"null exit plan":      {row: positionRow, change: []string{"exit_plan", "null"}},
		"exit plan text":      {row: positionRow, change: []string{"exit_plan", `"N/A"`}},
		"exit plan array":     {row: positionRow, change: []string{"exit_plan", `[]`}},
		"trade exit plan":     {row: tradeRow, change: []string{"exit_plan", `""`}},
		"benchmark":           {row: equityRow, change: []string{"positions", `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1,"entry_oid":-1,"index_col":-1,"exit_plan":"N/A"}}`}},
		"null positions":      {row: equityRow, change: []string{"positions", "null"}},
		"smallest price":      {row: priceRow, change: []string{"price", "5e-324"}},
		"nulls":               {row: tradeRow, change: []string{"provider", "null", "leverage", "null", "entry_crossed", "null", "exit_oid", "null", "exit_liquidation", "null"}},
		"failed answer":       {row: decisionRow, change: []string{"llm_response", `{"failed_json_response_raw_text":"{"}`}},
		"trace text":          {row: decisionRow, change: []string{"cot_trace", `""`}},
		"trace null":          {row: decisionRow, change: []string{"cot_trace", `null`}},
		"no messages":         {row: threadRow, change: []string{"messages", "[]"}},
		"1000 digits":         {row: analyticsRow, change: []string{"x", "0." + strings.Repeat("3", 998)}},
		"a double in full":    {row: analyticsRow, change: []string{"x", "1" + strings.Repeat("0", 308)}},
		"standing of nothing": {row: standingRow, change: []string{"equity", "null", "return_pct", "null"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(rowTypes, func(r rowType) bool { return r.minimal == c.row })
			raw := with(t, c.row, c.change...)
			got, err := rowTypes[i].again(raw)
			require.NoError(t, err)
			require.Equal(t, value(t, raw), value(t, got))
		})
	}
}

// Each optional member of every row type, as absent, null, and zero.
func TestAbsentNullAndZeroComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	optional := map[string]map[string]string{
		priceRow: {"provider": `"p"`},
		equityRow: {
			"id": `"x"`, "realized_pnl": "0", "positions": "{}", "since_inception_minute_marker": "0", "sharpe_ratio": "0",
			"cum_pnl_pct": "0", "total_unrealized_pnl": "0", "run_id": `""`,
		},
		positionRow: {
			"entry_oid": "0", "risk_usd": "0", "confidence": "0", "index_col": "0", "exit_plan": "{}", "entry_time": "0", "tp_oid": "0",
			"margin": "0", "wait_for_fill": "false", "sl_oid": "0", "oid": "0", "current_price": "0", "closed_pnl": "0",
			"liquidation_price": "0", "commission": "0", "leverage": "0", "slippage": "0", "unrealized_pnl": "0",
		},
		tradeRow: {
			"provider": `"p"`, "trade_type": `""`, "trade_id": `""`, "leverage": "0", "confidence": "0", "entry_human_time": `""`,
			"entry_sz": "0", "entry_oid": "0", "entry_tid": "0", "entry_crossed": "false", "entry_liquidation": "0",
			"entry_commission_dollars": "0", "entry_closed_pnl": "0", "exit_human_time": `""`, "exit_sz": "0", "exit_oid": "0",
			"exit_tid": "0", "exit_crossed": "false", "exit_liquidation": "false", "exit_commission_dollars": "0", "exit_closed_pnl": "0",
			"exit_plan": "{}", "realized_gross_pnl": "0", "total_commission_dollars": "0",
		},
		inceptionRow: {"id": `"x"`, "num_invocations": "0"},
		standingRow:  {"equity": "0", "return_pct": "0"},
		analyticsRow: {"id": `"x"`, "updated_at": "0"},
		decisionRow: {
			"inserted_at": "0", "cycle_id": "0", "run_id": `""`, "skill": `""`, "user_prompt": `""`, "cot_trace": `""`,
			"cot_trace_summary": `""`, "llm_response": "{}",
		},
		threadRow:  {"topic": `"x"`, "timestamp": "0", "user_prompt": `""`, "cot_trace_summary": `""`},
		messageRow: {"metadata": "{}"},
	}
	for _, r := range rowTypes {
		for name, zero := range optional[r.minimal] {
			for _, text := range []string{"-", "null", zero} {
				raw := with(t, r.minimal, name, text)
				got, err := r.again(raw)
				require.NoError(t, err, "%s %s %s", r.name, name, text)
				require.Equal(t, value(t, raw), value(t, got), "%s %s %s", r.name, name, text)
			}
		}
	}
}

// TestPositionsOfAnEquityRow reads what is a position of what an equity row
// carries, which may be anything.
func TestPositionsOfAnEquityRow(t *testing.T) {
	t.Parallel()
	waiting := `{"symbol":"SOL","wait_for_fill":true,"entry_price":null,"note":[1]}`
	for _, c := range []struct {
		positions string
		open      []string // names
		waiting   []string
		faults    map[string]string // by path
	}{
		{"-", nil, nil, nil},
		{"null", nil, nil, nil},
		{"{}", nil, nil, nil},
		{"[]", nil, nil, nil},
		{`{"BTC":` + positionRow + `}`, []string{"BTC"}, nil, nil},
		{`{"BTC-PERP":` + positionRow + `,"S":` + waiting + `}`, []string{"BTC-PERP"}, []string{"S"}, nil},
		{`{"BTC":` + positionRow + `,"BTC-PERP":` + positionRow + `}`, []string{"BTC"}, nil, map[string]string{
			"/positions/BTC-PERP/symbol": `"BTC" stands under "BTC" too, and one position of a symbol is open at most`,
		}},
		{`"N/A"`, nil, nil, map[string]string{"/positions": "is a string; an object is expected"}},
		{`[1]`, nil, nil, map[string]string{"/positions": "is an array; an object is expected"}},
		{`{"BTC":` + positionRow + `,"A":"N/A","E":{},"W":{"wait_for_fill":false,"symbol":"W"}}`, []string{"BTC"}, nil, map[string]string{
			"/positions/A": "is a string; an object is expected", "/positions/E/symbol": "is missing",
			"/positions/E/entry_price": "is missing", "/positions/E/quantity": "is missing",
			"/positions/W/entry_price": "is missing", "/positions/W/quantity": "is missing",
		}},
		{`{" ":` + positionRow + `}`, []string{" "}, nil, map[string]string{"/positions/ ": "begins or ends with a blank"}},
	} {
		a, err := Decode[AccountTotal](with(t, equityRow, "positions", c.positions))
		require.NoError(t, err, c.positions)
		m, err := a.ModelPositions()
		require.ElementsMatch(t, c.open, slices.Collect(maps.Keys(m.Positions)), c.positions)
		require.ElementsMatch(t, c.waiting, slices.Collect(maps.Keys(m.Waiting)), c.positions)
		if len(c.faults) == 0 {
			require.NoError(t, err, c.positions)
			continue
		}
		require.Equal(t, c.faults, faultsOf(t, err), c.positions)
	}
	raw := jsontext.Value(`{"model_id":"m","positions":{"BTC-PERP":` + positionRow + `,"S":` + waiting + `},"more":1}`)
	m, err := DecodeModelPositions(raw)
	require.NoError(t, err)
	got, err := Marshal(m)
	require.NoError(t, err)
	require.JSONEq(t, string(raw), string(got))
}

func TestFaultsComeInTheSameOrder(t *testing.T) {
	t.Parallel()
	raw := jsontext.Value(`{"positions":{"D":1,"A":1,"C":1,"B":1,"E":{}},"model_id":""}`)
	_, first := DecodeModelPositions(raw)
	for range 50 {
		_, err := DecodeModelPositions(raw)
		require.Equal(t, first, err)
	}
	require.Equal(t, "/model_id: is empty; /positions/A: is a number; an object is expected; "+
		"/positions/B: is a number; an object is expected; /positions/C: is a number; an object is expected; "+
		"/positions/D: is a number; an object is expected; /positions/E/symbol: is missing; "+
		"/positions/E/entry_price: is missing; /positions/E/quantity: is missing", first.Error())
}

// TestUnite puts two statements of one account together.
func TestUnite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, united, fault string }{
		{`{"a":1}`, `{"a":1.0}`, `{"a":1}`, ""},
		{`{"a":1,"p":{"x":{"q":1}}}`, `{"b":[2],"p":{"x":{"q":1e0},"y":{}}}`, `{"a":1,"b":[2],"p":{"x":{"q":1},"y":{}}}`, ""},
		{`{"p":{"x":{"q":1}}}`, `{"p":{"x":{"q":2,"r":1}}}`, "", "/p/x/q: 1 and 2 are not the same"},
		{`{"a":null}`, `{"a":0}`, "", "/a: null and 0 are not the same"},
		{`{"a":{}}`, `{"a":[]}`, "", "/a: {} and [] are not the same"},
	} {
		united, err := Unite(jsontext.Value(c.a), jsontext.Value(c.b))
		if c.fault != "" {
			require.EqualError(t, err, c.fault)
			continue
		}
		require.NoError(t, err)
		require.JSONEq(t, c.united, string(united))
	}
}

func TestARefusedRowIsNotHandedOut(t *testing.T) {
	t.Parallel()
	trade, err := Decode[Trade](with(t, tradeRow, "side", `"up"`))
	require.Error(t, err)
	require.Equal(t, Trade{}, trade)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"0", "null", `"x"`, "[]", "{}", " [1, 2.5] ", `{"a":{"b":[true]}}`} {
		require.NoError(t, scanned(jsontext.Value(ok)), ok)
	}
	for text, want := range map[string]Faults{
		"":                 {{Reason: "ends in the middle"}},
		"[1":               {{Reason: "ends in the middle"}},
		`1}{"x":2`:         {{Reason: "has more after its end"}},
		"{} {}":            {{Reason: "has more after its end"}},
		`1,2`:              {{Reason: "has more after its end"}},
		`"\u0000"`:         {{Reason: "contains NUL"}},
		"1e999":            {{Reason: "1e999 is not a finite double"}},
		`["",{"a":1e999}]`: {{Path: "/1/a", Reason: "1e999 is not a finite double"}},
		`[{"a":1,"a":2}]`:  {{Path: "/0/a", Reason: "duplicate object member name"}},
	} {
		err := scanned(jsontext.Value(text))
		require.Equal(t, want, err, text)
	}
}

func TestCheckID(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"a", "gpt-5", "deepseek-chat-v3.1_1761634244.599231", "é", "a b", "a:b/c", strings.Repeat("x", MaxID)} {
		require.NoError(t, CheckID(ok), ok)
	}
	for _, bad := range []string{"", " ", " gpt-5", "gpt-5 ", "BTC\u00a0", "\u3000x", "{", "a}", "\x00", "a\tb", "\u0080", "\xff", strings.Repeat("x", MaxID+1), strings.Repeat("é", MaxID)} {
		err := CheckID(bad)
		var faults Faults
		require.ErrorAs(t, err, &faults, "%q", bad)
		require.Len(t, faults, 1)
		require.Empty(t, faults[0].Path)
	}
}

// TestIDsWithBlanksAtTheirEnds are refused, wherever an id stands.
func TestIDsWithBlanksAtTheirEnds(t *testing.T) {
	t.Parallel()
	const rest = `,"side":"long","quantity":1,"entry_time":1,"exit_time":2,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`
	for _, blank := range []string{" %s", "%s ", "\u00a0%s", "%s\u2003", " %s "} {
		id := fmt.Sprintf(blank, "m")
		for path, decode := range map[string]func() error{
			"/model_id": func() error {
				_, err := Decode[Trade](fmt.Appendf(nil, `{"id":"t","model_id":%q,"symbol":"BTC"`+rest, id))
				return err
			},
			"/id": func() error {
				_, err := Decode[Trade](fmt.Appendf(nil, `{"id":%q,"model_id":"m","symbol":"BTC"`+rest, id))
				return err
			},
			"/symbol": func() error {
				_, err := Decode[Trade](fmt.Appendf(nil, `{"id":"t","model_id":"m","symbol":%q`+rest, id))
				return err
			},
			"/competition_id": func() error { _, err := CompetitionOf(fmt.Appendf(nil, `{"competition_id":%q}`, id)); return err },
			"/trader_id":      func() error { _, err := Decode[TraderState](fmt.Appendf(nil, `{"trader_id":%q}`, id)); return err },
		} {
			err := decode()
			var faults Faults
			require.ErrorAs(t, err, &faults, "%q %s", id, path)
			require.Equal(t, Faults{{Path: path, Reason: "begins or ends with a blank"}}, faults, "%q", id)
		}
	}
}

// scanned is what is wrong with JSON of any kind.
func scanned(raw jsontext.Value) error {
	faults, _ := scan(raw, nil)
	return faults.err()
}
