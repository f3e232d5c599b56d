package mapping

import (
	"net/url"
	"strconv"
	"strings"

	"nof0/entities"
	"nof0/internal/wire"
)

var positions = newMapper[wire.Position, entities.Position]()

// Position is the table row of an open position of a model at a provider. Its
// status and the time of its data are the repository's to set.
func Position(model, provider string, p wire.Position) entities.Position {
	x := newExtra(p.Extra)
	return positions.row(p, x, entities.Position{
		ModelID: model, ID: PositionID(model, provider, p), Provider: provider,
	})
}

// PositionPayload is the payload of a position's table row.
func PositionPayload(row entities.Position) (wire.Position, error) {
	return positions.payload(row, wire.Position{})
}

// PositionID names one opening: the same opening gets the same id each time it
// is seen, and reopening the symbol gets another. Where the source gave no
// entry order id the entry time takes its place, or without one the entry price.
func PositionID(model, provider string, p wire.Position) string {
	opening := "p" + strconv.FormatFloat(p.EntryPrice, 'g', -1, 64)
	if at, ok := p.EntryTime.Get(); ok {
		opening = "t" + strconv.FormatInt(wire.Time(at).UnixMicro(), 10)
	}
	if wire.IsOrderID(p.EntryOid) {
		opening = strconv.FormatInt(p.EntryOid.Or(0), 10)
	}
	parts := []string{model, provider, p.Symbol, opening}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i]) // so that no two lists of parts join to the same id
	}
	return strings.Join(parts, "/")
}
