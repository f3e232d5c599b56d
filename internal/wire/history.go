package wire

// PositionHistory is the answer of /positions/MODEL: a page of the positions that a
// model has opened, newest entry first.
type PositionHistory struct {
	Positions  []PositionRecord `json:"positions"`            // those without a time of entry last
	NextCursor string           `json:"next_cursor,omitzero"` // cursor of the next page; absent on the last
	ServerTime int64            `json:"serverTime"`
}

// Next is the cursor of the next page, "" where there is none.
func (h PositionHistory) Next() string { return h.NextCursor }

// PositionRecord is one opening of a position and what became of it.
type PositionRecord struct {
	ID             string       `json:"id"`                        // id of the position
	ModelID        string       `json:"model_id"`                  // model
	Provider       string       `json:"provider"`                  // venue
	Symbol         string       `json:"symbol"`                    // coin
	Status         string       `json:"status" enum:"open,closed"` // what it is now
	EntryTime      Opt[float64] `json:"entry_time,omitzero"`       // unix seconds with up to six decimals
	ClosedAt       Opt[float64] `json:"closed_at,omitzero"`        // unix seconds with up to six decimals; absent while it is open, and where no source says when it went
	HoldingSeconds Opt[float64] `json:"holding_seconds,omitzero"`  // from the entry until it was closed
	// OpenedQuantity is the largest that it was, in coins, without sign; absent where
	// only statements mention it.
	OpenedQuantity Opt[float64] `json:"opened_quantity,omitzero"`
	RealizedNetPnl float64      `json:"realized_net_pnl"` // USD after commissions, of its closings so far
	Closings       []Closing    `json:"closings"`         // the trades that closed it, or parts of it, oldest first
	Position       Position     `json:"position"`         // as it is, or was when it closed
}

// Closing is a trade that closed a position or a part of it.
type Closing struct {
	TradeID        string  `json:"trade_id"`         // id of the trade
	ExitTime       float64 `json:"exit_time"`        // unix seconds with up to six decimals
	Quantity       float64 `json:"quantity"`         // coins; negative is short
	ExitPrice      float64 `json:"exit_price"`       // USD
	RealizedNetPnl float64 `json:"realized_net_pnl"` // USD after commissions
}
