package catalogue

import "slices"

// Types of events.
const (
	EventTrade        = "trade"         // a trade row
	EventPosition     = "position"      // {model_id, provider, status, position}
	EventEquity       = "equity"        // an account-totals row
	EventPrices       = "prices"        // {prices: [price row…]}, one per batch
	EventPriceHistory = "price_history" // {change: archived or restored, from, to, rows}: ticks of a month left or came back
	EventDecision     = "decision"      // a decision document
	EventConversation = "conversation"  // a thread
	EventAnalytics    = "analytics"     // {model_id}
	EventTraderState  = "trader_state"  // a trader-state row
	EventMarketAssets = "market_assets" // a market-assets row
	EventModel        = "model"         // a model row
	EventSymbol       = "symbol"        // a symbol row
	EventCompetition  = "competition"   // a competition row
	EventImport       = "import"        // {captured_at, kinds}: a snapshot was imported
	EventCorrection   = "correction"    // {kind, model_id, fact_id, action, fact}: an operator voided or replaced a fact
)

// Event declares one type of event.
type Event struct {
	Type string
	// Changes are the tables in which its transaction changed rows: of the model
	// that the event names, of any where it names none.
	Changes []Table
	// Segmented says that the payload names the hourly marker of an equity row.
	Segmented bool
}

// events are every type of event.
var events = []Event{
	{Type: EventTrade, Changes: []Table{Trades, Stats}},
	{Type: EventPosition, Changes: []Table{Positions}},
	{Type: EventEquity, Changes: []Table{Equity}, Segmented: true},
	{Type: EventPrices, Changes: []Table{Ticks, LatestPrices, MarketContexts}},
	{Type: EventPriceHistory, Changes: []Table{Ticks}},
	{Type: EventDecision, Changes: []Table{Decisions, Stats, Conversations, Messages}},
	{Type: EventConversation, Changes: []Table{Conversations, Messages}},
	{Type: EventAnalytics, Changes: []Table{Analytics}},
	{Type: EventTraderState, Changes: []Table{TraderStates}},
	{Type: EventMarketAssets, Changes: []Table{MarketAssets}},
	{Type: EventModel, Changes: []Table{Models, Accounts}},
	{Type: EventSymbol, Changes: []Table{Symbols}},
	{Type: EventCompetition, Changes: []Table{Competitions}},
	{Type: EventImport, Changes: Tables()},
	{Type: EventCorrection, Changes: []Table{Trades, Stats, Positions, Equity, Decisions, Conversations, Messages}},
}

// Tables lists every table.
func Tables() []Table {
	return []Table{
		Competitions, Models, Symbols, Accounts, Equity, Positions, Trades, Stats, Analytics, LatestPrices, Ticks,
		Conversations, Messages, Decisions, TraderStates, MarketAssets, MarketContexts,
	}
}

// EventTypes lists the types of events.
func EventTypes() []string {
	types := make([]string, len(events))
	for i, e := range events {
		types[i] = e.Type
	}
	return types
}

// EventsOfAccounts lists the types of events that are each of one competition.
func EventsOfAccounts() []string {
	var types []string
	for _, e := range events {
		if e.OfAccounts() {
			types = append(types, e.Type)
		}
	}
	return types
}

// EventOf returns the declaration of a type. One that is not declared, as a newer
// process may write, changes everything.
func EventOf(eventType string) Event {
	if i := slices.IndexFunc(events, func(e Event) bool { return e.Type == eventType }); i >= 0 {
		return events[i]
	}
	return Event{Type: eventType, Changes: Tables()}
}

// EventsThatChange lists the types that change rows of one of the tables.
func EventsThatChange(tables []Table) []string {
	var types []string
	for _, e := range events {
		if slices.ContainsFunc(tables, func(t Table) bool { return slices.Contains(e.Changes, t) }) {
			types = append(types, e.Type)
		}
	}
	return types
}

// OfAccounts reports whether the event is of accounts, and so of one competition.
func (e *Event) OfAccounts() bool { return slices.ContainsFunc(e.Changes, Table.OfAccounts) }

// Versions are those that the event makes anew, of what some view is made from:
// competition is that of the accounts that it is of, model the one that it names, ""
// where it names none, and marker the hourly marker of the equity row in its payload,
// negative where that is not known.
func (e *Event) Versions(competition, model string, marker int64) []Version {
	var versions []Version
	for _, table := range e.Changes {
		byModel, isRead := readers[table]
		if !isRead {
			continue
		}
		part := table.In(competition)
		versions = append(versions, part.Whole())
		known := model != ""
		if table == Equity {
			// It is read by segments too.
			byModel = true
			if known = known && marker >= 0; known {
				versions = append(versions, EquitySegment(competition, marker))
			}
		}
		switch {
		case !byModel:
		case known:
			versions = append(versions, part.Of(model))
		default:
			versions = append(versions, part.Rest())
		}
	}
	return versions
}

// readers are the tables that some view is made from, and whether one is made from
// the rows of a model.
var readers = func() map[Table]bool {
	byModel := map[Table]bool{}
	for _, v := range views {
		for _, table := range v.Reads {
			byModel[table] = byModel[table] || v.ByModel
		}
	}
	return byModel
}()
