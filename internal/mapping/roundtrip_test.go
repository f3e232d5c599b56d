package mapping

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/captures"
	"nof0/internal/wire"
)

const primary = "hyperliquid"

// object is a payload row as another decoder reads it.
type object = map[string]any

func parse(t testing.TB, raw []byte) object {
	t.Helper()
	var o object
	require.NoError(t, json.Unmarshal(raw, &o), "%.200s", raw)
	return o
}

func render(t testing.TB, o object) jsontext.Value {
	t.Helper()
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	return raw
}

// stored is a table row as Postgres gives it back: times in microseconds and
// in another zone, jsonb with its members in another order and its white space
// gone, empty text and NULL kept apart.
func stored[T any](t testing.TB, row T) T {
	t.Helper()
	v := reflect.ValueOf(&row).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i).Interface().(type) {
		case entities.JSON:
			if f == nil {
				continue
			}
			var value any
			require.NoError(t, json.Unmarshal(f, &value), "%T.%s: %s", row, v.Type().Field(i).Name, f)
			text, err := json.MarshalIndent(value, "", " ")
			require.NoError(t, err)
			v.Field(i).Set(reflect.ValueOf(entities.JSON(text)))
		case time.Time:
			v.Field(i).Set(reflect.ValueOf(elsewhere(f)))
		case *time.Time:
			if f != nil {
				at := elsewhere(*f)
				v.Field(i).Set(reflect.ValueOf(&at))
			}
		}
	}
	return row
}

func elsewhere(at time.Time) time.Time {
	return at.Truncate(time.Microsecond).In(time.FixedZone("", -5*3600))
}

// through sends a payload row through the table row and back.
type through func(t testing.TB, raw jsontext.Value) ([]byte, error)

func throughPrice(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	p, err := wire.Decode[wire.Price](raw)
	if err != nil {
		return nil, err
	}
	tick := stored(t, Tick(p, primary))
	require.Equal(t, p.Provider.Or(primary), tick.Provider)
	back, err := PricePayload(entities.PriceLatest{
		Provider: tick.Provider, Symbol: tick.Symbol, ObservedAt: tick.ObservedAt, Price: tick.Price, Extra: tick.Extra,
	})
	require.NoError(t, err)
	return wire.Marshal(back)
}

func throughEquity(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	a, err := wire.Decode[wire.AccountTotal](raw)
	if err != nil {
		return nil, err
	}
	back, err := EquityPayload(stored(t, Equity(a)))
	require.NoError(t, err)
	return wire.Marshal(back)
}

func throughPosition(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	p, err := wire.Decode[wire.Position](raw)
	if err != nil {
		return nil, err
	}
	back, err := PositionPayload(stored(t, Position("m", primary, p)))
	require.NoError(t, err)
	return wire.Marshal(back)
}

func throughTrade(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	tr, err := wire.Decode[wire.Trade](raw)
	if err != nil {
		return nil, err
	}
	row := stored(t, Trade(tr, primary))
	require.Equal(t, tr.Provider.Or(primary), row.Provider)
	back, err := TradePayload(row)
	require.NoError(t, err)
	return wire.Marshal(back)
}

func throughAccount(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	s, err := wire.Decode[wire.SinceInception](raw)
	if err != nil {
		return nil, err
	}
	back, known, err := InceptionPayload(stored(t, Account(s, primary)))
	require.NoError(t, err)
	require.True(t, known)
	return wire.Marshal(back)
}

func throughAnalytics(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	doc, err := wire.Decode[wire.AnalyticsDoc](raw)
	if err != nil {
		return nil, err
	}
	return stored(t, Analytics(doc, raw, 0, time.Unix(1, 0))).Payload, nil
}

func throughDecision(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	d, err := wire.Decode[wire.Decision](raw)
	if err != nil {
		return nil, err
	}
	back, err := DecisionPayload(stored(t, Decision(d)))
	require.NoError(t, err)
	return wire.Marshal(back)
}

// throughThread expects of the derived members what the messages say.
func throughThread(t testing.TB, raw jsontext.Value) ([]byte, error) {
	t.Helper()
	thread, err := wire.Decode[wire.Thread](raw)
	if err != nil {
		return nil, err
	}
	c, messages := Thread(thread)
	for i := range messages {
		messages[i] = stored(t, messages[i])
	}
	back, err := ThreadPayload(stored(t, c), messages)
	require.NoError(t, err)
	thread.Derive()
	require.Equal(t, thread.Timestamp, back.Timestamp)
	require.Equal(t, thread.UserPrompt, back.UserPrompt)
	require.Equal(t, thread.CotTraceSummary, back.CotTraceSummary)
	given := parse(t, raw)
	got, err := wire.Marshal(back)
	require.NoError(t, err)
	o := parse(t, got)
	for _, derived := range []string{"timestamp", "user_prompt", "cot_trace_summary"} {
		delete(o, derived)
		if v, ok := given[derived]; ok {
			o[derived] = v
		}
	}
	return render(t, o), nil
}

// kinds are the row types by the file that holds them.
var kinds = map[string]struct {
	rows    func(captures.Capture) int
	through through
}{
	"crypto-prices":          {rowsOf("crypto-prices"), throughPrice},
	"account-totals":         {rowsOf("account-totals"), throughEquity},
	"trades":                 {rowsOf("trades"), throughTrade},
	"since-inception-values": {rowsOf("since-inception-values"), throughAccount},
	"analytics":              {rowsOf("analytics", "analytics-MODEL"), throughAnalytics},
	"positions":              {func(c captures.Capture) int { return c.OpenPositions }, throughPosition},
	"decisions":              {func(c captures.Capture) int { return c.Decisions }, throughDecision},
	"threads":                {func(c captures.Capture) int { return c.Threads }, throughThread},
}

// rowsOf counts the rows of files in a capture.
func rowsOf(files ...string) func(captures.Capture) int {
	return func(c captures.Capture) int {
		n := 0
		for _, file := range files {
			n += c.Rows[file]
		}
		return n
	}
}

// captureRows reads the rows of both captures by kind, with another decoder
// than the mapping uses.
func captureRows(t testing.TB) map[string][]jsontext.Value {
	t.Helper()
	rows := make(map[string][]jsontext.Value)
	for _, c := range captures.Both() {
		paths, err := filepath.Glob(filepath.Join(c.Dir(t), "*.json"))
		require.NoError(t, err)
		for _, path := range paths {
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			kind := strings.TrimSuffix(filepath.Base(path), ".json")
			if strings.HasPrefix(kind, "analytics-") {
				kind = "analytics"
			}
			add := func(kind string, raw json.RawMessage) { rows[kind] = append(rows[kind], jsontext.Value(raw)) }
			var envelope struct {
				Prices               map[string]json.RawMessage `json:"prices"`
				AccountTotals        []json.RawMessage          `json:"accountTotals"`
				Trades               []json.RawMessage          `json:"trades"`
				SinceInceptionValues []json.RawMessage          `json:"sinceInceptionValues"`
				Analytics            []json.RawMessage          `json:"analytics"`
				Conversations        []json.RawMessage          `json:"conversations"`
			}
			require.NoError(t, json.Unmarshal(body, &envelope), path)
			for _, raw := range envelope.Prices {
				add(kind, raw)
			}
			for _, raw := range slices.Concat(envelope.Trades, envelope.SinceInceptionValues, envelope.Analytics) {
				add(kind, raw)
			}
			for _, raw := range envelope.Conversations {
				if wire.IsThread(jsontext.Value(raw)) {
					add("threads", raw)
				} else {
					add("decisions", raw)
				}
			}
			for _, raw := range envelope.AccountTotals {
				if kind == "account-totals" {
					add(kind, raw)
					continue
				}
				var m struct {
					Positions map[string]json.RawMessage `json:"positions"`
				}
				require.NoError(t, json.Unmarshal(raw, &m))
				for _, p := range m.Positions {
					add(kind, p)
				}
			}
		}
	}
	return rows
}

func TestEveryCapturedRowSurvivesTheTables(t *testing.T) {
	t.Parallel()
	rows := captureRows(t)
	for kind, k := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, k.rows(captures.Earlier)+k.rows(captures.Later), len(rows[kind])) //nolint:testifylint // Len would print them all
			for _, raw := range rows[kind] {
				got, err := k.through(t, raw)
				require.NoError(t, err, "%.200s", raw)
				require.Equal(t, parse(t, raw), parse(t, got))
			}
		})
	}
}

func TestCapturedPositionsOfEquityRowsSurviveTheTable(t *testing.T) {
	t.Parallel()
	n := 0
	for i, raw := range captureRows(t)["account-totals"] {
		if i%8 != 0 { // rows of every model and hour of the day
			continue
		}
		a, err := wire.Decode[wire.AccountTotal](raw)
		require.NoError(t, err)
		var open map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(a.Positions, &open))
		for _, p := range open {
			got, err := throughPosition(t, jsontext.Value(p))
			require.NoError(t, err)
			require.Equal(t, parse(t, p), parse(t, got))
			n++
		}
	}
	require.Positive(t, n)
}

// mutate changes a row as its seed says: members go, become null, come unknown,
// and times get more decimals than a column holds.
func mutate(rng *rand.Rand, row object) object {
	row = maps.Clone(row)
	names := slices.Sorted(maps.Keys(row))
	for range 1 + rng.IntN(4) {
		name := names[rng.IntN(len(names))]
		switch rng.IntN(6) {
		case 0:
			delete(row, name)
		case 1:
			row[name] = nil
		case 2:
			row["unknown "+name] = []any{nil, 1.5, object{"z": "é", "a": false}}
		case 3:
			row[strings.ToUpper(name)] = row[name]
		case 4:
			row["provider"] = []any{primary, "elsewhere", nil}[rng.IntN(3)]
		case 5:
			for _, name := range names {
				if s, ok := row[name].(float64); ok && (strings.HasSuffix(name, "time") || strings.HasSuffix(name, "stamp")) && s < 1e11 {
					row[name] = s + 0.0000002*rng.Float64() + 1e-3*rng.Float64()
				}
			}
		}
	}
	return row
}

// Equity rows without an id come back with the one that follows from them.
func expected(kind string, row object) object {
	if _, given := row["id"]; kind == "account-totals" && !given {
		row = maps.Clone(row)
		marker, _ := json.Marshal(row["since_inception_hourly_marker"])
		row["id"] = row["model_id"].(string) + "_" + string(marker)
	}
	return row
}

func checkMutations(t testing.TB, kind string, rng *rand.Rand, raw jsontext.Value) (accepted bool) {
	t.Helper()
	row := mutate(rng, parse(t, raw))
	text := render(t, row)
	got, err := kinds[kind].through(t, text)
	if err != nil {
		var faults wire.Faults
		require.ErrorAs(t, err, &faults)
		return false
	}
	require.Equal(t, expected(kind, row), parse(t, got))
	return true
}

func TestMutatedCaptureRowsSurviveTheTables(t *testing.T) {
	t.Parallel()
	rows := captureRows(t)
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(5, 6))
			accepted := 0
			for range 200 {
				if checkMutations(t, kind, rng, rows[kind][rng.IntN(len(rows[kind]))]) {
					accepted++
				}
			}
			require.Greater(t, accepted, 20, "most mutations leave a row that is accepted")
		})
	}
}

func FuzzMutatedCaptureRowsSurviveTheTables(f *testing.F) {
	rows := captureRows(f)
	names := slices.Sorted(maps.Keys(kinds))
	for i := range names {
		f.Add(uint8(i), uint64(i))
	}
	f.Fuzz(func(t *testing.T, kind uint8, seed uint64) {
		name := names[int(kind)%len(names)]
		rng := rand.New(rand.NewPCG(seed, 7))
		checkMutations(t, name, rng, rows[name][rng.IntN(len(rows[name]))])
	})
}

func TestHandMadeRowsSurviveTheTables(t *testing.T) {
	t.Parallel()
	equity := object{"id": "m_7", "model_id": "m", "timestamp": 1.5, "dollar_equity": 1.0, "since_inception_hourly_marker": 7.0}
	position := object{"symbol": "BTC", "entry_price": 1.0, "quantity": -1.0}
	trade := object{
		"id": "t", "model_id": "m", "symbol": "BTC", "side": "long", "quantity": 1.0, "entry_time": 1.0, "exit_time": 2.0,
		"entry_price": 1.0, "exit_price": 2.0, "realized_net_pnl": 0.0,
	}
	price := object{"symbol": "BTC", "price": 1.0, "timestamp": 1761452335744.0}
	account := object{"model_id": "m", "nav_since_inception": 10000.0, "inception_date": 1.5}
	decision := object{"id": "d", "model_id": "m", "timestamp": 1.5}
	message := object{"role": "user", "content": "", "timestamp": 1.5}
	thread := object{"model_id": "m", "messages": []any{message}}

	for _, c := range []struct {
		kind     string
		row      object
		optional []string
		times    []string
	}{
		{"crypto-prices", price, []string{"provider"}, nil},
		{"account-totals", equity, []string{
			"id", "realized_pnl", "positions", "since_inception_minute_marker", "sharpe_ratio", "cum_pnl_pct", "total_unrealized_pnl", "run_id",
		}, []string{"timestamp"}},
		{"positions", position, []string{
			"entry_oid", "risk_usd", "confidence", "index_col", "exit_plan", "entry_time", "tp_oid", "margin", "wait_for_fill", "sl_oid",
			"oid", "current_price", "closed_pnl", "liquidation_price", "commission", "leverage", "slippage", "unrealized_pnl",
		}, []string{"entry_time"}},
		{"trades", trade, []string{
			"provider", "trade_type", "trade_id", "leverage", "confidence", "entry_human_time", "entry_sz", "entry_oid", "entry_tid",
			"entry_crossed", "entry_liquidation", "entry_commission_dollars", "entry_closed_pnl", "exit_human_time", "exit_sz", "exit_oid",
			"exit_tid", "exit_crossed", "exit_liquidation", "exit_commission_dollars", "exit_closed_pnl", "exit_plan",
			"realized_gross_pnl", "total_commission_dollars",
		}, []string{"entry_time", "exit_time"}},
		{"since-inception-values", account, []string{"id", "num_invocations"}, []string{"inception_date"}},
		{"decisions", decision, []string{
			"inserted_at", "cycle_id", "run_id", "skill", "user_prompt", "cot_trace", "cot_trace_summary", "llm_response",
		}, []string{"timestamp", "inserted_at"}},
		{"threads", thread, []string{"topic"}, nil},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			survives := func(row object) {
				t.Helper()
				got, err := kinds[c.kind].through(t, render(t, row))
				require.NoError(t, err)
				require.Equal(t, row, parse(t, got))
			}
			set := func(row object, name string, value any) object {
				row = maps.Clone(row)
				row[name] = value
				return row
			}
			survives(c.row)
			survives(set(set(c.row, "unknown", object{"deep": []any{nil, 1.25, "é"}}), "", nil))
			all := c.row
			for _, name := range c.optional {
				survives(set(c.row, name, nil))
				all = set(all, name, nil)
			}
			survives(all)
			for _, name := range c.times {
				for _, s := range []float64{0, 1, 1.9999999, 1.2345678901, 1.00000001} {
					row := set(c.row, name, s)
					if name == "entry_time" && c.kind == "trades" {
						row["exit_time"] = 3.0
					}
					if name == "exit_time" {
						row["entry_time"] = 0.0
					}
					survives(row)
				}
			}
		})
	}
	for name, c := range map[string]struct {
		kind string
		row  object
	}{
		"id that differs":         {"account-totals", object{"id": "m_8"}},
		"id that looks alike":     {"account-totals", object{"id": "m_07"}},
		"empty positions":         {"account-totals", object{"positions": object{}}},
		"primary provider named":  {"trades", object{"provider": primary}},
		"another provider":        {"trades", object{"provider": "elsewhere"}},
		"price elsewhere":         {"crypto-prices", object{"provider": "elsewhere"}},
		"price at primary, named": {"crypto-prices", object{"provider": primary}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := maps.Clone(map[string]object{"account-totals": equity, "trades": trade, "crypto-prices": price}[c.kind])
			maps.Copy(row, c.row)
			got, err := kinds[c.kind].through(t, render(t, row))
			require.NoError(t, err)
			require.Equal(t, row, parse(t, got))
		})
	}
}

func TestAnEquityRowWithoutIDGetsItsOwn(t *testing.T) {
	t.Parallel()
	got, err := throughEquity(t, jsontext.Value(`{"model_id":"a_b","timestamp":1,"dollar_equity":1,"since_inception_hourly_marker":12}`))
	require.NoError(t, err)
	require.Equal(t, "a_b_12", parse(t, got)["id"])
}

func TestNullInAJSONColumnIsNotSQLNull(t *testing.T) {
	t.Parallel()
	null, err := wire.Decode[wire.Position](jsontext.Value(`{"symbol":"B","entry_price":1,"quantity":1,"index_col":null,"exit_plan":null}`))
	require.NoError(t, err)
	row := Position("m", primary, null)
	require.Equal(t, entities.JSON("null"), row.IndexCol)
	require.Equal(t, entities.JSON("null"), row.ExitPlan)
	require.Nil(t, row.Extra)
	absent, err := wire.Decode[wire.Position](jsontext.Value(`{"symbol":"B","entry_price":1,"quantity":1}`))
	require.NoError(t, err)
	row = Position("m", primary, absent)
	require.Nil(t, row.IndexCol)
	require.Nil(t, row.ExitPlan)
}

func TestADamagedExtraColumnIsAnError(t *testing.T) {
	t.Parallel()
	bad := entities.JSON(`{"leverage":"x","id":1,"provider":1,"num_invocations":"x","cycle_id":"x","topic":1,"metadata":`)
	at, nav := time.Unix(1, 0), 1.0
	for name, read := range map[string]func() error{
		"price":    func() error { _, err := PricePayload(entities.PriceLatest{Extra: bad}); return err },
		"equity":   func() error { _, err := EquityPayload(entities.AccountEquitySnapshot{Extra: bad}); return err },
		"position": func() error { _, err := PositionPayload(entities.Position{Extra: bad}); return err },
		"trade":    func() error { _, err := TradePayload(entities.Trade{Extra: bad}); return err },
		"account": func() error {
			_, _, err := InceptionPayload(entities.Account{InceptionAt: &at, InceptionNAV: &nav, Extra: bad})
			return err
		},
		"decision": func() error { _, err := DecisionPayload(entities.DecisionCycle{Extra: bad}); return err },
		"thread":   func() error { _, err := ThreadPayload(entities.Conversation{Extra: bad}, nil); return err },
		"message": func() error {
			_, err := ThreadPayload(entities.Conversation{}, []entities.ConversationMessage{{Extra: bad}})
			return err
		},
	} {
		require.ErrorContains(t, read(), "column extra", name)
	}
}
