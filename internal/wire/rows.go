package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Price is the newest price of a symbol. Timestamp is unix milliseconds.
type Price struct {
	Provider  Opt[string]    `json:"provider,omitzero"`        // venue of the price
	Symbol    string         `json:"symbol"`                   // coin
	Price     float64        `json:"price"`                    // USD
	Timestamp int64          `json:"timestamp" bound:"millis"` // unix milliseconds
	Extra     jsontext.Value `json:",embed"`
}

// AccountTotal is the equity of a model at one moment. ID is MODEL_MARKER.
type AccountTotal struct {
	ID                         Opt[string]    `json:"id,omitzero"`                                             // MODEL_MARKER
	Timestamp                  float64        `json:"timestamp" bound:"time"`                                  // unix seconds with up to six decimals
	RealizedPnl                Opt[float64]   `json:"realized_pnl,omitzero" bound:"difference"`                // USD
	Positions                  jsontext.Value `json:"positions,omitzero" is:"{Position|WaitingPosition},null"` // open positions by symbol at that moment
	SinceInceptionMinuteMarker Opt[int64]     `json:"since_inception_minute_marker,omitzero" bound:"minutes"`  // minutes since inception
	SharpeRatio                Opt[float64]   `json:"sharpe_ratio,omitzero" bound:"difference"`
	CumPnlPct                  Opt[float64]   `json:"cum_pnl_pct,omitzero" bound:"difference"`          // percent of the starting equity
	TotalUnrealizedPnl         Opt[float64]   `json:"total_unrealized_pnl,omitzero" bound:"difference"` // USD
	ModelID                    string         `json:"model_id"`                                         // model
	SinceInceptionHourlyMarker int64          `json:"since_inception_hourly_marker" bound:"hours"`      // hours since inception
	DollarEquity               float64        `json:"dollar_equity" bound:"difference"`                 // USD
	RunID                      Opt[string]    `json:"run_id,omitzero"`                                  // run of the model
	Extra                      jsontext.Value `json:",embed"`
}

// Position is one open position. Quantity is signed: negative is short. Order
// ids may be -1.
type Position struct {
	EntryOid         Opt[int64]     `json:"entry_oid,omitzero" is:"integer,null,string"` // order id. 0, -1, null, and a string that is blank or such a number, are none; no other string is sent
	RiskUsd          Opt[float64]   `json:"risk_usd,omitzero"`                           // USD at risk
	Confidence       Opt[float64]   `json:"confidence,omitzero"`                         // fraction from 0 to 1
	IndexCol         jsontext.Value `json:"index_col,omitzero"`                          // null
	ExitPlan         jsontext.Value `json:"exit_plan,omitzero" is:"ExitPlan"`
	EntryTime        Opt[float64]   `json:"entry_time,omitzero" bound:"time"`         // unix seconds with up to six decimals
	Symbol           string         `json:"symbol"`                                   // coin
	EntryPrice       float64        `json:"entry_price"`                              // USD
	TpOid            Opt[int64]     `json:"tp_oid,omitzero" is:"integer,null,string"` // order id. 0, -1, null, and a string that is blank or such a number, are none; no other string is sent
	Margin           Opt[float64]   `json:"margin,omitzero" bound:"difference"`       // USD
	WaitForFill      Opt[bool]      `json:"wait_for_fill,omitzero"`
	SlOid            Opt[int64]     `json:"sl_oid,omitzero" is:"integer,null,string"` // order id. 0, -1, null, and a string that is blank or such a number, are none; no other string is sent
	Oid              Opt[int64]     `json:"oid,omitzero" is:"integer,null,string"`    // order id. 0, -1, null, and a string that is blank or such a number, are none; no other string is sent
	CurrentPrice     Opt[float64]   `json:"current_price,omitzero"`                   // USD
	ClosedPnl        Opt[float64]   `json:"closed_pnl,omitzero" bound:"difference"`   // USD
	LiquidationPrice Opt[float64]   `json:"liquidation_price,omitzero"`               // USD
	Commission       Opt[float64]   `json:"commission,omitzero"`                      // USD
	Leverage         Opt[float64]   `json:"leverage,omitzero"`
	Slippage         Opt[float64]   `json:"slippage,omitzero" bound:"difference"`
	Quantity         float64        `json:"quantity" bound:"difference"`                // coins; negative is short
	UnrealizedPnl    Opt[float64]   `json:"unrealized_pnl,omitzero" bound:"difference"` // USD
	Extra            jsontext.Value `json:",embed"`
}

// ModelPositions are the open positions of a model by the name under which they
// stand, which most often is their symbol.
type ModelPositions struct {
	ModelID   string              `json:"model_id"`                                  // model
	Positions map[string]Position `json:"positions" is:"{Position|WaitingPosition}"` // by symbol; empty where there is none
	Extra     jsontext.Value      `json:",embed"`
	// Waiting are those that are not open yet, since they wait for their fill:
	// they stand among Positions, and have no price or no size.
	Waiting map[string]jsontext.Value `json:"-"`
}

// MarshalJSONTo implements json.MarshalerTo.
func (m ModelPositions) MarshalJSONTo(enc *jsontext.Encoder) error {
	listed := make(map[string]any, len(m.Positions)+len(m.Waiting))
	for name, raw := range m.Waiting {
		listed[name] = raw
	}
	for name, p := range m.Positions {
		listed[name] = p
	}
	return json.MarshalEncode(enc, struct {
		ModelID   string         `json:"model_id"`
		Positions map[string]any `json:"positions"`
		Extra     jsontext.Value `json:",embed"`
	}{m.ModelID, listed, m.Extra})
}

// Trade is a closed round trip, or a closed part of one.
type Trade struct {
	ID                     string         `json:"id"`                     // id of the trade
	ModelID                string         `json:"model_id"`               // model
	Provider               Opt[string]    `json:"provider,omitzero"`      // venue of the trade
	Symbol                 string         `json:"symbol"`                 // coin
	Side                   string         `json:"side" enum:"long,short"` // direction
	TradeType              Opt[string]    `json:"trade_type,omitzero"`
	TradeID                Opt[string]    `json:"trade_id,omitzero"`
	Quantity               float64        `json:"quantity"` // coins; negative is short
	Leverage               Opt[float64]   `json:"leverage,omitzero"`
	Confidence             Opt[float64]   `json:"confidence,omitzero"`       // fraction from 0 to 1
	EntryTime              float64        `json:"entry_time" bound:"time"`   // unix seconds with up to six decimals
	EntryHumanTime         Opt[string]    `json:"entry_human_time,omitzero"` // the same for people, UTC
	EntryPrice             float64        `json:"entry_price"`               // USD
	EntrySz                Opt[float64]   `json:"entry_sz,omitzero"`
	EntryOid               Opt[int64]     `json:"entry_oid,omitzero" is:"integer,null,string"` // order id. 0, -1, null, and a string that is blank or such a number, are none; no other string is sent
	EntryTid               Opt[int64]     `json:"entry_tid,omitzero" is:"integer,null,string"` // id of the entry fill; none as for orders
	EntryCrossed           Opt[bool]      `json:"entry_crossed,omitzero"`
	EntryLiquidation       jsontext.Value `json:"entry_liquidation,omitzero"`                   // what liquidated the entry; null mostly
	EntryCommissionDollars Opt[float64]   `json:"entry_commission_dollars,omitzero"`            // USD
	EntryClosedPnl         Opt[float64]   `json:"entry_closed_pnl,omitzero" bound:"difference"` // USD
	ExitTime               float64        `json:"exit_time" bound:"time"`                       // unix seconds with up to six decimals
	ExitHumanTime          Opt[string]    `json:"exit_human_time,omitzero"`                     // the same for people, UTC
	ExitPrice              float64        `json:"exit_price"`                                   // USD
	ExitSz                 Opt[float64]   `json:"exit_sz,omitzero"`
	ExitOid                Opt[int64]     `json:"exit_oid,omitzero" is:"integer,null,string"` // order id. 0, -1, null, and a string that is blank or such a number, are none; no other string is sent
	ExitTid                Opt[int64]     `json:"exit_tid,omitzero" is:"integer,null,string"` // id of the exit fill; none as for orders
	ExitCrossed            Opt[bool]      `json:"exit_crossed,omitzero"`
	ExitLiquidation        jsontext.Value `json:"exit_liquidation,omitzero"`                   // what liquidated the exit; null mostly
	ExitCommissionDollars  Opt[float64]   `json:"exit_commission_dollars,omitzero"`            // USD
	ExitClosedPnl          Opt[float64]   `json:"exit_closed_pnl,omitzero" bound:"difference"` // USD
	ExitPlan               jsontext.Value `json:"exit_plan,omitzero" is:"ExitPlan"`
	RealizedGrossPnl       Opt[float64]   `json:"realized_gross_pnl,omitzero" bound:"difference"` // USD before commissions
	RealizedNetPnl         float64        `json:"realized_net_pnl" bound:"difference"`            // USD after commissions
	TotalCommissionDollars Opt[float64]   `json:"total_commission_dollars,omitzero"`              // USD
	Extra                  jsontext.Value `json:",embed"`
}

// SinceInception is the inception of a model's account.
type SinceInception struct {
	ID                Opt[string]    `json:"id,omitzero"`                             // id of the row
	ModelID           string         `json:"model_id"`                                // model
	NavSinceInception float64        `json:"nav_since_inception"`                     // starting equity in USD
	InceptionDate     float64        `json:"inception_date" bound:"time"`             // unix seconds with up to six decimals
	NumInvocations    Opt[int64]     `json:"num_invocations,omitzero" bound:"amount"` // times the model was asked
	Extra             jsontext.Value `json:",embed"`
}

// LeaderboardRow is the standing of a competitor. One without any equity row has
// no equity and return_pct and comes last. A figure that no double can hold is
// absent.
type LeaderboardRow struct {
	ID          string         `json:"id"`                                       // model
	Equity      Opt[float64]   `json:"equity,omitzero" bound:"difference"`       // USD
	ReturnPct   Opt[float64]   `json:"return_pct,omitzero" bound:"difference"`   // percent of the starting equity
	NumTrades   int64          `json:"num_trades" bound:"amount"`                // closed trades
	NumWins     int64          `json:"num_wins" bound:"amount"`                  // trades with a gain
	NumLosses   int64          `json:"num_losses" bound:"amount"`                // trades with a loss
	WinDollars  Opt[float64]   `json:"win_dollars,omitzero" bound:"difference"`  // USD
	LoseDollars Opt[float64]   `json:"lose_dollars,omitzero" bound:"difference"` // USD, negative
	Sharpe      Opt[float64]   `json:"sharpe,omitzero" bound:"difference"`       // sharpe ratio
	Extra       jsontext.Value `json:",embed"`
}

// AnalyticsDoc is the published metrics of a model: what identifies it, and
// tables of metrics by name. A metric that was not computed is absent.
type AnalyticsDoc struct {
	ID        Opt[string]    `json:"id,omitzero"`                      // id of the document
	ModelID   string         `json:"model_id"`                         // model
	UpdatedAt Opt[float64]   `json:"updated_at,omitzero" bound:"time"` // unix seconds with up to six decimals
	Extra     jsontext.Value `json:",embed" bound:"amounts"`
}

// Decision is one decision document: what the model was asked, how it
// reasoned (cot_trace is a string or an object) and what it answered.
type Decision struct {
	ID              string         `json:"id"`                                // id of the decision
	ModelID         string         `json:"model_id"`                          // model
	Timestamp       float64        `json:"timestamp" bound:"time"`            // unix seconds with up to six decimals
	InsertedAt      Opt[float64]   `json:"inserted_at,omitzero" bound:"time"` // unix seconds with up to six decimals
	CycleID         Opt[int64]     `json:"cycle_id,omitzero"`                 // cycle of the run
	RunID           Opt[string]    `json:"run_id,omitzero"`                   // run of the model
	Skill           Opt[string]    `json:"skill,omitzero"`
	UserPrompt      Opt[string]    `json:"user_prompt,omitzero"`                                   // what the model was asked
	CotTrace        jsontext.Value `json:"cot_trace,omitzero" is:"string,object,null"`             // how the model reasoned
	CotTraceSummary Opt[string]    `json:"cot_trace_summary,omitzero"`                             // the same in short
	LlmResponse     jsontext.Value `json:"llm_response,omitzero" bound:"amounts" is:"object,null"` // what the model answered, by symbol
	Extra           jsontext.Value `json:",embed"`
}

// Thread is a conversation in the older shape. The times and texts beside its
// messages are derived from the last of them when it is sent, so that chat panels
// show something.
type Thread struct {
	ModelID         string         `json:"model_id"` // model
	Topic           Opt[string]    `json:"topic,omitzero"`
	Messages        []Message      `json:"messages"`                        // by time
	Timestamp       Opt[float64]   `json:"timestamp,omitzero" bound:"free"` // unix seconds with up to six decimals
	UserPrompt      Opt[string]    `json:"user_prompt,omitzero"`            // last message of the user
	CotTraceSummary Opt[string]    `json:"cot_trace_summary,omitzero"`      // last message of the assistant
	Extra           jsontext.Value `json:",embed"`
}

// Message is one message of a Thread. Role is system, user or assistant.
type Message struct {
	Role      string         `json:"role" enum:"system,user,assistant"` // author
	Content   string         `json:"content"`                           // text
	Timestamp float64        `json:"timestamp" bound:"time"`            // unix seconds with up to six decimals
	Metadata  jsontext.Value `json:"metadata,omitzero"`                 // whatever the source adds
	Extra     jsontext.Value `json:",embed"`
}
