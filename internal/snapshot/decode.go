package snapshot

import (
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// analyticsRow is one analytics document with the model that it is of.
type analyticsRow struct {
	model string
	raw   jsontext.Value
}

func decodeAnalytics(raw jsontext.Value) (analyticsRow, error) {
	doc, err := wire.Decode[wire.AnalyticsDoc](raw)
	return analyticsRow{model: doc.ModelID, raw: raw}, err
}

func raws(docs []analyticsRow) []jsontext.Value {
	out := make([]jsontext.Value, len(docs))
	for i, d := range docs {
		out[i] = d.raw
	}
	return out
}

func decodePrice(raw jsontext.Value) (wire.Price, error) { return wire.Decode[wire.Price](raw) }

// DecodeDocument reads a conversation document of either shape. The messages
// of a thread are put in order of time and its derived members are set.
func DecodeDocument(raw jsontext.Value) (wire.Document, error) {
	if !wire.IsThread(raw) {
		d, err := wire.Decode[wire.Decision](raw)
		return wire.Document{Decision: &d}, err
	}
	t, err := wire.Decode[wire.Thread](raw)
	if err != nil {
		return wire.Document{}, err
	}
	slices.SortStableFunc(t.Messages, func(a, b wire.Message) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	t.Derive()
	return wire.Document{Thread: &t}, nil
}
