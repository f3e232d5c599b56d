package handlers

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// schemas validates values against the subset of JSON Schema that the OpenAPI
// document uses, and refuses a keyword outside of it.
type schemas map[string]any

func (s schemas) check(schema map[string]any, value any, at string) []string {
	var faults []string
	fault := func(format string, args ...any) {
		faults = append(faults, at+": "+fmt.Sprintf(format, args...))
	}
	for keyword, want := range schema {
		switch keyword {
		case "contentSchema", "description", "format", "minLength", "maxLength":
		case "$ref":
			name := refName(want.(string))
			target, ok := s[name].(map[string]any)
			if !ok {
				fault("there is no schema %s", name)
				continue
			}
			faults = append(faults, s.check(target, value, at)...)
		case "type":
			if types := typesOf(want); !slices.ContainsFunc(types, func(t string) bool { return isType(value, t) }) {
				fault("%v is no %v", value, types)
			}
		case "enum":
			if !slices.Contains(want.([]any), value) {
				fault("%v is not in %v", value, want)
			}
		case "minimum":
			if n, ok := value.(float64); ok && n < want.(float64) {
				fault("%v is below %v", n, want)
			}
		case "maximum":
			if n, ok := value.(float64); ok && n > want.(float64) {
				fault("%v is above %v", n, want)
			}
		case "required":
			object, _ := value.(map[string]any)
			for _, name := range want.([]any) {
				if _, ok := object[name.(string)]; !ok && object != nil {
					fault("%s is missing", name)
				}
			}
		case "properties":
			object, _ := value.(map[string]any)
			for name, property := range want.(map[string]any) {
				if member, ok := object[name]; ok {
					faults = append(faults, s.check(property.(map[string]any), member, at+"/"+name)...)
				}
			}
		case "additionalProperties":
			object, _ := value.(map[string]any)
			for name, member := range object {
				faults = append(faults, s.check(want.(map[string]any), member, at+"/"+name)...)
			}
		case "items":
			list, _ := value.([]any)
			for i, member := range list {
				faults = append(faults, s.check(want.(map[string]any), member, fmt.Sprintf("%s/%d", at, i))...)
			}
		case "minItems":
			if list, ok := value.([]any); ok && float64(len(list)) < want.(float64) {
				fault("has %d items", len(list))
			}
		case "maxItems":
			if list, ok := value.([]any); ok && float64(len(list)) > want.(float64) {
				fault("has %d items", len(list))
			}
		case "oneOf":
			var matches int
			var reasons []string
			for _, one := range want.([]any) {
				wrong := s.check(one.(map[string]any), value, at)
				if len(wrong) == 0 {
					matches++
				}
				reasons = append(reasons, wrong...)
			}
			if matches != 1 {
				fault("matches %d of oneOf: %s", matches, strings.Join(reasons, "; "))
			}
		default:
			fault("the keyword %s is not checked here", keyword)
		}
	}
	return faults
}

func typesOf(want any) []string {
	if one, ok := want.(string); ok {
		return []string{one}
	}
	var types []string
	for _, t := range want.([]any) {
		types = append(types, t.(string))
	}
	return types
}

func isType(value any, name string) bool {
	switch v := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}
