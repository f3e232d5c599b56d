package wire

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

var (
	checkedAt = time.Date(2025, 11, 25, 12, 0, 0, 0, time.UTC)
	bounds    = Bounds{
		MinAmount: 1e-12, MinDifference: 1e-24, MaxAmount: 1e15,
		EarliestYear: 2000, Ahead: 24 * time.Hour, MaxMarker: 1000, MarkerTolerance: 24 * time.Hour,
	}
)

// boundedRow decodes a row of a type and checks it.
type boundedRow struct {
	typ     reflect.Type
	minimal string
	check   func(jsontext.Value) error
}

func bounded[T any, P row[T]](minimal string) boundedRow {
	return boundedRow{reflect.TypeFor[T](), minimal, func(raw jsontext.Value) error {
		v, err := Decode[T, P](raw)
		if err == nil {
			err = bounds.Check(&v, checkedAt)
		}
		return err
	}}
}

// now is a time within the bounds, for the minimal rows, which are of 1970.
const now = "1764000000"

var boundedRows = []boundedRow{
	bounded[Price](`{"symbol":"BTC","price":1.5,"timestamp":1764000000000}`),
	bounded[AccountTotal](strings.Replace(equityRow, "1.5", now, 1)),
	bounded[Position](positionRow),
	bounded[Trade](strings.NewReplacer(`"entry_time":1`, `"entry_time":`+now, `"exit_time":2`, `"exit_time":`+now).Replace(tradeRow)),
	bounded[SinceInception](strings.Replace(inceptionRow, "1.5", now, 1)),
	bounded[AnalyticsDoc](analyticsRow),
	bounded[Decision](strings.Replace(decisionRow, "1.5", now, 1)),
	bounded[Message](strings.Replace(messageRow, "1.5", now, 1)),
	bounded[LeaderboardRow](standingRow),
	bounded[MarketContext](`{}`),
	bounded[TraderState](`{"trader_id":"t"}`),
	bounded[MarketAsset](`{"symbol":"BTC"}`),
	bounded[Symbol](`{"symbol":"BTC"}`),
	bounded[PositionItem](`{"model_id":"m","position":` + positionRow + `}`),
}

// unbounded are the members that hold any number: ids, which are no amounts.
var unbounded = []string{
	"Position.entry_oid", "Position.tp_oid", "Position.sl_oid", "Position.oid",
	"Trade.entry_oid", "Trade.entry_tid", "Trade.exit_oid", "Trade.exit_tid",
	"Decision.cycle_id", "MarketAsset.margin_table_id",
}

// numbers returns the members of a row type that hold a number.
func numbers(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		switch field.Type {
		case reflect.TypeFor[float64](), reflect.TypeFor[int64](), reflect.TypeFor[Opt[float64]](), reflect.TypeFor[Opt[int64]]():
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// A member that is added is bounded, or somebody has said that it is not.
func TestEveryNumberOfEveryRowIsBounded(t *testing.T) {
	t.Parallel()
	free := make(map[string]bool)
	for _, name := range unbounded {
		free[name] = true
	}
	for _, r := range boundedRows {
		require.NoError(t, r.check(jsontext.Value(r.minimal)), "%v", r.typ)
		for _, name := range numbers(r.typ) {
			full := r.typ.Name() + "." + name
			err := r.check(with(t, r.minimal, name, "90000000000000000"))
			if free[full] {
				require.NoError(t, err, full)
				delete(free, full)
				continue
			}
			require.Error(t, err, full)
			require.Contains(t, faultsOf(t, err), "/"+name, full)
			if namesTime(name) {
				require.Error(t, r.check(with(t, r.minimal, name, "90000000000")), "%s: the year 4821", full)
			}
		}
	}
	require.Empty(t, slices.Collect(maps.Keys(free)))
}

func TestBounds(t *testing.T) {
	t.Parallel()
	tomorrow := checkedAt.Add(24 * time.Hour).Unix()
	trade, equity := boundedRows[3], boundedRows[1]
	for _, c := range []struct {
		row    boundedRow
		member string
		value  string
		reason string // "" where it is accepted
	}{
		{trade, "realized_net_pnl", "-1e15", ""},
		{trade, "realized_net_pnl", "0", ""},
		{trade, "realized_net_pnl", "-8.881784197001252e-16", ""}, // rounding of a difference
		{trade, "realized_net_pnl", "1e-300", "1e-300 is nearer to 0 than 1e-24, which no amount is"},
		{trade, "realized_net_pnl", "-1.7e308", "-1.7e+308 is beyond 1e+15, which no amount is"},
		{trade, "quantity", "1e-12", ""},
		{trade, "quantity", "9.9e-13", "9.9e-13 is nearer to 0 than 1e-12, which no amount is"},
		{trade, "exit_price", "1.000001e15", "1.000001e+15 is beyond 1e+15, which no amount is"},
		{trade, "entry_time", "946684799.9", "lies before the year 2000"},
		{trade, "entry_time", "946684800", ""},
		{trade, "exit_time", fmt.Sprint(tomorrow), ""},
		{trade, "exit_time", fmt.Sprintf("%d.5", tomorrow), "lies more than 24h0m0s in the future"},
		{equity, "since_inception_hourly_marker", "1000", ""},
		{equity, "since_inception_hourly_marker", "1001", "1001 is not from 0 to 1000"},
		{equity, "since_inception_minute_marker", "60001", "60001 is not from 0 to 60000"},
		{equity, "dollar_equity", "1e300", "1e+300 is beyond 1e+15, which no amount is"},
	} {
		err := c.row.check(with(t, c.row.minimal, c.member, c.value))
		if c.reason == "" {
			require.NoError(t, err, "%s %s", c.member, c.value)
			continue
		}
		require.Error(t, err, "%s %s", c.member, c.value)
		require.Equal(t, map[string]string{"/" + c.member: c.reason}, faultsOf(t, err))
	}
}

func TestBoundsReachWhatARowHolds(t *testing.T) {
	t.Parallel()
	check := func(raw string, decode func(jsontext.Value) (any, error)) map[string]string {
		v, err := decode(jsontext.Value(raw))
		require.NoError(t, err, raw)
		return faultsOf(t, bounds.Check(v, checkedAt))
	}
	trade, equity := boundedRows[3].minimal, string(with(t, boundedRows[1].minimal, "positions", `{"B/C":{"symbol":"B/C","entry_price":1e16,"quantity":1}}`))
	left := `{"symbol":"BTC","entry_price":1,"quantity":1e99}`
	beyond := func(n string) string { return n + " is beyond 1e+15, which no amount is" }
	require.Equal(t, map[string]string{
		"/remaining/quantity":                beyond("1e+99"),
		"/equity/positions/B~1C/entry_price": beyond("1e+16"),
	}, check(`{"trade":`+string(with(t, trade, "exit_plan", `{"stop_loss":1e200}`))+`,"remaining":`+left+`,"equity":`+equity+`}`,
		func(raw jsontext.Value) (any, error) { v, err := DecodeTradeItem(raw); return &v, err }))
	require.Equal(t, map[string]string{"/realized_net_pnl": beyond("1e+16")},
		check(string(with(t, trade, "realized_net_pnl", "1e16")),
			func(raw jsontext.Value) (any, error) { v, err := DecodeTradeItem(raw); return &v, err }))
	require.Equal(t, map[string]string{"/position/entry_price": beyond("1e+16")},
		check(`{"model_id":"m","position":{"symbol":"BTC","entry_price":1e16,"quantity":1}}`,
			func(raw jsontext.Value) (any, error) { v, err := Decode[PositionItem](raw); return &v, err }))
	require.Equal(t, map[string]string{"/context/oracle_price": beyond("1e+16"), "/context/impact_prices/1": beyond("1e+17")},
		check(`{"symbol":"BTC","price":1,"timestamp":1764000000000,"context":{"oracle_price":1e16,"impact_prices":[1,1e17]}}`,
			func(raw jsontext.Value) (any, error) { v, err := DecodePriceItem(raw); return &v, err }))
	require.Equal(t, map[string]string{"/since_inception/nav_since_inception": "1e-300 is nearer to 0 than 1e-12, which no amount is"},
		check(`{"id":"m","since_inception":`+string(with(t, boundedRows[4].minimal, "nav_since_inception", "1e-300"))+`}`,
			func(raw jsontext.Value) (any, error) { v, err := Decode[Model](raw); return &v, err }))
	require.Equal(t, map[string]string{"/llm_response/BTC/leverage": beyond("1e+308")},
		check(string(with(t, boundedRows[6].minimal, "llm_response", `{"BTC":{"leverage":1e308}}`)),
			func(raw jsontext.Value) (any, error) { v, err := Decode[Decision](raw); return &v, err }))
	require.Equal(t, map[string]string{"/messages/1/timestamp": "lies before the year 2000"},
		check(`{"model_id":"m","messages":[`+boundedRows[7].minimal+`,`+messageRow+`]}`,
			func(raw jsontext.Value) (any, error) { v, err := Decode[Thread](raw); return &v, err }))
	require.Equal(t, map[string]string{
		"/table/std": beyond("1e+99"), "/last_trade_exit_time": "lies more than 24h0m0s in the future", "/updated_at": "lies before the year 2000",
	}, check(`{"model_id":"m","updated_at":1,"last_trade_exit_time":253402300799,"last_convo_timestamp":0,"table":{"std":1e99}}`,
		func(raw jsontext.Value) (any, error) { v, err := Decode[AnalyticsDoc](raw); return &v, err }))
}

func TestMarkersFitTheirTime(t *testing.T) {
	t.Parallel()
	inception := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	row := func(after time.Duration, hours, minutes int64) AccountTotal {
		return AccountTotal{
			Timestamp: Seconds(inception.Add(after)), SinceInceptionHourlyMarker: hours, SinceInceptionMinuteMarker: Some(minutes),
		}
	}
	for _, fits := range []AccountTotal{row(0, 0, 59), row(100*time.Hour, 99, 5999), row(100*time.Hour, 76, 4560), row(-time.Hour, 0, 0)} {
		require.NoError(t, bounds.CheckMarkers(fits, inception))
	}
	for path, off := range map[string]AccountTotal{
		"/since_inception_hourly_marker": row(100*time.Hour, 1_000_000, 6000),
		"/since_inception_minute_marker": row(100*time.Hour, 100, 600),
	} {
		faults := faultsOf(t, bounds.CheckMarkers(off, inception))
		require.Len(t, faults, 1)
		require.Contains(t, faults[path], "does not fit")
	}
}

// TestARowIsNoLargerThanAnyRealOne counts members wherever they stand, and bytes.
func TestARowIsNoLargerThanAnyRealOne(t *testing.T) {
	t.Parallel()
	b := Bounds{MaxMembers: 10, MaxRowBytes: 1000}
	members := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"a":{},`, n), ",") }
	for raw, reason := range map[string]string{
		"{" + members(10) + "}":                "",
		`{"b":[{` + members(9) + `}]}`:         "",
		`["` + strings.Repeat("x", 900) + `"]`: "",
		`{"a":`:                                "", // which decoding names
		"{" + members(11) + "}":                "has more than 10 members (bounds.max_members)",
		`{"b":[{` + members(10) + `}]}`:        "has more than 10 members (bounds.max_members)",
		`{"b":{"c":` + "[{" + members(5) + "},{" + members(5) + "}]}}": "has more than 10 members (bounds.max_members)",
		`{"a":"` + strings.Repeat("x", 1000) + `"}`:                    "has 1008 bytes; at most 1000 are accepted (bounds.max_row_bytes)",
	} {
		err := b.CheckSize(jsontext.Value(raw))
		if reason == "" {
			require.NoError(t, err, raw)
			continue
		}
		require.EqualError(t, err, reason, raw)
	}
}
