package season

import "math"

// coin is a perpetual that the models trade. Exchanges let price and size have
// six decimals together at most, hence ticks · steps are whole micro-dollars.
type coin struct {
	symbol        string
	priceDecimals int
	sizeDecimals  int
	lot           int64   // size steps that orders are multiples of
	start         int64   // price at the start of the season, in ticks
	volatility    float64 // of one minute, as a fraction
	maxLeverage   int64
}

func coins() []coin {
	return []coin{
		{symbol: "BTC", priceDecimals: 1, sizeDecimals: 5, lot: 1000, start: 1_069_850, volatility: 0.0006, maxLeverage: 40},
		{symbol: "ETH", priceDecimals: 2, sizeDecimals: 4, lot: 100, start: 385_415, volatility: 0.0008, maxLeverage: 25},
		{symbol: "SOL", priceDecimals: 3, sizeDecimals: 2, lot: 1, start: 184_535, volatility: 0.0010, maxLeverage: 20},
		{symbol: "BNB", priceDecimals: 2, sizeDecimals: 3, lot: 10, start: 109_010, volatility: 0.0009, maxLeverage: 10},
		{symbol: "DOGE", priceDecimals: 5, sizeDecimals: 0, lot: 1, start: 18_712, volatility: 0.0011, maxLeverage: 10},
		{symbol: "XRP", priceDecimals: 4, sizeDecimals: 0, lot: 1, start: 23_170, volatility: 0.0010, maxLeverage: 20},
	}
}

// price converts ticks to USD.
func (c *coin) price(ticks int64) float64 { return decimal(ticks, c.priceDecimals) }

// size converts size steps to coins.
func (c *coin) size(steps int64) float64 { return decimal(steps, c.sizeDecimals) }

// micros returns what steps are worth at a price, in micro-dollars.
func (c *coin) micros(ticks, steps int64) int64 {
	value := ticks * steps
	for range 6 - c.priceDecimals - c.sizeDecimals {
		value *= 10
	}
	return value
}

// decimal returns n / 10^decimals: the double nearest to it, since both are
// whole and below 2^53.
func decimal(n int64, decimals int) float64 { return float64(n) / math.Pow10(decimals) }

// usd converts micro-dollars.
func usd(micros int64) float64 { return decimal(micros, 6) }

// share returns micros · part / whole rounded half away from 0, without the
// overflow of the product.
func share(micros, part, whole int64) int64 {
	return int64(math.Round(float64(micros) * (float64(part) / float64(whole))))
}

// fee returns the fee on a notional in micro-dollars; the rate is in hundred
// thousandths.
func fee(notional, rate int64) int64 { return (notional*rate + 50_000) / 100_000 }
