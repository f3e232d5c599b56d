package parity

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"nof0/internal/wire"
)

// difference is a member on which two rows differ. A value that is absent is
// nil.
type difference struct {
	field       jsontext.Pointer
	json, store jsontext.Value
}

// diff compares two JSON values member by member: numbers as doubles; absent,
// null and zero are three different things.
func diff(json, store jsontext.Value) ([]difference, error) {
	var d differ
	err := d.values("", json, store)
	return d.found, err
}

type differ struct{ found []difference }

func (d *differ) values(at jsontext.Pointer, a, b jsontext.Value) error {
	if bytes.Equal(a, b) && (a == nil) == (b == nil) {
		return nil
	}
	if a == nil || b == nil || a.Kind() != b.Kind() {
		d.add(at, a, b)
		return nil
	}
	switch a.Kind() {
	case '{':
		return d.objects(at, a, b)
	case '[':
		return d.arrays(at, a, b)
	case '0':
		if !sameNumber(a, b) {
			d.add(at, a, b)
		}
	case '"':
		var x, y string
		if err := wire.Unmarshal(a, &x); err != nil {
			return err
		}
		if err := wire.Unmarshal(b, &y); err != nil {
			return err
		}
		if x != y {
			d.add(at, a, b)
		}
	default: // null, true or false: their kind says it all
	}
	return nil
}

func (d *differ) objects(at jsontext.Pointer, a, b jsontext.Value) error {
	var x, y map[string]jsontext.Value
	if err := wire.Unmarshal(a, &x); err != nil {
		return err
	}
	if err := wire.Unmarshal(b, &y); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(x))
	for name := range y {
		if _, both := x[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if err := d.values(at.AppendToken(name), x[name], y[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) arrays(at jsontext.Pointer, a, b jsontext.Value) error {
	var x, y []jsontext.Value
	if err := wire.Unmarshal(a, &x); err != nil {
		return err
	}
	if err := wire.Unmarshal(b, &y); err != nil {
		return err
	}
	for i := range max(len(x), len(y)) {
		if err := d.values(at.AppendToken(strconv.Itoa(i)), element(x, i), element(y, i)); err != nil {
			return err
		}
	}
	return nil
}

func element(list []jsontext.Value, i int) jsontext.Value {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func (d *differ) add(at jsontext.Pointer, a, b jsontext.Value) {
	d.found = append(d.found, difference{at, a, b})
}

// sameNumber compares numbers as doubles, and exactly where no double holds
// one of them.
func sameNumber(a, b jsontext.Value) bool {
	x, errX := strconv.ParseFloat(strings.TrimSpace(string(a)), 64)
	y, errY := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if errX == nil && errY == nil {
		return x == y
	}
	return errX != nil && errY != nil && exactly(a) == exactly(b)
}

// exactly is the normal form of a number: its significant digits and exponent.
func exactly(raw jsontext.Value) string {
	number, err := decimal.NewFromString(strings.TrimSpace(string(raw)))
	if err != nil {
		return string(raw)
	}
	digits := number.Coefficient().String()
	significant := strings.TrimRight(digits, "0")
	exponent := int64(number.Exponent()) + int64(len(digits)-len(significant))
	return significant + "e" + strconv.FormatInt(exponent, 10)
}
