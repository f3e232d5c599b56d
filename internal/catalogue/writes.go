package catalogue

import "slices"

// WriteKind names what a write brings, as its route does.
type WriteKind string

// The kinds of writes.
const (
	WritePrices        WriteKind = "prices"
	WritePositions     WriteKind = "positions"
	WriteTrades        WriteKind = "trades"
	WriteEquity        WriteKind = "equity"
	WriteConversations WriteKind = "conversations"
	WriteDecisions     WriteKind = "decisions"
	WriteAnalytics     WriteKind = "analytics"
	WriteTraderState   WriteKind = "trader-state"
	WriteMarketAssets  WriteKind = "market-assets"
	WriteModels        WriteKind = "models"
	WriteSymbols       WriteKind = "symbols"
	WriteCompetitions  WriteKind = "competitions"
)

// Write declares one kind of write.
type Write struct {
	Kind WriteKind
	// Summary names the kind in the API document, and Does says what a write of it
	// does.
	Summary, Does string
	// Domains are those that the items touch; none is Postgres alone.
	Domains []Domain
	// Always says that Postgres takes its part of an item wherever the domains
	// are.
	Always bool
	// Emits are the events that an item may leave, beside those of the models
	// and symbols that it makes known.
	Emits []string
}

// OfAccounts reports whether the items belong to accounts, and so each to one
// competition.
func (w *Write) OfAccounts() bool {
	return slices.ContainsFunc(w.Emits, func(event string) bool {
		return slices.ContainsFunc(EventOf(event).Changes, Table.OfAccounts)
	})
}

// Writes lists every kind of write, in the order of the API document.
func Writes() []Write {
	return []Write{
		{
			Kind: WritePrices, Domains: []Domain{DomainPrices}, Emits: []string{EventPrices},
			Summary: "Prices",
			Does:    "Appends ticks and raises the newest price, which never goes back in time.",
		},
		{
			Kind: WritePositions, Domains: []Domain{DomainPositions}, Emits: []string{EventPosition},
			Summary: "Open positions",
			Does:    "Opens or adjusts a position. A second open one of the same model, provider and symbol is refused.",
		},
		{
			Kind: WriteTrades, Domains: []Domain{DomainTrades, DomainPositions, DomainAccounts},
			Emits:   []string{EventTrade, EventPosition, EventEquity},
			Summary: "Closing trades",
			Does: "Records a trade and, in the same transaction, closes or reduces its position and takes the equity " +
				"snapshot that comes along.",
		},
		{
			Kind: WriteEquity, Domains: []Domain{DomainAccounts}, Emits: []string{EventEquity},
			Summary: "Equity",
			Does:    "Appends equity snapshots, with the positions at that moment.",
		},
		{
			Kind: WriteConversations, Domains: []Domain{DomainConversations}, Emits: []string{EventConversation},
			Summary: "Conversations",
			Does:    "Appends threads and their messages.",
		},
		{
			Kind: WriteDecisions, Domains: []Domain{DomainConversations}, Emits: []string{EventDecision},
			Summary: "Decisions",
			Does:    "Appends decisions, with their prompt and answer as messages.",
		},
		{
			Kind: WriteAnalytics, Domains: []Domain{DomainAnalytics}, Emits: []string{EventAnalytics},
			Summary: "Metrics",
			Does:    "Replaces the published metrics of a model.",
		},
		{
			Kind: WriteTraderState, Emits: []string{EventTraderState},
			Summary: "Trader state",
			Does:    "Inserts or updates the state of traders.",
		},
		{
			Kind: WriteMarketAssets, Emits: []string{EventMarketAssets},
			Summary: "Market metadata",
			Does:    "Inserts or updates what venues say of symbols.",
		},
		{
			Kind: WriteModels, Domains: []Domain{DomainAccounts}, Always: true, Emits: []string{EventModel},
			Summary: "Models",
			Does:    "Inserts or updates participants.",
		},
		{
			Kind: WriteSymbols, Emits: []string{EventSymbol},
			Summary: "Symbols",
			Does:    "Inserts or updates symbols.",
		},
		{
			Kind: WriteCompetitions, Emits: []string{EventCompetition},
			Summary: "Competitions",
			Does: "Registers, starts, changes or ends competitions. What an item does not say stays as it is, and null is " +
				"none. A new one is upcoming; one that is set running starts now, and one that is set ended ends now, " +
				"where no time is known. Refused with 409: a second competition, until the migration that its keys need " +
				"has run; and what changes the default competition while writes of a domain go to the JSON files alone, " +
				"which hold that one.",
		},
	}
}
