package wire

// EquityCurves is the answer of /equity: a curve per model, by model.
type EquityCurves struct {
	Equity     []EquityCurve `json:"equity"`
	ServerTime int64         `json:"serverTime"`
}

// EquityCurve is the equity of a model over time. But for the exposure, the
// figures are those of the rows in the range that was asked for, all of them and
// not just the points; from the inception on, the series starts with the NAV at
// inception.
type EquityCurve struct {
	ModelID string        `json:"model_id"`
	Points  []EquityPoint `json:"points"`
	Rows    int64         `json:"rows"` // equity rows in the range

	// ReturnPct is 100 · (last / first − 1); absent without a first above 0.
	ReturnPct Opt[float64] `json:"return_pct,omitzero"`
	// MaxDrawdownPct is the largest fall from a peak, in percent of the peak, and
	// MaxDrawdownDollars the same in USD; from the time of the peak to that of
	// the trough, both absent while it never fell.
	MaxDrawdownPct     float64      `json:"max_drawdown_pct"`
	MaxDrawdownDollars float64      `json:"max_drawdown_dollars"`
	PeakTimestamp      Opt[float64] `json:"max_drawdown_peak_timestamp,omitzero"`
	TroughTimestamp    Opt[float64] `json:"max_drawdown_trough_timestamp,omitzero"`
	// DrawdownPct is how far the last row is below the highest, in percent of it.
	DrawdownPct float64 `json:"drawdown_pct"`
	// Sharpe is mean over sample deviation of the hourly returns, with the
	// newest row of each hour.
	Sharpe float64 `json:"sharpe"`
	// Exposure is that of the newest row of all; absent before the first.
	Exposure Opt[Exposure] `json:"exposure,omitzero"`
}

// EquityPoint is one equity row.
type EquityPoint struct {
	Timestamp    float64 `json:"timestamp"`     // unix seconds
	DollarEquity float64 `json:"dollar_equity"` // USD
}

// Exposure is what is at stake in the open positions: the sum of their notional
// values without sign (gross) and with it (net), in USD and in percent of the
// equity.
type Exposure struct {
	Timestamp    float64 `json:"timestamp"` // unix seconds
	GrossDollars float64 `json:"gross_dollars"`
	NetDollars   float64 `json:"net_dollars"`
	GrossPct     float64 `json:"gross_pct"`
	NetPct       float64 `json:"net_pct"`
}

// PriceHistory is the answer of /prices/SYMBOL.
type PriceHistory struct {
	Symbol     string       `json:"symbol"`
	Points     []PricePoint `json:"points"`
	Rows       int64        `json:"rows"` // ticks in the range
	ServerTime int64        `json:"serverTime"`
}

// PricePoint is one tick.
type PricePoint struct {
	Timestamp float64 `json:"timestamp"` // unix seconds
	Price     float64 `json:"price"`     // USD
}
