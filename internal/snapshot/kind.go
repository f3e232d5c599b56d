package snapshot

import (
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is what a file of a snapshot directory holds.
type Kind string

// The kinds of file, named as the endpoints that they were captured from.
const (
	CryptoPrices   Kind = "crypto-prices"
	AccountTotals  Kind = "account-totals"
	Trades         Kind = "trades"
	SinceInception Kind = "since-inception-values"
	Leaderboard    Kind = "leaderboard"
	Analytics      Kind = "analytics"
	ModelAnalytics Kind = "analytics-MODEL"
	Positions      Kind = "positions"
	Conversations  Kind = "conversations"
)

// envelope says how a file of a kind wraps its rows: in which member, and
// whether that is an array or an object of rows by name.
type envelope struct {
	member string
	rows   jsontext.Kind
}

var envelopes = map[Kind]envelope{
	CryptoPrices:   {"prices", '{'},
	AccountTotals:  {"accountTotals", '['},
	Trades:         {"trades", '['},
	SinceInception: {"sinceInceptionValues", '['},
	Leaderboard:    {"leaderboard", '['},
	Analytics:      {"analytics", '['},
	ModelAnalytics: {"analytics", '['},
	Positions:      {"accountTotals", '['},
	Conversations:  {"conversations", '['},
}

// EnvelopeOf says in which member of its file a kind keeps its rows, and what
// that opens with: '[', or '{' for rows by name. Two further on it closes.
func EnvelopeOf(kind Kind) (member string, opening byte) {
	return envelopes[kind].member, byte(envelopes[kind].rows)
}

// FileName is the name of the file of a kind. Of ModelAnalytics there is one
// per model.
func FileName(kind Kind, model string) string {
	if kind == ModelAnalytics {
		return "analytics-" + model + ".json"
	}
	return string(kind) + ".json"
}

// IsFile reports whether a file of this name belongs to a snapshot directory.
func IsFile(name string) bool {
	_, _, ok := KindOf(name)
	return ok
}

// KindOf says what a file name stands for, and for which model.
func KindOf(name string) (kind Kind, model string, ok bool) {
	base, isJSON := strings.CutSuffix(filepath.Base(name), ".json")
	if !isJSON {
		return "", "", false
	}
	if model, ok := strings.CutPrefix(base, "analytics-"); ok && model != "" {
		return ModelAnalytics, model, true
	}
	if _, ok := envelopes[Kind(base)]; ok && Kind(base) != ModelAnalytics {
		return Kind(base), "", true
	}
	return "", "", false
}
