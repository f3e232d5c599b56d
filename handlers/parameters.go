package handlers

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// parameter reads one parameter into the request that is put to the arena.
// Its error is a parameterError, or says that what it names does not exist.
type parameter func(c *gin.Context, req *arena.Request) error

// parameterError refuses parameters. The path of a fault is a JSON pointer
// into the object of the parameters.
type parameterError struct{ faults wire.Faults }

func (e *parameterError) Error() string { return "invalid parameters: " + e.faults.Error() }

// readParameters reads every parameter and reports all that are wrong at once.
func readParameters(c *gin.Context, req *arena.Request, parameters []parameter) error {
	var faults wire.Faults
	for _, read := range parameters {
		err := read(c, req)
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

// integer reads a query parameter of decimal digits, at least least. It may
// stand more than once where it says the same each time.
func integer(name string, least int64, set func(*arena.Request, int64)) parameter {
	return func(c *gin.Context, req *arena.Request) error {
		refuse := func(reason string) error {
			return &parameterError{faults: wire.Faults{{Path: "/" + name, Reason: reason}}}
		}
		var value int64
		var given bool
		for raw := range queryValues(c.Request.URL.RawQuery, name) {
			n, ok := parseInteger(raw, least)
			if !ok {
				return refuse(fmt.Sprintf("is not an integer of 64 bits from %d on", least))
			}
			if given && n != value {
				return refuse("is given more than once with different values")
			}
			value, given = n, true
		}
		if given {
			set(req, value)
		}
		return nil
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
func queryValues(query, name string) func(yield func(string) bool) {
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
func model() parameter {
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
