package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// decode turns a value of the file, or the text of a variable, into a value of
// type t. Errors repeat no text that is meant to be one: it may be a secret.
func decode(raw any, t reflect.Type) (reflect.Value, error) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return decodeDuration(raw)
	case t == reflect.TypeFor[[]string]():
		return decodeList(raw)
	case t.Kind() == reflect.String:
		text, ok := raw.(string)
		if !ok {
			return reflect.Value{}, fmt.Errorf("must be text, not %s", kindOf(raw))
		}
		return reflect.ValueOf(text).Convert(t), nil
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return decodeInt(raw, t)
	case t.Kind() == reflect.Float64:
		return decodeFloat(raw)
	default:
		return reflect.Value{}, fmt.Errorf("has a type (%s) that cannot be configured", t)
	}
}

func decodeDuration(raw any) (reflect.Value, error) {
	const help = "must be a duration with a unit, such as 50ms, 10s or 1h30m"
	text, ok := raw.(string)
	if !ok {
		return reflect.Value{}, fmt.Errorf("%s, not %s", help, kindOf(raw))
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return reflect.Value{}, fmt.Errorf("%s, not %q", help, text)
	}
	return reflect.ValueOf(d), nil
}

func decodeList(raw any) (reflect.Value, error) {
	list := []string{}
	switch raw := raw.(type) {
	case string:
		for item := range strings.SplitSeq(raw, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	case []any:
		for _, item := range raw {
			text, ok := item.(string)
			if !ok {
				return reflect.Value{}, fmt.Errorf("must be a list of texts, and holds %s", kindOf(item))
			}
			list = append(list, text)
		}
	default:
		return reflect.Value{}, fmt.Errorf("must be a list of texts, not %s", kindOf(raw))
	}
	if len(list) == 0 {
		list = nil // as in Default
	}
	return reflect.ValueOf(list), nil
}

func decodeInt(raw any, t reflect.Type) (reflect.Value, error) {
	var n int64
	switch raw := raw.(type) {
	case int:
		n = int64(raw)
	case int64:
		n = raw
	case string:
		parsed, err := strconv.ParseInt(strings.TrimSpace(raw), 10, 64)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("must be a whole number, not %q", raw)
		}
		n = parsed
	default:
		return reflect.Value{}, fmt.Errorf("must be a whole number, not %s", kindOf(raw))
	}
	if t.Kind() == reflect.Int && (n > math.MaxInt32 || n < math.MinInt32) {
		return reflect.Value{}, fmt.Errorf("must be a whole number below %d", math.MaxInt32)
	}
	return reflect.ValueOf(n).Convert(t), nil
}

func decodeFloat(raw any) (reflect.Value, error) {
	switch raw := raw.(type) {
	case int:
		return reflect.ValueOf(float64(raw)), nil
	case float64:
		return reflect.ValueOf(raw), nil
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("must be a number, not %q", raw)
		}
		return reflect.ValueOf(n), nil
	}
	return reflect.Value{}, fmt.Errorf("must be a number, not %s", kindOf(raw))
}

// kindOf names what a YAML value is.
func kindOf(raw any) string {
	switch raw.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case bool:
		return "true or false"
	case int, int64, uint64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a section"
	default:
		return fmt.Sprintf("a %T", raw)
	}
}
