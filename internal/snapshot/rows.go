package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// RowFault names a row that is not taken, and why.
type RowFault struct {
	File   string      `json:"file"`
	Row    int         `json:"row"`    // from 0
	Offset int64       `json:"offset"` // bytes from the start of the file
	ID     string      `json:"id,omitempty"`
	Faults wire.Faults `json:"faults"`
}

// String implements fmt.Stringer.
func (f RowFault) String() string {
	return fmt.Sprintf("%s row %d (offset %d) %q: %v", f.File, f.Row, f.Offset, f.ID, f.Faults)
}

// CompetitionOf is the competition that a row of a kind of file names, "" where it
// names none. Prices belong to none. The error is a wire.Faults.
func CompetitionOf(kind Kind, row Row) (string, error) {
	if kind == CryptoPrices {
		return "", nil
	}
	return wire.CompetitionOf(row.Raw, "competition")
}

// OtherCompetition is the fault of a row that names another competition than the one
// that its directory has.
func OtherCompetition(named, own string) error {
	return wire.Faults{{Path: "/competition_id", Reason: fmt.Sprintf(
		"is %q, and the directory has the default competition, %q, alone; `nof0 import DIR` stores each row in the one that it names", named, own)}}
}

// Fault is what is wrong with a row of the file.
func (f *File) Fault(row Row, faults wire.Faults) RowFault {
	return RowFault{File: f.Name, Row: row.Index, Offset: row.Offset, ID: row.name(), Faults: faults}
}

// name finds a name for a row that may be damaged.
func (r Row) name() string {
	if r.Key != "" {
		return r.Key
	}
	var probe struct {
		ID    any `json:"id"`
		Model any `json:"model_id"`
	}
	_ = wire.Unmarshal(r.Raw, &probe) // what can be read is good enough
	for _, name := range []any{probe.ID, probe.Model} {
		if s, ok := name.(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// Decoded are the rows of a file as they were read.
type Decoded[T any] struct {
	Rows   []Row
	Values []T // of Rows
	// Repeated is how many rows said once more what an earlier one had said.
	Repeated int
	Faults   []RowFault // of the rows that are not among Rows
}

// Decode reads the rows of a file. Those at fault are set apart; the error is
// none of a row. An id is the identity of a row, "" where it has none. Of two rows
// of one identity the second adds to a state what the first does not say; where it
// contradicts it, and of a fact, it is at fault.
func Decode[T any](f *File, decode func(Row) (T, error), id func(*T) string) (d Decoded[T], err error) {
	at := make(map[string]int)
	for _, row := range f.Rows {
		v, err := decode(row)
		if err == nil {
			err = d.add(f, row, v, at, id(&v), decode)
		}
		var faults wire.Faults
		switch {
		case errors.As(err, &faults):
			d.Faults = append(d.Faults, f.Fault(row, faults))
		case err != nil:
			return d, err
		}
	}
	return d, nil
}

func (d *Decoded[T]) add(f *File, row Row, v T, at map[string]int, id string, decode func(Row) (T, error)) error {
	first, twice := at[id]
	if !twice || id == "" {
		at[id] = len(d.Rows)
		d.Rows, d.Values = append(d.Rows, row), append(d.Values, v)
		return nil
	}
	whole := d.Rows[first]
	united, err := wire.Unite(whole.Raw, row.Raw)
	switch {
	case err != nil:
	case bytes.Equal(united, whole.Raw):
		d.Repeated++
		return nil
	case !f.Kind.isState():
		err = wire.Faults{{Reason: "says more than the first one"}}
	default:
		whole.Raw = united
		if v, err = decode(whole); err == nil {
			d.Rows[first], d.Values[first] = whole, v
			return nil
		}
	}
	var faults wire.Faults
	if !errors.As(err, &faults) {
		return err
	}
	return append(wire.Faults{{Path: "", Reason: fmt.Sprintf("is the second of its identity in this file, after row %d, which it contradicts", d.Rows[first].Index)}}, faults...)
}

// isState reports whether a row of the kind states how things are, so that two
// rows may do so together.
func (k Kind) isState() bool {
	switch k {
	case Positions, SinceInception, Leaderboard, Analytics, ModelAnalytics:
		return true
	}
	return false
}

// NothingError says that a file holds an endpoint's error or empty answer: it
// states nothing, as if it were not there.
type NothingError struct {
	File   string
	Reason string
}

// Error implements error.
func (e *NothingError) Error() string { return e.File + ": " + e.Reason }

// Is makes a file that states nothing one that is not there.
func (e *NothingError) Is(target error) bool { return target == fs.ErrNotExist }

// saysNothing says why the content of a file states nothing; "" where it has, or
// may have, something to say.
func saysNothing(data []byte, env envelope) string {
	raw := jsontext.Value(bytes.TrimSpace(data))
	if bytes.HasPrefix(raw, []byte("<")) {
		return "is a page of HTML or XML, not an answer of the endpoint"
	}
	if !raw.IsValid() || rowsAt(raw, env) != "" {
		return ""
	}
	members := map[string]jsontext.Value{}
	if raw.Kind() != '{' {
		return "is an error or empty answer of the endpoint: no object, but " + kindName(raw.Kind())
	}
	_ = wire.Unmarshal(raw, &members) // a valid object
	for _, name := range []string{"error", "errors", "message", "detail", "title"} {
		if _, says := members[name]; says {
			return fmt.Sprintf("is an error answer of the endpoint: it has a member %q and no %q", name, env.member)
		}
	}
	return fmt.Sprintf("is an empty answer of the endpoint: it has no member %q", env.member)
}

// rowsAt is the JSON pointer of the first thing that looks like the rows of the
// envelope, or a member of one; "" where nothing does.
func rowsAt(raw jsontext.Value, env envelope) jsontext.Pointer {
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind != '{' || n%2 == 0 {
			continue
		}
		switch token.String() {
		case env.member, "model_id", "symbol", "num_trades":
			return dec.StackPointer()
		}
	}
}

// largestLookalike is how much of an unknown file is looked at, in bytes.
const largestLookalike = 64 << 20

// Lookalike says why a file of a directory is no file of a snapshot, and what it
// looks like.
func Lookalike(dir, name string) string {
	const unknown = "no endpoint has this name"
	info, err := os.Stat(filepath.Join(dir, name))
	switch {
	case err != nil:
		return unknown
	case info.IsDir():
		return "is a directory; a snapshot has none, and it may be one itself"
	case !strings.EqualFold(filepath.Ext(name), ".json") || info.Size() > largestLookalike:
		return unknown
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return unknown
	}
	var members map[string]jsontext.Value
	if wire.Unmarshal(data, &members) != nil {
		return unknown
	}
	var like []string
	for _, kind := range slices.Sorted(maps.Keys(envelopes)) {
		if rows := members[envelopes[kind].member]; rows != nil && rows.Kind() == envelopes[kind].rows {
			like = append(like, FileName(kind, "MODEL"))
		}
	}
	if len(like) == 0 {
		if at := rowsAt(data, envelope{}); at != "" {
			return unknown + ", though it has something like rows at " + string(at)
		}
		return unknown
	}
	return unknown + "; its content is that of " + strings.Join(like, " or ") + ", under which name it would be taken"
}
