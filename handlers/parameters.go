package handlers

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
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
		var wrong *parameterError
		switch {
		case err == nil:
		case errors.As(err, &wrong):
			faults = append(faults, wrong.faults...)
		default:
			return err
		}
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
		return readOne(name, queryValues(c.Request.URL.RawQuery, name), of, func(v V) { set(into, v) })
	}
}

// header reads a header under the same rules.
func header[T any, V comparable](name string, of form[V], set func(*T, V)) parameter[T] {
	return func(c *gin.Context, into *T) error {
		return readOne(name, slices.Values(c.Request.Header.Values(name)), of, func(v V) { set(into, v) })
	}
}

func readOne[V comparable](name string, values iter.Seq[string], of form[V], set func(V)) error {
	refuse := func(reason string) error {
		return &parameterError{faults: wire.Faults{{Path: "/" + name, Reason: reason}}}
	}
	var value V
	var given bool
	for raw := range values {
		v, ok := of.parse(raw)
		if !ok {
			return refuse(of.wrong)
		}
		if given && v != value {
			return refuse("is given more than once with different values")
		}
		value, given = v, true
	}
	if given {
		set(value)
	}
	return nil
}

// integer is decimal digits, at least least.
func integer(least int64) form[int64] {
	return form[int64]{
		parse: func(raw string) (int64, bool) { return parseInteger(raw, least) },
		wrong: fmt.Sprintf("is not an integer of 64 bits from %d on", least),
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

// parseInteger takes digits only: a sign, a point or an exponent that some
// other server reads differently is better refused.
func parseInteger(s string, least int64) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
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

// model reads the name of a model from the path. What can be no name is the
// name of no model.
func model() parameter[arena.Request] {
	return func(c *gin.Context, req *arena.Request) error {
		name, err := url.PathUnescape(c.Param("model"))
		if err == nil {
			err = wire.CheckID(name)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", arena.ErrUnknownModel, err)
		}
		req.Model = name
		return nil
	}
}
