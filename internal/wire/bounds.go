package wire

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds are what nothing real lies beyond. Rows from outside are held to them
// by Check, whichever way they come in; what is stored already is served
// whatever it is. The zero value refuses every amount.
//
// Which bound holds for a member is said by the bound tag of its field:
//
//	amount      0, or from MinAmount to MaxAmount without sign; a float64 without a
//	            tag, unless its name is that of a time
//	difference  the same from MinDifference: what is left when two amounts cancel
//	time        unix seconds from EarliestYear to Ahead from now
//	millis      the same in unix milliseconds
//	hours       from 0 to MaxMarker hours since inception
//	minutes     the same in minutes
//	amounts     every number in a JSON value is a difference, or a time where its
//	            name says so
//	free        not bounded; an int64 or a JSON value without a tag
type Bounds struct {
	MinAmount       float64
	MinDifference   float64
	MaxAmount       float64
	EarliestYear    int
	Ahead           time.Duration
	MaxMarker       int64         // hours since inception
	MarkerTolerance time.Duration // between a marker and the time since inception
	MaxMembers      int64         // of a row, those of objects in it among them
	MaxRowBytes     int64
}

// parted is a row with rows of its own that its fields do not show, by the path
// where they stand.
type parted interface {
	Parts() map[string]any
}

// CheckSize refuses a row that is larger than any real one, before it is read: what comes
// of it, and of members that nobody knows, is kept and shown to everybody. The error is a
// Faults; what is no JSON is for whoever reads it.
func (b Bounds) CheckSize(raw jsontext.Value) error {
	if int64(len(raw)) > b.MaxRowBytes {
		return Faults{{Reason: fmt.Sprintf("has %d bytes; at most %d are accepted (bounds.max_row_bytes)", len(raw), b.MaxRowBytes)}}
	}
	if int64(bytes.Count(raw, []byte(":"))) <= b.MaxMembers {
		return nil // each member has one
	}
	var members int64
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for members <= b.MaxMembers {
		if _, err := dec.ReadToken(); err != nil {
			return nil //nolint:nilerr // its end, or a fault that decoding names
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 {
			members++
		}
	}
	return Faults{{Reason: fmt.Sprintf("has more than %d members (bounds.max_members)", b.MaxMembers)}}
}

// Check returns the faults of what lies beyond the bounds in a row, or nil. The
// row is a pointer to a struct; now is the time of the check.
func (b Bounds) Check(row any, now time.Time) error {
	var f Faults
	b.check(&f, "", reflect.ValueOf(row), now)
	return f.err()
}

// CheckMarkers returns the faults of the markers of an equity row that do not
// fit its time and the inception of its account, or nil.
func (b Bounds) CheckMarkers(a AccountTotal, inception time.Time) error {
	var f Faults
	since := a.Timestamp - Seconds(inception)
	check := func(path string, marker int64, unit time.Duration) {
		if off := math.Abs(float64(marker)*unit.Seconds() - since); off > b.MarkerTolerance.Seconds() {
			f.addf(path, "%d does not fit: at %s it is %.0f since the inception at %s; they may be %v apart",
				marker, Time(a.Timestamp).Format(time.RFC3339), math.Floor(since/unit.Seconds()), inception.Format(time.RFC3339), b.MarkerTolerance)
		}
	}
	check("/since_inception_hourly_marker", a.SinceInceptionHourlyMarker, time.Hour)
	if v, ok := a.SinceInceptionMinuteMarker.Get(); ok {
		check("/since_inception_minute_marker", v, time.Minute)
	}
	return f.err()
}

// CheckMillis returns why a time in unix milliseconds lies beyond the bounds, or
// nil.
func (b Bounds) CheckMillis(ms int64, now time.Time) error {
	var f Faults
	b.time(&f, "", float64(ms)/1000, now)
	return f.err()
}

func (b Bounds) check(f *Faults, path string, v reflect.Value, now time.Time) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		if p, ok := reflect.TypeAssert[parted](v); ok {
			parts := p.Parts()
			for _, under := range slices.Sorted(maps.Keys(parts)) {
				b.check(f, path+under, reflect.ValueOf(parts[under]), now)
			}
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	var own Faults
	for _, m := range boundMembers(v.Type()) {
		b.member(&own, m.path, m.bound, v.Field(m.index), now)
	}
	f.putUnder(path, own)
}

func (b Bounds) member(f *Faults, path, bound string, v reflect.Value, now time.Time) {
	switch value := v.Interface().(type) {
	case float64:
		b.number(f, path, bound, value, now)
	case int64:
		b.number(f, path, bound, float64(value), now)
	case Opt[float64]:
		if n, ok := value.Get(); ok {
			b.number(f, path, bound, n, now)
		}
	case Opt[int64]:
		if n, ok := value.Get(); ok {
			b.number(f, path, bound, float64(n), now)
		}
	case jsontext.Value:
		b.raw(f, path, value, now)
	default: // a list of rows
		for i := range v.Len() {
			b.check(f, path+"/"+strconv.Itoa(i), v.Index(i).Addr(), now)
		}
	}
}

func (b Bounds) number(f *Faults, path, bound string, n float64, now time.Time) {
	switch bound {
	case "amount":
		b.amount(f, path, n, b.MinAmount)
	case "difference":
		b.amount(f, path, n, b.MinDifference)
	case "time":
		b.time(f, path, n, now)
	case "millis":
		b.time(f, path, n/1000, now)
	case "hours":
		f.marker(path, int64(n), b.MaxMarker)
	case "minutes":
		f.marker(path, int64(n), 60*b.MaxMarker)
	}
}

func (b Bounds) amount(f *Faults, path string, n, least float64) {
	switch size := math.Abs(n); {
	case size > b.MaxAmount:
		f.addf(path, "%v is beyond %v, which no amount is", n, b.MaxAmount)
	case size != 0 && size < least:
		f.addf(path, "%v is nearer to 0 than %v, which no amount is", n, least)
	}
}

func (b Bounds) time(f *Faults, path string, seconds float64, now time.Time) {
	earliest := time.Date(b.EarliestYear, 1, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case seconds < Seconds(earliest):
		f.addf(path, "lies before the year %d", b.EarliestYear)
	case seconds > Seconds(now.Add(b.Ahead)):
		f.addf(path, "lies more than %v in the future", b.Ahead)
	}
}

// raw bounds every number in a JSON value. A time in it may be 0: none yet.
func (b Bounds) raw(f *Faults, path string, raw jsontext.Value, now time.Time) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw)) // of which it makes no copy
	bound := ""                                      // of the member that was named last
	for !f.full() {
		token, err := dec.ReadToken()
		if err != nil {
			return // its end: the syntax was checked
		}
		in, nth := dec.StackIndex(dec.StackDepth())
		switch {
		case in == '{' && nth%2 == 1:
			bound = "difference"
			if namesTime(token.String()) {
				bound = "time"
			}
			continue
		case token.Kind() != '0':
			continue
		case in != '{':
			bound = "difference"
		}
		n, _ := token.Float() // it was checked
		var fault Faults
		if b.number(&fault, "", bound, n, now); len(fault) > 0 && (bound != "time" || n != 0) {
			b.number(f, path+string(dec.StackPointer()), bound, n, now)
		}
	}
}

func namesTime(name string) bool {
	return name == "timestamp" || strings.HasSuffix(name, "_timestamp") || strings.HasSuffix(name, "_time") || strings.HasSuffix(name, "_at")
}

// boundMember is a field that is bounded.
type boundMember struct {
	index int
	path  string // JSON pointer of the member, "" where its own members stand in the row
	bound string
}

var boundMembersOf sync.Map // []boundMember by reflect.Type

// boundMembers lists the bounded fields of a row type. It panics for a tag that
// the type of the field has no use for: rows are declared in this package.
func boundMembers(t reflect.Type) []boundMember {
	if known, ok := boundMembersOf.Load(t); ok {
		members, _ := known.([]boundMember)
		return members
	}
	var members []boundMember
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue
		}
		bound, tagged := field.Tag.Lookup("bound")
		allowed := "free"
		switch field.Type {
		case reflect.TypeFor[float64](), reflect.TypeFor[Opt[float64]]():
			allowed = "free amount difference time"
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case !tagged && namesTime(name):
				bound = "time"
			case !tagged:
				bound = "amount"
			}
		case reflect.TypeFor[int64](), reflect.TypeFor[Opt[int64]]():
			allowed = "free amount millis hours minutes"
		case reflect.TypeFor[jsontext.Value]():
			allowed = "free amounts"
		default:
			if field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct {
				allowed, bound = "rows", "rows"
			}
		}
		switch {
		case bound == "" || bound == "free":
			continue
		case !strings.Contains(" "+allowed+" ", " "+bound+" "):
			panic(fmt.Sprintf("%v.%s: a bound %q is none of %s", t, field.Name, bound, allowed))
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		m := boundMember{index: i, bound: bound}
		if name != "" {
			m.path = "/" + name
		}
		members = append(members, m)
	}
	boundMembersOf.Store(t, members)
	return members
}
