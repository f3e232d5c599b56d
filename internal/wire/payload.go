package wire

import "github.com/go-json-experiment/json/jsontext"

// CryptoPrices is the answer of /crypto-prices.
type CryptoPrices struct {
	Prices     map[string]Price `json:"prices"`
	ServerTime int64            `json:"serverTime"`
}

// AccountTotals is the answer of /account-totals: one row per model and hourly
// marker, by marker, then model.
type AccountTotals struct {
	AccountTotals []AccountTotal `json:"accountTotals"`
	// LastHourlyMarkerRead is the newest marker of the season, also when the
	// request asked for later ones; -1 before the first row.
	LastHourlyMarkerRead int64 `json:"lastHourlyMarkerRead"`
	ServerTime           int64 `json:"serverTime"`
}

// Trades is the answer of /trades: per model, newest exit first, ties by id
// descending.
type Trades struct {
	Trades     []Trade `json:"trades"`
	ServerTime int64   `json:"serverTime"`
}

// SinceInceptionValues is the answer of /since-inception-values.
type SinceInceptionValues struct {
	SinceInceptionValues []SinceInception `json:"sinceInceptionValues"`
	// Counted lists the models whose num_invocations no source gave: it was
	// counted from decisions.
	Counted    []string `json:"-"`
	ServerTime int64    `json:"serverTime"`
}

// Leaderboard is the answer of /leaderboard, by return descending.
type Leaderboard struct {
	Leaderboard []LeaderboardRow `json:"leaderboard"`
	// ImportedAsOf lists the models that an imported row speaks for, with its
	// time in unix seconds.
	ImportedAsOf map[string]float64 `json:"-"`
	ServerTime   int64              `json:"serverTime"`
}

// Analytics is the answer of /analytics and /analytics/MODEL: one document per
// model.
type Analytics struct {
	Analytics  []jsontext.Value `json:"analytics"`
	ServerTime int64            `json:"serverTime"`
}

// Positions is the answer of /positions: every competitor with its open
// positions by symbol, {} where it has none.
type Positions struct {
	AccountTotals []ModelPositions `json:"accountTotals"`
	ServerTime    int64            `json:"serverTime"`
}

// Conversations is the answer of /conversations: newest document first.
type Conversations struct {
	Conversations []Document `json:"conversations"`
	ServerTime    int64      `json:"serverTime"`
}
