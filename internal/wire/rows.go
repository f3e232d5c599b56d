package wire

import "github.com/go-json-experiment/json/jsontext"

// Price is the newest price of a symbol. Timestamp is unix milliseconds.
type Price struct {
	Provider  Opt[string]    `json:"provider,omitzero"`
	Symbol    string         `json:"symbol"`
	Price     float64        `json:"price"`
	Timestamp int64          `json:"timestamp" bound:"millis"`
	Extra     jsontext.Value `json:",embed"`
}

// AccountTotal is the equity of a model at one moment. ID is MODEL_MARKER.
type AccountTotal struct {
	ID                         Opt[string]    `json:"id,omitzero"`
	Timestamp                  float64        `json:"timestamp" bound:"time"`
	RealizedPnl                Opt[float64]   `json:"realized_pnl,omitzero" bound:"difference"`
	Positions                  jsontext.Value `json:"positions,omitzero"`
	SinceInceptionMinuteMarker Opt[int64]     `json:"since_inception_minute_marker,omitzero" bound:"minutes"`
	SharpeRatio                Opt[float64]   `json:"sharpe_ratio,omitzero" bound:"difference"`
	CumPnlPct                  Opt[float64]   `json:"cum_pnl_pct,omitzero" bound:"difference"`
	TotalUnrealizedPnl         Opt[float64]   `json:"total_unrealized_pnl,omitzero" bound:"difference"`
	ModelID                    string         `json:"model_id"`
	SinceInceptionHourlyMarker int64          `json:"since_inception_hourly_marker" bound:"hours"`
	DollarEquity               float64        `json:"dollar_equity" bound:"difference"`
	RunID                      Opt[string]    `json:"run_id,omitzero"`
	Extra                      jsontext.Value `json:",embed"`
}

// Position is one open position. Quantity is signed: negative is short. Order
// ids may be -1.
type Position struct {
	EntryOid         Opt[int64]     `json:"entry_oid,omitzero"`
	RiskUsd          Opt[float64]   `json:"risk_usd,omitzero"`
	Confidence       Opt[float64]   `json:"confidence,omitzero"`
	IndexCol         jsontext.Value `json:"index_col,omitzero"`
	ExitPlan         jsontext.Value `json:"exit_plan,omitzero" bound:"amounts"`
	EntryTime        Opt[float64]   `json:"entry_time,omitzero" bound:"time"`
	Symbol           string         `json:"symbol"`
	EntryPrice       float64        `json:"entry_price"`
	TpOid            Opt[int64]     `json:"tp_oid,omitzero"`
	Margin           Opt[float64]   `json:"margin,omitzero" bound:"difference"`
	WaitForFill      Opt[bool]      `json:"wait_for_fill,omitzero"`
	SlOid            Opt[int64]     `json:"sl_oid,omitzero"`
	Oid              Opt[int64]     `json:"oid,omitzero"`
	CurrentPrice     Opt[float64]   `json:"current_price,omitzero"`
	ClosedPnl        Opt[float64]   `json:"closed_pnl,omitzero" bound:"difference"`
	LiquidationPrice Opt[float64]   `json:"liquidation_price,omitzero"`
	Commission       Opt[float64]   `json:"commission,omitzero"`
	Leverage         Opt[float64]   `json:"leverage,omitzero"`
	Slippage         Opt[float64]   `json:"slippage,omitzero" bound:"difference"`
	Quantity         float64        `json:"quantity" bound:"difference"`
	UnrealizedPnl    Opt[float64]   `json:"unrealized_pnl,omitzero" bound:"difference"`
	Extra            jsontext.Value `json:",embed"`
}

// ModelPositions are the open positions of a model by symbol.
type ModelPositions struct {
	ModelID   string              `json:"model_id"`
	Positions map[string]Position `json:"positions"`
	Extra     jsontext.Value      `json:",embed"`
}

// Trade is a closed round trip, or a closed part of one.
type Trade struct {
	ID                     string         `json:"id"`
	ModelID                string         `json:"model_id"`
	Provider               Opt[string]    `json:"provider,omitzero"`
	Symbol                 string         `json:"symbol"`
	Side                   string         `json:"side"`
	TradeType              Opt[string]    `json:"trade_type,omitzero"`
	TradeID                Opt[string]    `json:"trade_id,omitzero"`
	Quantity               float64        `json:"quantity"`
	Leverage               Opt[float64]   `json:"leverage,omitzero"`
	Confidence             Opt[float64]   `json:"confidence,omitzero"`
	EntryTime              float64        `json:"entry_time" bound:"time"`
	EntryHumanTime         Opt[string]    `json:"entry_human_time,omitzero"`
	EntryPrice             float64        `json:"entry_price"`
	EntrySz                Opt[float64]   `json:"entry_sz,omitzero"`
	EntryOid               Opt[int64]     `json:"entry_oid,omitzero"`
	EntryTid               Opt[int64]     `json:"entry_tid,omitzero"`
	EntryCrossed           Opt[bool]      `json:"entry_crossed,omitzero"`
	EntryLiquidation       jsontext.Value `json:"entry_liquidation,omitzero"`
	EntryCommissionDollars Opt[float64]   `json:"entry_commission_dollars,omitzero"`
	EntryClosedPnl         Opt[float64]   `json:"entry_closed_pnl,omitzero" bound:"difference"`
	ExitTime               float64        `json:"exit_time" bound:"time"`
	ExitHumanTime          Opt[string]    `json:"exit_human_time,omitzero"`
	ExitPrice              float64        `json:"exit_price"`
	ExitSz                 Opt[float64]   `json:"exit_sz,omitzero"`
	ExitOid                Opt[int64]     `json:"exit_oid,omitzero"`
	ExitTid                Opt[int64]     `json:"exit_tid,omitzero"`
	ExitCrossed            Opt[bool]      `json:"exit_crossed,omitzero"`
	ExitLiquidation        jsontext.Value `json:"exit_liquidation,omitzero"`
	ExitCommissionDollars  Opt[float64]   `json:"exit_commission_dollars,omitzero"`
	ExitClosedPnl          Opt[float64]   `json:"exit_closed_pnl,omitzero" bound:"difference"`
	ExitPlan               jsontext.Value `json:"exit_plan,omitzero" bound:"amounts"`
	RealizedGrossPnl       Opt[float64]   `json:"realized_gross_pnl,omitzero" bound:"difference"`
	RealizedNetPnl         float64        `json:"realized_net_pnl" bound:"difference"`
	TotalCommissionDollars Opt[float64]   `json:"total_commission_dollars,omitzero"`
	Extra                  jsontext.Value `json:",embed"`
}

// SinceInception is the inception of a model's account.
type SinceInception struct {
	ID                Opt[string]    `json:"id,omitzero"`
	ModelID           string         `json:"model_id"`
	NavSinceInception float64        `json:"nav_since_inception"`
	InceptionDate     float64        `json:"inception_date" bound:"time"`
	NumInvocations    Opt[int64]     `json:"num_invocations,omitzero" bound:"amount"`
	Extra             jsontext.Value `json:",embed"`
}

// LeaderboardRow is the standing of a competitor. Equity and ReturnPct are
// absent before its first equity snapshot. A figure that no double can hold is
// absent.
type LeaderboardRow struct {
	ID          string         `json:"id"`
	Equity      Opt[float64]   `json:"equity,omitzero" bound:"difference"`
	ReturnPct   Opt[float64]   `json:"return_pct,omitzero" bound:"difference"`
	NumTrades   int64          `json:"num_trades" bound:"amount"`
	NumWins     int64          `json:"num_wins" bound:"amount"`
	NumLosses   int64          `json:"num_losses" bound:"amount"`
	WinDollars  Opt[float64]   `json:"win_dollars,omitzero" bound:"difference"`
	LoseDollars Opt[float64]   `json:"lose_dollars,omitzero" bound:"difference"`
	Sharpe      Opt[float64]   `json:"sharpe,omitzero" bound:"difference"`
	Extra       jsontext.Value `json:",embed"`
}

// AnalyticsDoc is the published metrics document of a model. Only the members
// that identify it are named; the rest is in Extra.
type AnalyticsDoc struct {
	ID        Opt[string]    `json:"id,omitzero"`
	ModelID   string         `json:"model_id"`
	UpdatedAt Opt[float64]   `json:"updated_at,omitzero" bound:"time"`
	Extra     jsontext.Value `json:",embed" bound:"amounts"`
}

// Decision is one decision document: what the model was asked, how it
// reasoned (CotTrace is a string or an object) and what it answered.
type Decision struct {
	ID              string         `json:"id"`
	ModelID         string         `json:"model_id"`
	Timestamp       float64        `json:"timestamp" bound:"time"`
	InsertedAt      Opt[float64]   `json:"inserted_at,omitzero" bound:"time"`
	CycleID         Opt[int64]     `json:"cycle_id,omitzero"`
	RunID           Opt[string]    `json:"run_id,omitzero"`
	Skill           Opt[string]    `json:"skill,omitzero"`
	UserPrompt      Opt[string]    `json:"user_prompt,omitzero"`
	CotTrace        jsontext.Value `json:"cot_trace,omitzero"`
	CotTraceSummary Opt[string]    `json:"cot_trace_summary,omitzero"`
	LlmResponse     jsontext.Value `json:"llm_response,omitzero" bound:"amounts"`
	Extra           jsontext.Value `json:",embed"`
}

// Thread is a conversation in the older shape. Timestamp, UserPrompt and
// CotTraceSummary are derived from its last messages when it is sent, so that
// chat panels show something.
type Thread struct {
	ModelID         string         `json:"model_id"`
	Topic           Opt[string]    `json:"topic,omitzero"`
	Messages        []Message      `json:"messages"`
	Timestamp       Opt[float64]   `json:"timestamp,omitzero" bound:"free"`
	UserPrompt      Opt[string]    `json:"user_prompt,omitzero"`
	CotTraceSummary Opt[string]    `json:"cot_trace_summary,omitzero"`
	Extra           jsontext.Value `json:",embed"`
}

// Message is one message of a Thread. Role is system, user or assistant.
type Message struct {
	Role      string         `json:"role"`
	Content   string         `json:"content"`
	Timestamp float64        `json:"timestamp" bound:"time"`
	Metadata  jsontext.Value `json:"metadata,omitzero"`
	Extra     jsontext.Value `json:",embed"`
}
