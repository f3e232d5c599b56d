package jsonstore

import (
	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/snapshot"
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

func decodePrice(row snapshot.Row) (wire.Price, error) {
	p, err := wire.Decode[wire.Price](row.Raw)
	if err == nil && p.Symbol != row.Key {
		err = wire.Faults{{Path: "/symbol", Reason: "differs from the name under which it stands"}}
	}
	return p, err
}
