package cachelayer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

// Schema may be implemented by a cached type, or by a type within one, to add a
// version of its own to what its fields say. It is called on a zero value. A
// type whose JSON is made by a method changes it with that method, and a type
// whose fields change their meaning and not their names changes it then.
type Schema interface {
	CacheSchema() string
}

// schemaLen is the length of a fingerprint in characters.
const schemaLen = 16

// envelopeVersion is part of every fingerprint, so that a change of the
// envelope makes a miss of every stored value.
const envelopeVersion = "3"

// schemas remembers the fingerprint of each type.
type schemas struct {
	// program is part of every fingerprint: what was rendered by another binary
	// is a miss, whatever differs.
	program string
	known   sync.Map // schemaID to string
}

type schemaID struct {
	typ   reflect.Type
	owner *marked
}

// programDigest is that of the running binary. Processes of the same build share
// what they render; where it cannot be read a process shares with nobody.
var programDigest = sync.OnceValue(func() string {
	hash := sha256.New()
	if err := readProgram(hash); err != nil {
		return rand.Text()
	}
	return hex.EncodeToString(hash.Sum(nil))
})

// readProgram writes the running binary to w: the one that runs, where the system
// tells, and not one that has replaced it since.
func readProgram(w io.Writer) error {
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		path, err := os.Executable()
		if err != nil {
			return fmt.Errorf("error finding the program: %w", err)
		}
		if file, err = os.Open(path); err != nil {
			return fmt.Errorf("error opening the program: %w", err)
		}
	}
	_, err = io.Copy(w, file)
	return errors.Join(err, file.Close())
}

// of returns the fingerprint of typ's JSON as this program makes it: a field that
// is added, removed, renamed or retyped changes it, and so does another JSON name
// or option. Those of different owners, nil being nobody, differ too.
func (s *schemas) of(typ reflect.Type, owner *marked) string {
	id := schemaID{typ, owner}
	known, _ := s.known.Load(id)
	if fingerprint, ok := known.(string); ok {
		return fingerprint
	}
	hash := sha256.New()
	_, _ = io.WriteString(hash, "envelope "+envelopeVersion+" of "+s.program+"\n")
	if owner != nil {
		_, _ = io.WriteString(hash, "owner "+owner.database+" "+owner.config+"\n")
	}
	describe(hash, typ, nil)
	fingerprint := hex.EncodeToString(hash.Sum(nil))[:schemaLen]
	s.known.Store(id, fingerprint)
	return fingerprint
}

// describe writes the shape of typ's JSON. outer are the structs around it,
// among which a recursive type finds itself.
func describe(w io.Writer, typ reflect.Type, outer []reflect.Type) {
	if version, ok := ownSchema(typ); ok {
		_, _ = fmt.Fprintf(w, "version %q;", version)
	}
	if marshalsItself(typ) {
		_, _ = fmt.Fprintf(w, "by method %s.%s;", typ.PkgPath(), typ.String())
	}
	switch typ.Kind() {
	case reflect.Pointer:
		_, _ = io.WriteString(w, "*")
		describe(w, typ.Elem(), outer)
	case reflect.Slice:
		_, _ = io.WriteString(w, "[]")
		describe(w, typ.Elem(), outer)
	case reflect.Array:
		_, _ = fmt.Fprintf(w, "[%d]", typ.Len())
		describe(w, typ.Elem(), outer)
	case reflect.Map:
		_, _ = io.WriteString(w, "map ")
		describe(w, typ.Key(), outer)
		describe(w, typ.Elem(), outer)
	case reflect.Struct:
		describeStruct(w, typ, outer)
	default:
		_, _ = io.WriteString(w, typ.Kind().String()+";")
	}
}

func describeStruct(w io.Writer, typ reflect.Type, outer []reflect.Type) {
	for depth, around := range outer {
		if around == typ {
			_, _ = fmt.Fprintf(w, "recursive %d;", depth)
			return
		}
	}
	outer = append(outer, typ)
	_, _ = io.WriteString(w, "{")
	for field := range typ.Fields() {
		tag, tagged := field.Tag.Lookup("json")
		if tag == "-" || (!field.IsExported() && !field.Anonymous) {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case name != "":
		case field.Anonymous:
			name = "embedded"
		default:
			name = field.Name
		}
		_, _ = fmt.Fprintf(w, "%q %q %t ", name, options, tagged && field.Anonymous)
		describe(w, field.Type, outer)
	}
	_, _ = io.WriteString(w, "}")
}

// ownSchema asks a zero value of typ, or of what it points to, for its version.
func ownSchema(typ reflect.Type) (string, bool) {
	if typ.Kind() == reflect.Interface {
		return "", false
	}
	base := typ
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if stated, ok := reflect.TypeAssert[Schema](reflect.New(base)); ok {
		return stated.CacheSchema(), true
	}
	return "", false
}

// marshalsItself says whether typ's JSON is made by a method.
func marshalsItself(typ reflect.Type) bool {
	for _, method := range []reflect.Type{
		reflect.TypeFor[json.Marshaler](),
		reflect.TypeFor[json.MarshalerTo](),
		reflect.TypeFor[encoding.TextMarshaler](),
		reflect.TypeFor[encoding.TextAppender](),
	} {
		if typ.Implements(method) || reflect.PointerTo(typ).Implements(method) {
			return true
		}
	}
	return false
}
