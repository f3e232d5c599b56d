package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// CountedMember is the member of since-inception-values.json that lists the
// models whose num_invocations no source gave.
const CountedMember = "countedInvocations"

// ImportedMember is the member of leaderboard.json that lists the models whose
// row was imported, with the time of which it is. A file that has it was written
// from a store, which computed the other rows.
const ImportedMember = "importedAsOf"

// File is one file of a snapshot directory: an envelope and its rows, which
// are still raw so that one bad row does not take down the others.
type File struct {
	Name  string // as it stands in the directory
	Kind  Kind
	Model string // of ModelAnalytics
	Rows  []Row
	// ServerTime is the envelope's serverTime in unix ms, 0 where it has none.
	ServerTime int64
	// LastHourlyMarkerRead is the envelope's, -1 where it has none.
	LastHourlyMarkerRead int64
	// Counted lists the models whose num_invocations no source gave: the value
	// in their row was counted from decisions when the file was written.
	Counted []string
	// ImportedAsOf lists the models of a leaderboard whose row was imported, with
	// its time; nil where the file does not say.
	ImportedAsOf map[string]float64
	// Unknown names the members of the envelope that mean nothing here.
	Unknown []string
}

// Row is one row of a file.
type Row struct {
	Index  int    // from 0
	Key    string // its name, where rows stand in an object
	Offset int64  // of its first byte in the file
	Raw    jsontext.Value
}

// FileError says that a file is not what it claims to be, and where.
type FileError struct {
	File         string
	Offset       int64 // bytes from the start
	Line, Column int   // from 1
	Reason       string
}

// Error implements error.
func (e *FileError) Error() string {
	return fmt.Sprintf("%s: line %d, column %d (offset %d): %s", e.File, e.Line, e.Column, e.Offset, e.Reason)
}

// ReadFile reads the file of a directory. Errors are a *FileError, a
// *NothingError, or those of the operating system.
func ReadFile(dir, name string) (*File, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	return ParseFile(name, data)
}

// ParseFile reads the content of a file of that name.
func ParseFile(name string, data []byte) (*File, error) {
	kind, model, ok := KindOf(name)
	if !ok {
		return nil, fmt.Errorf("%s is no file of a snapshot directory", name)
	}
	f := &File{Name: name, Kind: kind, Model: model, LastHourlyMarkerRead: -1}
	p := parser{file: f, data: data, dec: jsontext.NewDecoder(
		bytes.NewReader(data),
		// These two are faults of a row, which Decode names; here they would
		// cost the whole file.
		jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true),
	)}
	if err := p.parse(envelopes[kind]); err != nil {
		if reason := saysNothing(data, envelopes[kind]); reason != "" {
			return nil, &NothingError{File: name, Reason: reason}
		}
		return nil, err
	}
	return f, nil
}

// parser reads the envelope of one file.
type parser struct {
	file *File
	data []byte
	dec  *jsontext.Decoder
}

func (p *parser) parse(env envelope) error {
	if err := p.open('{', "the file"); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for p.dec.PeekKind() != '}' {
		at := p.next()
		name, err := p.name()
		if err != nil {
			return err
		}
		if seen[name] {
			return p.fail(at, "member %q stands twice", name)
		}
		seen[name] = true
		switch name {
		case env.member:
			err = p.rows(env)
		case "serverTime":
			err = p.integer(name, &p.file.ServerTime)
		case "lastHourlyMarkerRead":
			err = p.integer(name, &p.file.LastHourlyMarkerRead)
		case CountedMember:
			err = p.value(name, &p.file.Counted)
		case ImportedMember:
			err = p.value(name, &p.file.ImportedAsOf)
		default:
			p.file.Unknown = append(p.file.Unknown, name)
			err = p.syntax(p.dec.SkipValue())
		}
		if err != nil {
			return err
		}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return p.syntax(err)
	}
	if !seen[env.member] {
		return p.fail(0, "has no member %q, which %s.json is made of; what looks like its rows stands at %s: the answer is wrapped or renamed",
			env.member, p.file.Kind, rowsAt(p.data, env))
	}
	end := p.next()
	switch _, err := p.dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return p.syntax(err)
	}
	return p.fail(end, "has more after its end")
}

func (p *parser) rows(env envelope) error {
	if err := p.open(env.rows, fmt.Sprintf("member %q", env.member)); err != nil {
		return err
	}
	for kind := p.dec.PeekKind(); kind != ']' && kind != '}'; kind = p.dec.PeekKind() {
		row := Row{Index: len(p.file.Rows)}
		if env.rows == '{' {
			name, err := p.name()
			if err != nil {
				return err
			}
			row.Key = name
		}
		raw, err := p.dec.ReadValue()
		if err != nil {
			return p.syntax(err)
		}
		end := p.dec.InputOffset()
		row.Offset = end - int64(len(raw))
		row.Raw = jsontext.Value(p.data[row.Offset:end:end])
		p.file.Rows = append(p.file.Rows, row)
	}
	_, err := p.dec.ReadToken()
	return p.syntax(err)
}

// open reads the token that opens what must be an object or an array.
func (p *parser) open(want jsontext.Kind, what string) error {
	kind := p.dec.PeekKind()
	if kind == want {
		_, err := p.dec.ReadToken()
		return p.syntax(err)
	}
	at := p.next()
	if bytes.HasPrefix(p.data[at:], []byte("\xef\xbb\xbf")) {
		return p.fail(at, "begins with a byte order mark, which JSON has not")
	}
	if _, err := p.dec.ReadToken(); err != nil {
		if errors.Is(err, io.EOF) {
			return p.fail(at, "is empty")
		}
		return p.syntax(err)
	}
	return p.fail(at, "%s is %s; %s is expected", what, kindName(kind), kindName(want))
}

// next is where the next token begins.
func (p *parser) next() int64 {
	at := p.dec.InputOffset()
	return int64(len(p.data) - len(bytes.TrimLeft(p.data[at:], " \t\r\n,:")))
}

func (p *parser) name() (string, error) {
	tok, err := p.dec.ReadToken()
	if err != nil {
		return "", p.syntax(err)
	}
	return tok.String(), nil
}

func (p *parser) integer(name string, into *int64) error {
	kind := p.dec.PeekKind()
	raw, err := p.dec.ReadValue()
	if err != nil {
		return p.syntax(err)
	}
	at := p.dec.InputOffset() - int64(len(raw))
	var n int64
	if _, err := fmt.Sscanf(string(raw), "%d", &n); kind != '0' || err != nil || fmt.Sprint(n) != string(raw) {
		return p.fail(at, "member %q is no integer", name)
	}
	*into = n
	return nil
}

// value reads a member that says how the rows came about.
func (p *parser) value(name string, into any) error {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return p.syntax(err)
	}
	at := p.dec.InputOffset() - int64(len(raw))
	if err := wire.Unmarshal(raw, into); err != nil {
		return p.fail(at, "member %q cannot be read: %v", name, err)
	}
	return nil
}

// syntax gives an error of the decoder its place in the file.
func (p *parser) syntax(err error) error {
	if err == nil {
		return nil
	}
	at := p.dec.InputOffset()
	reason := err.Error()
	if syn, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at, reason = syn.ByteOffset, syn.Err.Error()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		at, reason = int64(len(p.data)), "ends in the middle: the file is truncated"
	}
	return p.fail(at, "%s", reason)
}

func (p *parser) fail(at int64, format string, args ...any) error {
	at = min(at, int64(len(p.data)))
	before := p.data[:at]
	return &FileError{
		File:   p.file.Name,
		Offset: at,
		Line:   bytes.Count(before, []byte{'\n'}) + 1,
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Reason: fmt.Sprintf(format, args...),
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "not JSON"
}
