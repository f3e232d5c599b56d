package analytics

import "nof0/internal/wire"

// Document is the published metrics payload of one model.
//
// In the formulas, of the model's trades: n is realized_net_pnl as given, g
// realized_gross_pnl, c total_commission_dollars, N the notional |quantity| ·
// entry_price without leverage, H the holding period exit − entry. Winners are
// the trades with n > 0, losers the rest. avg is the mean, std the sample
// standard deviation (n−1), 0 for fewer than two values. Of an empty group
// everything is 0. A trade without g or c has no part in the fields over them.
//
// A figure that no double can hold is an infinity or NaN; rendered, it is absent.
type Document struct {
	ID        string            `json:"id"` // the model
	ModelID   string            `json:"model_id"`
	UpdatedAt wire.Opt[float64] `json:"updated_at,omitzero"` // unix seconds

	FeePnlMoves           FeePnlMoves           `json:"fee_pnl_moves_breakdown_table"`
	WinnersLosers         WinnersLosers         `json:"winners_losers_breakdown_table"`
	Signals               Signals               `json:"signals_breakdown_table"`
	LongsShorts           LongsShorts           `json:"longs_shorts_breakdown_table"`
	OverallTradesOverview OverallTradesOverview `json:"overall_trades_overview_table"`
	Invocation            Invocation            `json:"invocation_breakdown_table"`

	// The newest trade by exit time, of ties the smallest id; absent without trades.
	LastTradeExitTime wire.Opt[float64] `json:"last_trade_exit_time,omitzero"` // unix seconds
	LastTradeDocID    wire.Opt[string]  `json:"last_trade_doc_id,omitzero"`
	// The newest decision, of ties the smallest id; absent without decisions.
	LastConvoTimestamp wire.Opt[float64] `json:"last_convo_timestamp,omitzero"` // unix seconds
	LastConvoDocID     wire.Opt[string]  `json:"last_convo_doc_id,omitzero"`

	// Coverage is absent where the input says nothing of its history.
	Coverage wire.Opt[Coverage] `json:"coverage,omitzero"`
}

// FeePnlMoves is about money, all in USD but for the one percentage.
type FeePnlMoves struct {
	TotalFeesPaid         float64 `json:"total_fees_paid"`          // Σc
	OverallPnlWithoutFees float64 `json:"overall_pnl_without_fees"` // Σg
	OverallPnlWithFees    float64 `json:"overall_pnl_with_fees"`    // Σn
	TotalFeesAsPctOfPnl   float64 `json:"total_fees_as_pct_of_pnl"` // 100·Σc/Σn if Σn > 0, else 0; percent
	AvgNetPnl             float64 `json:"avg_net_pnl"`              // mean of n
	AvgGrossPnl           float64 `json:"avg_gross_pnl"`            // mean of g
	AvgTakerFee           float64 `json:"avg_taker_fee"`            // mean of c
	StdNetPnl             float64 `json:"std_net_pnl"`              // std of n
	StdGrossPnl           float64 `json:"std_gross_pnl"`            // std of g
	// StdTakerFee is the std of c. The live site publishes another number
	// here: it takes each cᵢ from the mean up to cᵢ instead of from the mean.
	StdTakerFee    float64 `json:"std_taker_fee"`
	BiggestNetLoss float64 `json:"biggest_net_loss"` // the smallest n, also when it is a gain
	BiggestNetGain float64 `json:"biggest_net_gain"` // the largest n, also when it is a loss
}

// WinnersLosers splits the trades by outcome: net PnL and notional in USD,
// holding periods in minutes.
type WinnersLosers struct {
	WinRate                 float64 `json:"win_rate"`                   // 100 · winners / trades; percent
	AvgWinnersNetPnl        float64 `json:"avg_winners_net_pnl"`        // mean of n
	AvgLosersNetPnl         float64 `json:"avg_losers_net_pnl"`         // mean of n
	StdWinnersNetPnl        float64 `json:"std_winners_net_pnl"`        // std of n
	StdLosersNetPnl         float64 `json:"std_losers_net_pnl"`         // std of n
	AvgWinnersNotional      float64 `json:"avg_winners_notional"`       // mean of N
	AvgLosersNotional       float64 `json:"avg_losers_notional"`        // mean of N
	StdWinnersNotional      float64 `json:"std_winners_notional"`       // std of N
	StdLosersNotional       float64 `json:"std_losers_notional"`        // std of N
	AvgWinnersHoldingPeriod float64 `json:"avg_winners_holding_period"` // mean of H
	AvgLosersHoldingPeriod  float64 `json:"avg_losers_holding_period"`  // mean of H
	StdWinnersHoldingPeriod float64 `json:"std_winners_holding_period"` // std of H
	StdLosersHoldingPeriod  float64 `json:"std_losers_holding_period"`  // std of H
}

// LongsShorts splits the trades by side: net PnL and notional in USD, holding
// periods in minutes.
type LongsShorts struct {
	NumLongTrades  int64 `json:"num_long_trades"`
	NumShortTrades int64 `json:"num_short_trades"`
	// LongShortTradesRatio is longs / trades, a fraction in spite of its name.
	LongShortTradesRatio   float64 `json:"long_short_trades_ratio"`
	AvgLongsNetPnl         float64 `json:"avg_longs_net_pnl"`         // mean of n
	AvgShortsNetPnl        float64 `json:"avg_shorts_net_pnl"`        // mean of n
	StdLongsNetPnl         float64 `json:"std_longs_net_pnl"`         // std of n
	StdShortsNetPnl        float64 `json:"std_shorts_net_pnl"`        // std of n
	AvgLongsNotional       float64 `json:"avg_longs_notional"`        // mean of N
	AvgShortsNotional      float64 `json:"avg_shorts_notional"`       // mean of N
	StdLongsNotional       float64 `json:"std_longs_notional"`        // std of N
	StdShortsNotional      float64 `json:"std_shorts_notional"`       // std of N
	AvgLongsHoldingPeriod  float64 `json:"avg_longs_holding_period"`  // mean of H
	AvgShortsHoldingPeriod float64 `json:"avg_shorts_holding_period"` // mean of H
	StdLongsHoldingPeriod  float64 `json:"std_longs_holding_period"`  // std of H
	StdShortsHoldingPeriod float64 `json:"std_shorts_holding_period"` // std of H
}

// OverallTradesOverview is about all trades together.
type OverallTradesOverview struct {
	TotalTrades               int64   `json:"total_trades"`
	AvgHoldingPeriodMins      float64 `json:"avg_holding_period_mins"`       // mean of H; minutes
	MedianHoldingPeriodMins   float64 `json:"median_holding_period_mins"`    // median of H; minutes
	StdHoldingPeriodMins      float64 `json:"std_holding_period_mins"`       // std of H; minutes
	AvgSizeOfTradeNotional    float64 `json:"avg_size_of_trade_notional"`    // mean of N; USD
	MedianSizeOfTradeNotional float64 `json:"median_size_of_trade_notional"` // median of N; USD
	StdSizeOfTradeNotional    float64 `json:"std_size_of_trade_notional"`    // std of N; USD
	AvgConvoLeverage          float64 `json:"avg_convo_leverage"`            // mean leverage of entry signals
	MedianConvoLeverage       float64 `json:"median_convo_leverage"`         // median leverage of entry signals

	// The live site publishes 0 in these four, and so does this.
	AvgTakeProfitDistancePct   float64 `json:"avg_take_profit_distance_pct"`
	AvgStopLossDistancePct     float64 `json:"avg_stop_loss_distance_pct"`
	AvgSizeOfTradePortfolioPct float64 `json:"avg_size_of_trade_portfolio_pct"`
	StdSizeOfTradePortfolioPct float64 `json:"std_size_of_trade_portfolio_pct"`
}

// Signals is about what the decisions said. Each coin object of an answer is
// one signal; a failed answer has none.
type Signals struct {
	NumLongSignals  int64 `json:"num_long_signals"`  // buy_to_enter
	NumShortSignals int64 `json:"num_short_signals"` // sell_to_enter
	NumCloseSignals int64 `json:"num_close_signals"` // close_position
	NumHoldSignals  int64 `json:"num_hold_signals"`  // hold
	// NumOtherSignals counts coin objects with any other word, or none. The
	// live site has no such field; it is left out where it is 0.
	NumOtherSignals int64   `json:"num_other_signals,omitzero"`
	TotalSignals    int64   `json:"total_signals"`    // all of the above
	LongSignalPct   float64 `json:"long_signal_pct"`  // 100 · longs / total; percent
	ShortSignalPct  float64 `json:"short_signal_pct"` // 100 · shorts / total; percent
	CloseSignalPct  float64 `json:"close_signal_pct"` // 100 · closes / total; percent
	HoldSignalPct   float64 `json:"hold_signal_pct"`  // 100 · holds / total; percent
	LongShortRatio  float64 `json:"long_short_ratio"` // long / short signals, 0 without shorts

	// Over the signals that state a confidence, a fraction.
	AvgConfidence      float64 `json:"avg_confidence"`
	MedianConfidence   float64 `json:"median_confidence"`
	StdConfidence      float64 `json:"std_confidence"`
	AvgConfidenceLong  float64 `json:"avg_confidence_long"`
	StdConfidenceLong  float64 `json:"std_confidence_long"`
	AvgConfidenceShort float64 `json:"avg_confidence_short"`
	StdConfidenceShort float64 `json:"std_confidence_short"`
	AvgConfidenceClose float64 `json:"avg_confidence_close"`
	StdConfidenceClose float64 `json:"std_confidence_close"`
	AvgConfidenceHold  float64 `json:"avg_confidence_hold"`
	StdConfidenceHold  float64 `json:"std_confidence_hold"`

	// Over the signals that state a leverage. The live site publishes the
	// placeholders 1, 1 and 0 here.
	AvgLeverage      float64 `json:"avg_leverage"`
	MedianLeverage   float64 `json:"median_leverage"`
	StdLeverage      float64 `json:"std_leverage"`
	AvgLeverageLong  float64 `json:"avg_leverage_long"`
	StdLeverageLong  float64 `json:"std_leverage_long"`
	AvgLeverageShort float64 `json:"avg_leverage_short"`
	StdLeverageShort float64 `json:"std_leverage_short"`

	// The minutes of every gap between decisions count once per coin of the
	// arena, towards the state that the coin is in after the first of the two:
	// that of its last entry signal until a close, flat before and after.
	MinsLongCombined     float64 `json:"mins_long_combined"`      // minutes
	MinsShortCombined    float64 `json:"mins_short_combined"`     // minutes
	MinsFlatCombined     float64 `json:"mins_flat_combined"`      // minutes
	PctMinsLongCombined  float64 `json:"pct_mins_long_combined"`  // 100 · long / all minutes; percent
	PctMinsShortCombined float64 `json:"pct_mins_short_combined"` // 100 · short / all minutes; percent
	PctMinsFlatCombined  float64 `json:"pct_mins_flat_combined"`  // 100 · flat / all minutes; percent
}

// Invocation is about how often the model was asked. The breaks are the gaps
// between the timestamps of successive decisions, failed ones included, in
// minutes.
type Invocation struct {
	NumInvocations         int64   `json:"num_invocations"` // decision documents
	AvgInvocationBreakMins float64 `json:"avg_invocation_break_mins"`
	StdInvocationBreakMins float64 `json:"std_invocation_break_mins"`
	MinInvocationBreakMins float64 `json:"min_invocation_break_mins"`
	MaxInvocationBreakMins float64 `json:"max_invocation_break_mins"`
}

// Coverage says how much of the model's history the document was computed from.
// Where it is not all, the document goes on from an imported one: counts, sums,
// means, deviations and extremes are those of both together, medians are those
// of the imported one.
type Coverage struct {
	FirstDecisionID        wire.Opt[string]  `json:"first_decision_id,omitzero"`
	FirstDecisionTimestamp wire.Opt[float64] `json:"first_decision_timestamp,omitzero"` // unix seconds
	// Whole is true when no decision of the model is missing.
	Whole bool `json:"whole"`
	// TradesWhole is true when no trade of the model is missing.
	TradesWhole bool `json:"trades_whole"`
	// AdvancedFrom is updated_at of the imported document; absent where nothing
	// of it was needed, or it has none.
	AdvancedFrom wire.Opt[float64] `json:"advanced_from,omitzero"` // unix seconds
}
