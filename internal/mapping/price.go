package mapping

import (
	"nof0/entities"
	"nof0/internal/wire"
)

// Tick is the table row of an observed price.
func Tick(p wire.Price, primary string) entities.PriceTick {
	x := newExtra(p.Extra)
	row := entities.PriceTick{
		Provider:   x.provider(p.Provider, primary),
		Symbol:     p.Symbol,
		ObservedAt: wire.MillisTime(p.Timestamp),
		Price:      p.Price,
	}
	row.Extra = x.json()
	return row
}

// PricePayload is the payload of a newest price's table row.
func PricePayload(row entities.PriceLatest) (wire.Price, error) {
	p := wire.Price{Symbol: row.Symbol, Price: row.Price, Timestamp: wire.Millis(row.ObservedAt)}
	return p, Overlay(row.Extra, &p)
}
