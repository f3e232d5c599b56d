package mapping

import (
	"nof0/entities"
	"nof0/internal/wire"
)

var trades = newMapper[wire.Trade, entities.Trade]("Provider")

// Trade is the table row of a trade. One that names no provider was made at
// the primary one.
func Trade(t wire.Trade, primary string) entities.Trade {
	x := newExtra(t.Extra)
	return trades.row(t, x, entities.Trade{Provider: x.provider(t.Provider, primary)})
}

// TradePayload is the payload of a trade's table row.
func TradePayload(row entities.Trade) (wire.Trade, error) { return trades.payload(row, wire.Trade{}) }
