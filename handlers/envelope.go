package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// malformedError says where a body stops being JSON.
type malformedError struct{ fault wire.Fault }

func (e *malformedError) Error() string { return "malformed body: " + e.fault.Reason }

// itemsMember is the one member of a batch.
const itemsMember = "items"

// splitItems finds the items of a body: those of {items: […]}, or the body
// itself where it is an object without that member. They are ranges of the body
// as it stands: what is wrong inside of one, such as text that is no UTF-8 or a
// name that stands twice, is for its own outcome and not for that of the whole
// request. Errors are errTooMany, a malformedError or wire.Faults.
func splitItems(body []byte) (items []jsontext.Value, single bool, err error) {
	s := splitter{
		body: body,
		dec: jsontext.NewDecoder(bytes.NewBuffer(body),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
	whole, err := s.split()
	if err == nil {
		err = s.end()
	}
	switch {
	case err != nil:
		return nil, false, err
	case s.batches == 0:
		return []jsontext.Value{whole}, true, nil
	case len(s.faults) > 0:
		return nil, false, s.faults
	case len(s.items) == 0:
		return nil, false, wire.Faults{{Path: "/" + itemsMember, Reason: "is empty; at least one item is expected"}}
	}
	return s.items, false, nil
}

type splitter struct {
	body  []byte
	dec   *jsontext.Decoder
	items []jsontext.Value
	// batches is how often the member items is there.
	batches int
	faults  wire.Faults // of a batch
}

// split walks the body and returns it without the white space around it.
func (s *splitter) split() (jsontext.Value, error) {
	if kind := s.dec.PeekKind(); kind != '{' {
		if _, err := s.value(); err != nil {
			return nil, err
		}
		if err := s.end(); err != nil {
			return nil, err
		}
		return nil, wire.Faults{{Reason: "is no object; an item or {items: […]} is expected"}}
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, s.malformed(err)
	}
	start := s.dec.InputOffset() - 1
	for s.dec.PeekKind() != '}' {
		name, err := s.dec.ReadToken()
		if err != nil {
			return nil, s.malformed(err)
		}
		if name.String() == itemsMember {
			err = s.batch()
		} else {
			err = s.other()
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, s.malformed(err)
	}
	return jsontext.Value(s.body[start:s.dec.InputOffset()]), nil
}

// batch reads the value of the member items.
func (s *splitter) batch() error {
	s.batches++
	if s.batches > 1 {
		s.fault("/"+itemsMember, "is given more than once")
	}
	if s.dec.PeekKind() != '[' {
		s.fault("/"+itemsMember, "is no array; an array of items is expected")
		_, err := s.value()
		return err
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.malformed(err)
	}
	for s.dec.PeekKind() != ']' {
		item, err := s.value()
		if err != nil {
			return err
		}
		if len(s.items) == arena.MaxBatch {
			return errTooMany
		}
		s.items = append(s.items, item)
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.malformed(err)
	}
	return nil
}

// other passes over another member, which a batch does not have: who writes
// atomic into the body must not be left to believe that it holds.
func (s *splitter) other() error {
	if len(s.faults) == 0 {
		s.fault("", "has another member beside items; parameters belong into the query")
	}
	_, err := s.value()
	return err
}

func (s *splitter) fault(path, reason string) {
	s.faults = append(s.faults, wire.Fault{Path: path, Reason: reason})
	s.faults = s.faults[:min(len(s.faults), wire.MaxFaults)]
}

// value reads the next value as a range of the body.
func (s *splitter) value() (jsontext.Value, error) {
	value, err := s.dec.ReadValue()
	if err != nil {
		return nil, s.malformed(err)
	}
	end := s.dec.InputOffset()
	start := end - int64(len(value))
	return jsontext.Value(s.body[start:end:end]), nil
}

// end makes sure that nothing follows.
func (s *splitter) end() error {
	offset := s.dec.InputOffset()
	_, err := s.dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return s.malformed(err)
	default:
		return &malformedError{wire.Fault{Reason: fmt.Sprintf("is not JSON at byte %d: more follows its end", offset)}}
	}
}

// malformed says where the text goes wrong. The decoder quotes at most a few
// characters of it.
func (s *splitter) malformed(err error) error {
	offset, reason := int64(len(s.body)), "ends in the middle"
	if len(bytes.TrimSpace(s.body)) == 0 {
		reason = "is empty"
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = syntax.ByteOffset
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			reason = syntax.Err.Error()
		}
	}
	return &malformedError{wire.Fault{Reason: fmt.Sprintf("is not JSON at byte %d: %s", offset, reason)}}
}
