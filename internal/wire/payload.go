package wire

import "github.com/go-json-experiment/json/jsontext"

// CryptoPrices is the answer of /crypto-prices: the newest price of each symbol.
type CryptoPrices struct {
	Prices     map[string]Price `json:"prices"` // prices by symbol
	ServerTime int64            `json:"serverTime"`
}

// AccountTotals is the answer of /account-totals: one row per model and hourly
// marker, by marker, then model.
type AccountTotals struct {
	AccountTotals []AccountTotal `json:"accountTotals"` // rows from the marker asked for on
	// LastHourlyMarkerRead is the newest marker of the season, also when the
	// request asked for later ones; -1 before the first row.
	LastHourlyMarkerRead int64 `json:"lastHourlyMarkerRead"`
	// Competition is the one that the rows are of, where the request asked for markers
	// beyond the newest: the client comes from another one, and these are all rows.
	Competition string `json:"competition,omitzero"`
	ServerTime  int64  `json:"serverTime"`
}

// Trades is the answer of /trades: the newest 100 of each model, newest exit
// first, ties by id descending; or, of a request with parameters, a page of the
// whole history.
type Trades struct {
	Trades     []Trade `json:"trades"`               // closed trades
	NextCursor string  `json:"next_cursor,omitzero"` // cursor of the next page; absent on the last, and where the answer is no page
	ServerTime int64   `json:"serverTime"`
}

// Next is the cursor of the next page, "" where there is none.
func (t Trades) Next() string { return t.NextCursor }

// SinceInceptionValues is the answer of /since-inception-values: the inception of
// every account.
type SinceInceptionValues struct {
	SinceInceptionValues []SinceInception `json:"sinceInceptionValues"` // one per model
	// Counted lists the models whose num_invocations no source gave: it was
	// counted from decisions.
	Counted    []string `json:"-"`
	ServerTime int64    `json:"serverTime"`
}

// Leaderboard is the answer of /leaderboard: the standing of every competitor, by
// return descending.
type Leaderboard struct {
	Leaderboard []LeaderboardRow `json:"leaderboard"` // one per competitor
	// ImportedAsOf lists the models that an imported row speaks for, with its
	// time in unix seconds.
	ImportedAsOf map[string]float64 `json:"-"`
	ServerTime   int64              `json:"serverTime"`
}

// Models is the answer of /models: every model, in the order of lists.
type Models struct {
	Models     []Model `json:"models"` // competitors, then benchmarks
	ServerTime int64   `json:"serverTime"`
}

// Symbols is the answer of /symbols: every traded symbol.
type Symbols struct {
	Symbols    []Symbol `json:"symbols"` // by name
	ServerTime int64    `json:"serverTime"`
}

// ModelDetail is the answer of /models/MODEL: a model, and its account in the
// competition, without which the rest is absent.
type ModelDetail struct {
	Model        Model            `json:"model"`                  // as in /models
	Account      *AccountDetail   `json:"account,omitzero"`       // its account
	Equity       *AccountTotal    `json:"equity,omitzero"`        // newest row of /account-totals; absent before the first
	Statistics   *LeaderboardRow  `json:"statistics,omitzero"`    // as in /leaderboard, of benchmarks too
	LastDecision *DecisionOutline `json:"last_decision,omitzero"` // as in /decisions/MODEL; absent before the first
	ServerTime   int64            `json:"serverTime"`
}

// AccountDetail is a trading account.
type AccountDetail struct {
	Provider       string          `json:"provider"`                 // venue
	BaseCurrency   string          `json:"base_currency"`            // currency of its amounts
	SinceInception *SinceInception `json:"since_inception,omitzero"` // as in /since-inception-values; absent where the inception is not known
}

// SymbolDetail is the answer of /symbols/SYMBOL: a symbol and what the primary
// provider says of it.
type SymbolDetail struct {
	Symbol Symbol         `json:"symbol"`          // as in /symbols
	Price  *Price         `json:"price,omitzero"`  // newest; absent before the first
	Asset  *MarketAsset   `json:"asset,omitzero"`  // metadata of the venue; absent where it sent none
	Market *MarketContext `json:"market,omitzero"` // the market around the price; absent where the venue sent none
	// MarketTimestamp is when the market was so, in unix milliseconds.
	MarketTimestamp Opt[int64] `json:"market_timestamp,omitzero"`
	ServerTime      int64      `json:"serverTime"`
}

// Analytics is the answer of /analytics and /analytics/MODEL: one document per
// model.
type Analytics struct {
	Analytics  []jsontext.Value `json:"analytics" is:"[AnalyticsDoc]"` // one per competitor, or the one asked for
	ServerTime int64            `json:"serverTime"`
}

// Positions is the answer of /positions: every competitor with its open
// positions by symbol, {} where it has none.
type Positions struct {
	AccountTotals []ModelPositions `json:"accountTotals"` // one per competitor
	ServerTime    int64            `json:"serverTime"`
}

// Conversations is the answer of /conversations: the newest 100 documents, newest
// first; or, of a request with parameters, a page of all of them.
type Conversations struct {
	Conversations []Document `json:"conversations"`        // decisions, or threads in the older shape
	NextCursor    string     `json:"next_cursor,omitzero"` // cursor of the next page; absent on the last, and where the answer is no page
	ServerTime    int64      `json:"serverTime"`
}

// Next is the cursor of the next page, "" where there is none.
func (c Conversations) Next() string { return c.NextCursor }
