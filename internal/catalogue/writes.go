package catalogue

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
)

// Write declares one kind of write.
type Write struct {
	Kind WriteKind
	// Domains are those that the items touch; none is Postgres alone.
	Domains []Domain
	// Always says that Postgres takes its part of an item wherever the domains
	// are.
	Always bool
	// Emits are the events that an item may leave, beside those of the models
	// and symbols that it makes known.
	Emits []string
}

// Writes lists every kind of write, in the order of the API document.
func Writes() []Write {
	return []Write{
		{Kind: WritePrices, Domains: []Domain{DomainPrices}, Emits: []string{EventPrices}},
		{Kind: WritePositions, Domains: []Domain{DomainPositions}, Emits: []string{EventPosition}},
		{
			Kind: WriteTrades, Domains: []Domain{DomainTrades, DomainPositions, DomainAccounts},
			Emits: []string{EventTrade, EventPosition, EventEquity},
		},
		{Kind: WriteEquity, Domains: []Domain{DomainAccounts}, Emits: []string{EventEquity}},
		{Kind: WriteConversations, Domains: []Domain{DomainConversations}, Emits: []string{EventConversation}},
		{Kind: WriteDecisions, Domains: []Domain{DomainConversations}, Emits: []string{EventDecision}},
		{Kind: WriteAnalytics, Domains: []Domain{DomainAnalytics}, Emits: []string{EventAnalytics}},
		{Kind: WriteTraderState, Emits: []string{EventTraderState}},
		{Kind: WriteMarketAssets, Emits: []string{EventMarketAssets}},
		{Kind: WriteModels, Domains: []Domain{DomainAccounts}, Always: true, Emits: []string{EventModel}},
		{Kind: WriteSymbols, Emits: []string{EventSymbol}},
	}
}
