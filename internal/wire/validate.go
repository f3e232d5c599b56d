package wire

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxHourlyMarker is the last hour since inception that is accepted.
const MaxHourlyMarker = 1_000_000

// MaxID is the longest id in bytes that is accepted.
const MaxID = 256

// CheckID refuses what cannot be an id: it becomes part of keys, where braces
// mark the hash tag, and a segment of paths, where clients take dots for a step, also
// where they are escaped.
func CheckID(id string) error {
	var f Faults
	f.id("", id)
	return f.err()
}

func (f *Faults) id(path, id string) {
	switch {
	case id == "":
		f.addf(path, "is empty")
		return
	case id == ".", id == "..":
		f.addf(path, "is %q, which no address can name", id)
		return
	case len(id) > MaxID:
		f.addf(path, "is %d bytes long; at most %d are accepted", len(id), MaxID)
		return
	case !utf8.ValidString(id):
		f.addf(path, "is not UTF-8")
		return
	}
	if strings.TrimSpace(id) != id {
		f.addf(path, "begins or ends with a blank")
		return
	}
	for _, r := range id {
		if r == '{' || r == '}' || unicode.IsControl(r) {
			f.addf(path, "contains %s, which no id may", strconv.QuoteRune(r))
			return
		}
	}
}

func (f *Faults) optID(path string, id Opt[string]) {
	if v, ok := id.Get(); ok {
		f.id(path, v)
	}
}

func (f *Faults) seconds(path string, s float64) {
	if !(s >= 0 && s < MaxSeconds) {
		f.addf(path, "%v is not a time in unix seconds", s)
	}
}

func (f *Faults) optSeconds(path string, s Opt[float64]) {
	if v, ok := s.Get(); ok {
		f.seconds(path, v)
	}
}

func (f *Faults) positive(path string, v float64) {
	if !(v > 0) {
		f.addf(path, "%v is not above 0", v)
	}
}

// marker bounds a count of hours or minutes since inception. Its limit, about
// a century, keeps a stray value from stretching the season to its length.
func (f *Faults) marker(path string, v, limit int64) {
	if v < 0 || v > limit {
		f.addf(path, "%d is not from 0 to %d", v, limit)
	}
}

func (f *Faults) object(path string, raw jsontext.Value) {
	if raw != nil && raw.Kind() != '{' && raw.Kind() != 'n' {
		f.addf(path, "is %s; an object is expected", kindName(raw.Kind()))
	}
}

func (p *Price) check(f *Faults) {
	f.id("/symbol", p.Symbol)
	f.optID("/provider", p.Provider)
	f.positive("/price", p.Price)
	if p.Timestamp < 0 || p.Timestamp >= MaxSeconds*1000 {
		f.addf("/timestamp", "%d is not a time in unix milliseconds", p.Timestamp)
	}
}

func (a *AccountTotal) check(f *Faults) {
	f.id("/model_id", a.ModelID)
	f.optID("/id", a.ID)
	f.seconds("/timestamp", a.Timestamp)
	f.marker("/since_inception_hourly_marker", a.SinceInceptionHourlyMarker, MaxHourlyMarker)
	if v, ok := a.SinceInceptionMinuteMarker.Get(); ok {
		f.marker("/since_inception_minute_marker", v, 60*MaxHourlyMarker)
	}
}

// Parts lets Bounds see the open positions that the row carries, as far as they
// can be read.
func (a *AccountTotal) Parts() map[string]any {
	m, _ := a.modelPositions() // what cannot be read is computed with by nobody
	return positionParts("/positions", m.Positions)
}

func positionParts(path string, open map[string]Position) map[string]any {
	parts := make(map[string]any, len(open))
	for symbol, p := range open {
		parts[path+string(jsontext.Pointer("").AppendToken(symbol))] = &p
	}
	return parts
}

// ModelPositions reads the positions that the row carries. The row itself may
// carry any JSON: the error, a Faults, says what in it is no position.
func (a *AccountTotal) ModelPositions() (ModelPositions, error) {
	m, faults := a.modelPositions()
	return m, faults.err()
}

func (a *AccountTotal) modelPositions() (ModelPositions, Faults) {
	m := ModelPositions{ModelID: a.ModelID}
	raw := a.Positions
	if raw == nil || raw.Kind() == 'n' || bytes.Equal(raw, []byte("[]")) {
		raw = jsontext.Value("{}")
	}
	var faults, under Faults
	m.Positions, m.Waiting, under = decodePositions(raw)
	faults.putUnder("/positions", under)
	return m, faults
}

// decodePositions reads an object of positions by the name under which each
// stands, most often its symbol. Those that wait for their fill stay raw.
func decodePositions(raw jsontext.Value) (open map[string]Position, waiting map[string]jsontext.Value, faults Faults) {
	open = make(map[string]Position)
	if raw.Kind() != '{' {
		return open, nil, Faults{{Reason: "is " + kindName(raw.Kind()) + "; an object is expected"}}
	}
	var rows map[string]jsontext.Value
	if err := json.Unmarshal(raw, &rows); err != nil {
		return open, nil, Faults{typeFault(err)}
	}
	names := make(map[string]string, len(rows)) // by symbol
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		path := string(jsontext.Pointer("").AppendToken(name))
		if waitsForFill(rows[name]) {
			if waiting == nil {
				waiting = make(map[string]jsontext.Value)
			}
			waiting[name] = rows[name]
			continue
		}
		p, wrong := decode[Position](rows[name])
		if other, twice := names[p.Symbol]; twice && len(wrong) == 0 {
			wrong.addf("/symbol", "%q stands under %q too, and one position of a symbol is open at most",
				abbreviate(p.Symbol, maxQuoted), abbreviate(other, maxQuoted))
		}
		if len(wrong) > 0 {
			faults.putUnder(path, wrong)
			continue
		}
		if p.Symbol != name {
			wrong.id("", name)
			faults.putUnder(path, wrong)
		}
		names[p.Symbol] = name
		open[name] = p
	}
	return open, waiting, faults
}

// waitsForFill reports whether a position has been ordered and is not open yet:
// it says so, and has no price or no size.
func waitsForFill(raw jsontext.Value) bool {
	var probe struct {
		WaitForFill bool         `json:"wait_for_fill"`
		EntryPrice  Opt[float64] `json:"entry_price"`
		Quantity    Opt[float64] `json:"quantity"`
	}
	return json.Unmarshal(raw, &probe) == nil && probe.WaitForFill && (probe.EntryPrice.Or(0) == 0 || probe.Quantity.Or(0) == 0)
}

func (p *Position) check(f *Faults) {
	f.id("/symbol", p.Symbol)
	f.positive("/entry_price", p.EntryPrice)
	if p.Quantity == 0 {
		f.addf("/quantity", "is 0; an open position has a quantity")
	}
	f.optSeconds("/entry_time", p.EntryTime)
}

func (t *Trade) check(f *Faults) {
	f.id("/id", t.ID)
	f.id("/model_id", t.ModelID)
	f.id("/symbol", t.Symbol)
	f.optID("/provider", t.Provider)
	f.seconds("/entry_time", t.EntryTime)
	f.seconds("/exit_time", t.ExitTime)
	if t.ExitTime < t.EntryTime {
		f.addf("/exit_time", "%v is before the entry at %v", t.ExitTime, t.EntryTime)
	}
	f.positive("/entry_price", t.EntryPrice)
	f.positive("/exit_price", t.ExitPrice)
	switch {
	case t.Side != "long" && t.Side != "short":
		f.addf("/side", "%q is neither long nor short", abbreviate(t.Side, maxQuoted))
	case t.Quantity == 0 || math.Signbit(t.Quantity) != (t.Side == "short"):
		f.addf("/quantity", "%v is not the quantity of a %s trade", t.Quantity, t.Side)
	}
}

func (s *SinceInception) check(f *Faults) {
	f.id("/model_id", s.ModelID)
	f.optID("/id", s.ID)
	f.positive("/nav_since_inception", s.NavSinceInception)
	f.seconds("/inception_date", s.InceptionDate)
	if v, ok := s.NumInvocations.Get(); ok {
		f.marker("/num_invocations", v, math.MaxInt64)
	}
}

func (l *LeaderboardRow) check(f *Faults) { f.id("/id", l.ID) }

func (a *AnalyticsDoc) check(f *Faults) {
	f.id("/model_id", a.ModelID)
	f.optSeconds("/updated_at", a.UpdatedAt)
}

// modelPositionsRow is ModelPositions as it comes in, each position still raw.
type modelPositionsRow struct {
	ModelID   string         `json:"model_id"`
	Positions jsontext.Value `json:"positions"`
	Extra     jsontext.Value `json:",embed"`

	open    map[string]Position
	waiting map[string]jsontext.Value
}

func (m *modelPositionsRow) check(f *Faults) {
	f.id("/model_id", m.ModelID)
	var faults Faults
	m.open, m.waiting, faults = decodePositions(m.Positions)
	f.putUnder("/positions", faults)
}

// Parts lets Bounds see the positions of the row.
func (m *ModelPositions) Parts() map[string]any { return positionParts("/positions", m.Positions) }

// DecodeModelPositions reads one row of Positions from outside.
func DecodeModelPositions(raw jsontext.Value) (ModelPositions, error) {
	m, err := Decode[modelPositionsRow](raw)
	return ModelPositions{ModelID: m.ModelID, Positions: m.open, Waiting: m.waiting, Extra: m.Extra}, err
}

func (d *Decision) check(f *Faults) {
	f.id("/id", d.ID)
	f.id("/model_id", d.ModelID)
	f.seconds("/timestamp", d.Timestamp)
	f.optSeconds("/inserted_at", d.InsertedAt)
	if k := d.CotTrace.Kind(); d.CotTrace != nil && k != '"' && k != '{' && k != 'n' {
		f.addf("/cot_trace", "is %s; a string or an object is expected", kindName(k))
	}
	f.object("/llm_response", d.LlmResponse)
}

func (t *Thread) check(f *Faults) {
	f.id("/model_id", t.ModelID)
	f.optID("/topic", t.Topic)
}

// checkRows reads each message by itself, so that an absent content differs
// from an empty one.
func (*Thread) checkRows(raw jsontext.Value, f *Faults) {
	var thread struct {
		Messages []jsontext.Value `json:"messages"`
	}
	if json.Unmarshal(raw, &thread) != nil {
		return // no array: a fault of the member itself
	}
	for i, message := range thread.Messages {
		_, faults := decode[Message](message)
		f.putUnder("/messages/"+strconv.Itoa(i), faults)
	}
}

func (m *Message) check(f *Faults) {
	if m.Role != "system" && m.Role != "user" && m.Role != "assistant" {
		f.addf("/role", "%q is neither system, user nor assistant", abbreviate(m.Role, maxQuoted))
	}
	f.seconds("/timestamp", m.Timestamp)
}
