package wire

// EquityCurves is the answer of /equity: a curve per model, by model.
type EquityCurves struct {
	Equity     []EquityCurve `json:"equity"` // one per model, by model
	ServerTime int64         `json:"serverTime"`
}

// EquityCurve is the equity of a model over time. But for the exposure, the
// figures are those of the rows in the range that was asked for, all of them and
// not just the points; from the inception on, the series starts with the NAV at
// inception.
type EquityCurve struct {
	ModelID string        `json:"model_id"` // model
	Points  []EquityPoint `json:"points"`   // oldest first
	Rows    int64         `json:"rows"`     // equity rows in the range
	// Candles stand in the place of points, those of the end of the range, which the
	// figures are then of; absent without a resolution.
	Candles []Candle `json:"candles,omitzero"`

	// ReturnPct is 100 · (last / first − 1); absent without a first above 0.
	ReturnPct          Opt[float64] `json:"return_pct,omitzero"`
	MaxDrawdownPct     float64      `json:"max_drawdown_pct"`                       // largest fall from a peak, percent of the peak
	MaxDrawdownDollars float64      `json:"max_drawdown_dollars"`                   // the same in USD
	PeakTimestamp      Opt[float64] `json:"max_drawdown_peak_timestamp,omitzero"`   // unix seconds of that peak; absent while the equity never fell
	TroughTimestamp    Opt[float64] `json:"max_drawdown_trough_timestamp,omitzero"` // unix seconds of the trough after it; absent while the equity never fell
	// DrawdownPct is how far the last row is below the highest, in percent of it.
	DrawdownPct float64 `json:"drawdown_pct"`
	// Sharpe is mean over sample deviation of the hourly returns, each hour by its
	// newest row; not annualised, 0 for fewer than two.
	Sharpe float64 `json:"sharpe"`
	// Exposure is that of the newest row of all; absent before the first.
	Exposure Opt[Exposure] `json:"exposure,omitzero"`
}

// EquityPoint is one equity row.
type EquityPoint struct {
	Timestamp    float64 `json:"timestamp"`     // unix seconds
	DollarEquity float64 `json:"dollar_equity"` // USD
}

// Exposure is what is at stake in the open positions of the newest equity row.
// Notional values are at the current price, without leverage.
type Exposure struct {
	Timestamp    float64 `json:"timestamp"`     // unix seconds of that row
	GrossDollars float64 `json:"gross_dollars"` // sum of |quantity| · price, USD
	NetDollars   float64 `json:"net_dollars"`   // sum of quantity · price, USD; shorts are negative
	GrossPct     float64 `json:"gross_pct"`     // gross in percent of the equity
	NetPct       float64 `json:"net_pct"`       // net in percent of the equity
}

// PriceHistory is the answer of /prices/SYMBOL: the prices of a symbol over time.
type PriceHistory struct {
	Symbol string       `json:"symbol"` // symbol
	Points []PricePoint `json:"points"` // oldest first
	Rows   int64        `json:"rows"`   // ticks in the range, those too that were archived
	// Candles stand in the place of points, those of the end of the range; absent
	// without a resolution.
	Candles    []Candle `json:"candles,omitzero"`
	ServerTime int64    `json:"serverTime"`
}

// Candle is what a series was within a span of the resolution. Spans without rows have
// none.
type Candle struct {
	Timestamp     float64 `json:"timestamp"`      // unix seconds of the beginning of the span
	Open          float64 `json:"open"`           // USD, of the first row
	High          float64 `json:"high"`           // USD
	Low           float64 `json:"low"`            // USD
	Close         float64 `json:"close"`          // USD, of the last row
	HighTimestamp float64 `json:"high_timestamp"` // unix seconds of the first row that was as high
	LowTimestamp  float64 `json:"low_timestamp"`  // unix seconds of the first row that was as low
	Rows          int64   `json:"rows"`           // rows in the span
}

// PricePoint is one tick.
type PricePoint struct {
	Timestamp float64 `json:"timestamp"` // unix seconds
	Price     float64 `json:"price"`     // USD
}
