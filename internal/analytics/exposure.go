package analytics

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// Exposure is what an account has at stake in its open positions.
type Exposure struct {
	// Gross is Σ |quantity|·price, Net is Σ quantity·price, USD; shorts have a
	// negative quantity. The price is the current one, or that of the entry where
	// the position states none.
	Gross, Net float64
	// GrossPct and NetPct are these in percent of the equity, 0 where that is 0 or
	// below.
	GrossPct, NetPct float64
}

// ExposureOf returns the exposure of an account at the moment of an equity row.
// A position that cannot be read counts as none.
func ExposureOf(row *wire.AccountTotal) Exposure {
	var positions map[string]jsontext.Value
	if row.Positions.Kind() == '{' {
		_ = wire.Unmarshal(row.Positions, &positions) // a row is valid JSON
	}
	var gross, net ExactSum
	for _, raw := range positions {
		var p struct {
			Quantity     float64           `json:"quantity"`
			EntryPrice   float64           `json:"entry_price"`
			CurrentPrice wire.Opt[float64] `json:"current_price"`
		}
		if wire.Unmarshal(raw, &p) != nil {
			continue
		}
		gross.AddProduct(math.Abs(p.Quantity), p.CurrentPrice.Or(p.EntryPrice))
		net.AddProduct(p.Quantity, p.CurrentPrice.Or(p.EntryPrice))
	}
	e := Exposure{Gross: gross.Float64(), Net: net.Float64()}
	if row.DollarEquity > 0 {
		e.GrossPct, e.NetPct = pct(e.Gross, row.DollarEquity), pct(e.Net, row.DollarEquity)
	}
	return e
}
