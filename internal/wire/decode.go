package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Fault is one thing that is wrong with a row or a request.
type Fault struct {
	// Path is a JSON pointer into the row, the body or the object of the parameters,
	// "" for the whole.
	Path   string `json:"path"`
	Reason string `json:"reason"` // what is wrong with it
}

// Limits of what a row may hold beyond its types.
const (
	// MaxDepth is how deep a row may nest: real ones stay under 8, and a row
	// that only just decodes alone could no longer be rendered inside a list.
	MaxDepth = 64
	// MaxFaults is how many faults of one row are named.
	MaxFaults = 32

	maxNumber   = 1000 // characters; a double in full has less
	maxExponent = 1000 // a zero may have any, but jsonb writes it out
	maxPath     = 200  // bytes of a path in a fault: a name may be of any length
)

// Faults is the error of a row that is refused. It holds at least one fault,
// at most one per member, and at most MaxFaults.
type Faults []Fault //nolint:errname,recvcheck // a plural, ranged over as a value and filled through a pointer

// Error implements error.
func (f Faults) Error() string {
	parts := make([]string, len(f))
	for i, one := range f {
		parts[i] = one.Reason
		if one.Path != "" {
			parts[i] = one.Path + ": " + one.Reason
		}
	}
	return strings.Join(parts, "; ")
}

func (f *Faults) addf(path, format string, args ...any) {
	f.put(Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
}

// put adds a fault. Of one member the first is the cause, and the others
// follow from it.
func (f *Faults) put(one Fault) {
	one.Path = abbreviate(one.Path, maxPath)
	if f.full() || slices.ContainsFunc(*f, func(o Fault) bool { return o.Path == one.Path }) {
		return
	}
	*f = append(*f, one)
}

// putUnder adds the faults of the value at a path.
func (f *Faults) putUnder(path string, faults Faults) {
	for _, one := range faults {
		f.put(Fault{Path: path + one.Path, Reason: one.Reason})
	}
}

func (f *Faults) full() bool { return len(*f) >= MaxFaults }

// row is a type that can be read from outside: it checks what its types cannot say.
type row[T any] interface {
	*T
	check(f *Faults)
}

// lister is a row with rows of its own that are read as strictly.
type lister interface {
	checkRows(raw jsontext.Value, f *Faults)
}

// Decode reads one row from outside. The error is a Faults that names every
// member at fault: a number that is no finite double, NUL, a wrong type, a
// missing member, a value out of its range. Malformed text, a duplicate name
// or a nesting beyond MaxDepth ends the reading, and is named alone or last.
func Decode[T any, P row[T]](raw jsontext.Value) (T, error) {
	v, faults := decode[T, P](raw)
	return v, faults.err()
}

func decode[T any, P row[T]](raw jsontext.Value) (T, Faults) {
	var v, none T
	p := P(&v)
	if kind := raw.Kind(); kind != '{' {
		return none, Faults{{Reason: fmt.Sprintf("is %s; an object is expected", kindName(kind))}}
	}
	faults, readable := scan(raw, required(reflect.TypeFor[T]()))
	if !readable {
		return none, faults
	}
	if l, ok := any(p).(lister); ok {
		l.checkRows(raw, &faults)
	}
	err := json.Unmarshal(raw, p)
	if o, ok := any(p).(orderRow); ok && err != nil {
		// Few sources spell ids so, and only theirs cost a second reading.
		v = none
		raw, err = unmarshalWithoutIDs(raw, o)
	}
	if err != nil {
		v = memberwise[T, P](raw, &faults)
		faults.put(typeFault(err))
	}
	p.check(&faults)
	if len(faults) > 0 {
		return none, faults
	}
	return v, nil
}

var requiredOf sync.Map // []string by reflect.Type: finding them costs more than reading a row

// required lists the members that a row cannot do without: those that are there also
// where they are zero.
func required(row reflect.Type) []string {
	if known, ok := requiredOf.Load(row); ok {
		names, _ := known.([]string)
		return names
	}
	var names []string
	for field := range row.Fields() {
		if name, options, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" && options == "" {
			names = append(names, name)
		}
	}
	requiredOf.Store(row, names)
	return names
}

// memberwise reads the members of an object one by one: reading it as a whole
// stops at the first of a wrong type. Those at fault are left out.
func memberwise[T any, P row[T]](raw jsontext.Value, faults *Faults) T {
	var v T
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.ReadToken() // that it is an object was seen before, as was all syntax
	for dec.PeekKind() == '"' && !faults.full() {
		one := jsontext.Value("{")
		name, _ := dec.ReadValue()
		one = append(append(one, name...), ':')
		value, _ := dec.ReadValue()
		one = append(append(one, value...), '}')
		next := v
		if err := json.Unmarshal(one, P(&next)); err != nil {
			faults.put(typeFault(err))
			continue
		}
		v = next
	}
	return v
}

// err keeps an empty list from becoming an error that is not nil.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// scan walks the tokens of a value for what neither a double, nor Postgres
// text, nor jsonb can hold, and for the members that must be there. It is not
// readable where the walk could not be finished.
func scan(raw jsontext.Value, required []string) (faults Faults, readable bool) {
	seen := make(map[string]jsontext.Kind)
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw)) // of which it makes no copy
	mayHaveNUL := bytes.Contains(raw, []byte(`\u0000`))
	found := 0 // each costs a path, which may be as long as the row
	note := func(reason string) {
		if found++; found <= MaxFaults {
			faults.put(Fault{Path: string(dec.StackPointer()), Reason: reason})
		}
	}
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			faults.put(syntaxFault(err))
			return faults, false
		}
		depth := dec.StackDepth()
		if depth > MaxDepth {
			faults.addf(string(dec.StackPointer()), "nests deeper than %d levels", MaxDepth)
			return faults, false
		}
		switch tok.Kind() {
		case '"':
			if mayHaveNUL && strings.IndexByte(tok.String(), 0) >= 0 {
				note("contains NUL")
			}
			if kind, n := dec.StackIndex(depth); depth == 1 && kind == '{' && n%2 == 1 {
				name := tok.String() // before the next token takes its place
				seen[name] = dec.PeekKind()
			}
		case '0':
			if reason := checkNumber(tok.String()); reason != "" {
				note(reason)
			}
		}
		if depth == 0 {
			break
		}
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		faults.put(Fault{Reason: "has more after its end"})
		return faults, false
	}
	for _, name := range required {
		switch kind, ok := seen[name]; {
		case !ok:
			faults.addf("/"+name, "is missing")
		case kind == 'n':
			faults.addf("/"+name, "is null; a value is expected")
		}
	}
	return faults, true
}

// checkNumber says what is wrong with the text of a number, "" where nothing
// is.
func checkNumber(text string) string {
	if len(text) > maxNumber {
		return fmt.Sprintf("is a number of %d characters; at most %d are accepted", len(text), maxNumber)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return abbreviate(text, maxQuoted) + " is not a finite double"
	}
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	if v == 0 && strings.ContainsAny(mantissa, "123456789") {
		return abbreviate(text, maxQuoted) + " is too close to 0 for a double"
	}
	if exponent != "" {
		if e, err := strconv.Atoi(exponent); err != nil || e < -maxExponent || e > maxExponent {
			return abbreviate(text, maxQuoted) + " has an exponent that cannot be stored"
		}
	}
	return ""
}

func syntaxFault(err error) Fault {
	var f Fault
	if syn, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		f.Path, err = string(syn.JSONPointer), syn.Err
	}
	f.Reason = err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		f.Reason = "ends in the middle"
	}
	return f
}

func typeFault(err error) Fault {
	var sem *json.SemanticError
	if !errors.As(err, &sem) {
		return syntaxFault(err)
	}
	f := Fault{Path: string(sem.JSONPointer)}
	switch {
	case sem.JSONKind == '0' && sem.GoType != nil && isInteger(sem.GoType):
		f.Reason = fmt.Sprintf("%s is not an integer of 64 bits", abbreviate(string(sem.JSONValue), maxQuoted))
	case sem.JSONKind != 0 && sem.GoType != nil:
		f.Reason = fmt.Sprintf("is %s; %s is expected", kindName(sem.JSONKind), typeName(sem.GoType))
	default:
		f.Reason = err.Error()
	}
	return f
}

func isInteger(t reflect.Type) bool { return t.Kind() == reflect.Int64 }

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "not JSON"
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int64:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// maxQuoted is how many bytes of a value from outside a message repeats.
const maxQuoted = 40

// abbreviate keeps what comes from outside short enough for a message.
func abbreviate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
