package catalogue

import (
	"slices"
	"strconv"
)

// Table is a table of Postgres that a view reads or an event changes.
type Table string

// The tables, but for those that no view is made from and no event announces:
// the outbox, the switches and other bookkeeping.
const (
	Competitions   Table = "competitions"
	Models         Table = "models"
	Symbols        Table = "symbols"
	Accounts       Table = "accounts"
	Equity         Table = "account_equity_snapshots"
	Positions      Table = "positions"
	Trades         Table = "trades"
	Stats          Table = "model_stats"
	Analytics      Table = "model_analytics"
	LatestPrices   Table = "price_latest"
	Ticks          Table = "price_ticks"
	Conversations  Table = "conversations"
	Messages       Table = "conversation_messages"
	Decisions      Table = "decision_cycles"
	TraderStates   Table = "trader_state"
	MarketAssets   Table = "market_assets"
	MarketContexts Table = "market_asset_ctx"
)

// OfAccounts reports whether the rows of the table belong to accounts, and so each to
// one competition.
func (t Table) OfAccounts() bool {
	return slices.Contains([]Table{Accounts, Equity, Positions, Trades, Stats, Analytics, Conversations, Messages, Decisions}, t)
}

// FirstCompetition is the competition of everything that names none.
const FirstCompetition = "season-1"

// In returns the part of the table that belongs to a competition: the whole of it
// where its rows belong to none. That of FirstCompetition is called like the table, as
// it is by processes that know of no other.
func (t Table) In(competition string) Table {
	if competition == "" || competition == FirstCompetition || !t.OfAccounts() {
		return t
	}
	return t + "@" + Table(competition)
}

// Version names something that changes: a table, or a part of one. Whoever keeps
// what was made from it keeps the version that it was made of.
type Version string

// Whole changes with every row of the table.
func (t Table) Whole() Version { return Version(t) }

// Of changes with the rows of one model, and Rest with rows of which no part is
// known: what is made from a part has both.
func (t Table) Of(model string) Version { return Version(t) + ":{" + Version(model) + "}" }

// Rest is explained with Of.
func (t Table) Rest() Version { return Version(t) + ":rest" }

// SegmentHours is how many hourly markers of equity are one part of it.
const SegmentHours = 24

// EquitySegment changes with the equity rows of a competition in the segment that an
// hourly marker is in, and goes with the rest of its Equity.
func EquitySegment(competition string, marker int64) Version {
	return Version(Equity.In(competition)) + ":segment:" + Version(strconv.FormatInt(marker/SegmentHours, 10))
}
