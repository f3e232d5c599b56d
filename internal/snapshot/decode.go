package snapshot

import (
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

// decodeAnalyticsOf reads the rows of an analytics-MODEL.json, all of which
// are of that model.
func decodeAnalyticsOf(name string) func(Row) (analyticsRow, error) {
	_, model, _ := kindOf(name)
	return func(row Row) (analyticsRow, error) {
		doc, err := decodeAnalytics(row.Raw)
		if err == nil && doc.model != model {
			err = wire.Faults{{Path: "/model_id", Reason: "differs from the model in the name of the file"}}
		}
		return doc, err
	}
}

func decodePrice(row Row) (wire.Price, error) {
	p, err := wire.Decode[wire.Price](row.Raw)
	if err == nil && p.Symbol != row.Key {
		err = wire.Faults{{Path: "/symbol", Reason: "differs from the name under which it stands"}}
	}
	return p, err
}

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
	t.Sort()
	t.Derive()
	return wire.Document{Thread: &t}, nil
}
