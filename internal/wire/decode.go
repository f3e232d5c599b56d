package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Fault is one thing that is wrong with a row.
type Fault struct {
	// Path is a JSON pointer into the row, "" for the row itself.
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Faults is the error of a row that is refused. It holds at least one fault.
type Faults []Fault

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

func (f *Faults) add(path, format string, args ...any) {
	*f = append(*f, Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
}

// row is a type that can be read from outside: it names the members that it
// cannot do without and checks what its types cannot say.
type row[T any] interface {
	*T
	required() []string
	check(f *Faults)
}

// Decode reads one row from outside. The error is a Faults that names every
// member at fault: malformed text, a duplicate name, NUL, a number that is no
// finite double, a wrong type, a missing member, or a value out of its range.
func Decode[T any, P row[T]](raw jsontext.Value) (T, error) {
	v, faults := decode[T, P](raw)
	return v, faults.err()
}

func decode[T any, P row[T]](raw jsontext.Value) (T, Faults) {
	var v T
	p := P(&v)
	faults := scan(raw, p.required())
	if faults != nil {
		return v, faults
	}
	if err := json.Unmarshal(raw, p); err != nil {
		return v, Faults{typeFault(err)}
	}
	p.check(&faults)
	return v, faults
}

// err keeps an empty list from becoming an error that is not nil.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// scan walks the tokens of a row for what neither a double, nor Postgres text,
// nor jsonb can hold, and for the members that must be there.
func scan(raw jsontext.Value, required []string) Faults {
	if kind := raw.Kind(); kind != '{' {
		return Faults{{Reason: fmt.Sprintf("is %s; an object is expected", kindName(kind))}}
	}
	var faults Faults
	seen := make(map[string]bool)
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(faults, syntaxFault(err))
		}
		switch tok.Kind() {
		case '"':
			s := tok.String()
			if strings.ContainsRune(s, 0) {
				faults.add(string(dec.StackPointer()), "contains NUL")
			}
			if kind, n := dec.StackIndex(dec.StackDepth()); dec.StackDepth() == 1 && kind == '{' && n%2 == 1 {
				seen[s] = dec.PeekKind() != 'n'
			}
		case '0':
			if _, err := strconv.ParseFloat(tok.String(), 64); err != nil {
				faults.add(string(dec.StackPointer()), "%s is not a finite double", abbreviate(tok.String()))
			}
		}
	}
	for _, name := range required {
		if !seen[name] {
			faults.add("/"+name, "is missing")
		}
	}
	return faults
}

// Check refuses raw JSON of any kind that could not be stored: malformed text,
// a duplicate name, NUL, a number that is no finite double.
func Check(raw jsontext.Value) error {
	if raw.Kind() == '{' {
		return scan(raw, nil).err()
	}
	wrapped := append(append(jsontext.Value(`{"":`), raw...), '}')
	return scan(wrapped, nil).err()
}

func syntaxFault(err error) Fault {
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		return Fault{Path: string(syn.JSONPointer), Reason: syn.Err.Error()}
	}
	return Fault{Reason: err.Error()}
}

func typeFault(err error) Fault {
	var sem *json.SemanticError
	if !errors.As(err, &sem) {
		return syntaxFault(err)
	}
	f := Fault{Path: string(sem.JSONPointer)}
	switch {
	case sem.JSONKind == '0' && sem.GoType != nil && isInteger(sem.GoType):
		f.Reason = fmt.Sprintf("%s is not an integer of 64 bits", abbreviate(string(sem.JSONValue)))
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

// abbreviate keeps a value from outside short enough for a message.
func abbreviate(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
