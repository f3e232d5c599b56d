package handlers

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// parameter reads one parameter of a request into what asks for it. Its error
// is a parameterError, or says that what it names does not exist.
type parameter[T any] func(c *gin.Context, into *T) error

// parameterError refuses parameters. The path of a fault is a JSON pointer
// into the object of the parameters.
type parameterError struct{ faults wire.Faults }

func (e *parameterError) Error() string { return "invalid parameters: " + e.faults.Error() }

// readParameters reads every parameter and reports all that are wrong at once.
func readParameters[T any](c *gin.Context, into *T, parameters []parameter[T]) error {
	var faults wire.Faults
	for _, read := range parameters {
		err := read(c, into)
		if err == nil {
			continue
		}
		wrong, ok := errors.AsType[*parameterError](err)
		if !ok {
			return err
		}
		faults = append(faults, wrong.faults...)
	}
	if len(faults) > 0 {
		return &parameterError{faults: faults}
	}
	return nil
}

// form is what the values of a parameter have to be.
type form[V comparable] struct {
	parse func(raw string) (V, bool)
	// wrong is what is said of a value that is none.
	wrong string
}

// query reads a query parameter. It may stand more than once where it says the
// same each time.
func query[T any, V comparable](name string, of form[V], set func(*T, V)) parameter[T] {
	return func(c *gin.Context, into *T) error {
		v, given, err := readQuery(c, name, of)
		if given {
			set(into, v)
		}
		return err
	}
}

// header reads a header under the same rules.
func header[T any, V comparable](name string, of form[V], set func(*T, V)) parameter[T] {
	return func(c *gin.Context, into *T) error {
		v, given, err := readOne(name, slices.Values(c.Request.Header.Values(name)), of)
		if given {
			set(into, v)
		}
		return err
	}
}

// readQuery returns the value of a query parameter, and whether it is given.
func readQuery[V comparable](c *gin.Context, name string, of form[V]) (value V, given bool, err error) {
	raw := c.Request.URL.RawQuery
	if !strings.Contains(raw, name) && !strings.Contains(raw, "%") {
		return value, false, nil // as of most parameters of most requests
	}
	return readOne(name, queryValues(raw, name), of)
}

func readOne[V comparable](name string, values iter.Seq[string], of form[V]) (value V, given bool, err error) {
	refuse := func(reason string) error {
		return &parameterError{faults: wire.Faults{{Path: "/" + name, Reason: reason}}}
	}
	for raw := range values {
		v, ok := of.parse(raw)
		if !ok {
			return v, false, refuse(of.wrong)
		}
		if given && v != value {
			return v, false, refuse("is given more than once with different values")
		}
		value, given = v, true
	}
	return value, given, nil
}

// integer is decimal digits, at least least.
func integer(least int64) form[int64] {
	return form[int64]{
		parse: func(raw string) (int64, bool) { return parseInteger(raw, least) },
		wrong: fmt.Sprintf("is not an integer of 64 bits from %d on", least),
	}
}

// integerIn is decimal digits, from least to most.
func integerIn(least, most int64) form[int64] {
	return form[int64]{
		parse: func(raw string) (int64, bool) {
			n, ok := parseInteger(raw, least)
			return n, ok && n <= most
		},
		wrong: fmt.Sprintf("is not an integer from %d to %d", least, most),
	}
}

// seconds is a time in unix seconds with up to six decimals.
func seconds() form[time.Time] {
	return form[time.Time]{parse: parseSeconds, wrong: "is not a time in unix seconds with up to six decimals"}
}

func parseSeconds(raw string) (time.Time, bool) {
	const decimals = 6
	whole, fraction, pointed := strings.Cut(raw, ".")
	n, ok := parseInteger(whole, 0)
	if !ok || n >= wire.MaxSeconds || pointed && (fraction == "" || len(fraction) > decimals) {
		return time.Time{}, false
	}
	micros, ok := parseInteger(fraction+strings.Repeat("0", decimals-len(fraction)), 0)
	return time.UnixMicro(n*1e6 + micros).UTC(), ok
}

// until reads the end of a range of time, whose begin has been read. It refuses
// one before that.
func until() parameter[arena.Request] {
	read := query("to", seconds(), func(r *arena.Request, at time.Time) { r.Series.To = at })
	return func(c *gin.Context, req *arena.Request) error {
		err := read(c, req)
		if s := req.Series; err == nil && !s.From.IsZero() && !s.To.IsZero() && s.To.Before(s.From) {
			return &parameterError{faults: wire.Faults{{Path: "/to", Reason: "lies before from"}}}
		}
		return err
	}
}

// boolean is one of two words: a 1, a yes or a True that some other server
// reads differently is better refused.
func boolean() form[bool] {
	return form[bool]{
		parse: func(raw string) (bool, bool) { return raw == "true", raw == "true" || raw == "false" },
		wrong: "is neither true nor false",
	}
}

// parseInteger takes digits only, behind a minus where least is below 0: a sign, a
// point or an exponent that some other server reads differently is better refused.
func parseInteger(s string, least int64) (int64, bool) {
	digits := s
	if least < 0 {
		digits = strings.TrimPrefix(s, "-")
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= least
}

// queryValues yields the values of one query parameter. Unlike url.ParseQuery
// it does not drop a value that it cannot read, which would answer a broken
// question as if it had not been asked: such a value is yielded as it stands.
func queryValues(query, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for pair := range strings.SplitSeq(query, "&") {
			key, value, _ := strings.Cut(pair, "=")
			if k, err := url.QueryUnescape(key); err != nil || k != name {
				continue
			}
			if v, err := url.QueryUnescape(value); err == nil {
				value = v
			}
			if !yield(value) {
				return
			}
		}
	}
}

// inPath reads an id from the path. What can be no id is the id of nothing that
// there is, which unknown says.
func inPath(name string, unknown error, set func(r *arena.Request, id string)) parameter[arena.Request] {
	return func(c *gin.Context, req *arena.Request) error {
		id, err := url.PathUnescape(c.Param(name))
		if err == nil {
			err = wire.CheckID(id)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", unknown, err)
		}
		set(req, id)
		return nil
	}
}

// named reads the name of a model or a symbol from the query; what can be no name is
// that of nothing there is, which unknown says.
func named(name string, unknown error, set func(*arena.Request, string)) parameter[arena.Request] {
	of := nonEmpty()
	return func(c *gin.Context, req *arena.Request) error {
		value, given, err := readQuery(c, name, of)
		if err != nil || !given {
			return err
		}
		if err := wire.CheckID(value); err != nil {
			return fmt.Errorf("%w: %w", unknown, err)
		}
		set(req, value)
		return nil
	}
}

// nonEmpty is any text.
func nonEmpty() form[string] {
	return form[string]{parse: func(raw string) (string, bool) { return raw, raw != "" }, wrong: "is empty"}
}

// choice is one of the values of a parameter.
func choice(p catalogue.Parameter) form[string] {
	values := slices.DeleteFunc(strings.Split(p.Choices, ","), func(v string) bool { return v == "" })
	return form[string]{
		parse: func(raw string) (string, bool) { return raw, slices.Contains(values, raw) },
		wrong: "is none of " + strings.Join(values, ", "),
	}
}

// competition reads the id of a competition from the query; what can be no id is that
// of no competition.
func competition[T any](set func(*T, string)) parameter[T] {
	of := nonEmpty()
	return func(c *gin.Context, into *T) error {
		id, given, err := readQuery(c, "competition", of)
		if err != nil || !given {
			return err
		}
		if wire.CheckID(id) != nil {
			return &arena.UnknownCompetitionError{ID: id}
		}
		set(into, id)
		return nil
	}
}
