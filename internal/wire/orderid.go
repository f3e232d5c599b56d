package wire

import (
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// IsOrderID reports whether a member names an order. Sources that have none
// leave it out, or send null, 0, -1 or what isNoID knows.
func IsOrderID(id Opt[int64]) bool { return id.Or(0) > 0 }

// maxExact is the largest integer up to which doubles hold every one.
const maxExact = 1 << 53

// isNoID reports whether a value is a spelling of no id that is no integer: a
// string that is blank or names 0 or less ("", " ", "0", "-1"), or 0.0 and -1.0.
func isNoID(value jsontext.Value) bool {
	text := string(value)
	if value.Kind() == '"' {
		var s string
		if json.Unmarshal(value, &s) != nil {
			return false
		}
		if text = strings.TrimSpace(s); text == "" {
			return true
		}
	} else if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return false // it has its field
	}
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && -maxExact <= n && n <= 0 && n == math.Trunc(n)
}

// orderRow is a row with members that name orders or fills.
type orderRow interface {
	// orderIDs are their names, and where the row keeps what it has no field for.
	orderIDs() (names []string, extra *jsontext.Value)
}

func (p *Position) orderIDs() ([]string, *jsontext.Value) {
	return []string{"entry_oid", "oid", "tp_oid", "sl_oid"}, &p.Extra
}

func (t *Trade) orderIDs() ([]string, *jsontext.Value) {
	return []string{"entry_oid", "exit_oid", "entry_tid", "exit_tid"}, &t.Extra
}

// unmarshalWithoutIDs reads an object into a row. What an id says where there is
// none is kept as it came, in the row's Extra, and the id is absent. Rest is the
// object without those members; it is raw where there are none.
func unmarshalWithoutIDs(raw jsontext.Value, row orderRow) (rest jsontext.Value, err error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return raw, err
	}
	names, extra := row.orderIDs()
	kept := make(map[string]jsontext.Value)
	for _, name := range names {
		if value, ok := members[name]; ok && isNoID(value) {
			kept[name] = value
			delete(members, name)
		}
	}
	if len(kept) == 0 {
		return raw, json.Unmarshal(raw, row)
	}
	if rest, err = Marshal(members); err != nil {
		return raw, err
	}
	if err = json.Unmarshal(rest, row); err != nil {
		return rest, err
	}
	if len(*extra) > 0 {
		var unknown map[string]jsontext.Value
		if err := json.Unmarshal(*extra, &unknown); err != nil {
			return rest, err
		}
		maps.Copy(kept, unknown)
	}
	*extra, err = Marshal(kept)
	return rest, err
}
