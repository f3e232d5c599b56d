package catalogue

import (
	"slices"
	"strings"
)

// Structure is what Redis keeps under a key.
type Structure string

// The structures.
const (
	String    Structure = "string"
	Hash      Structure = "hash"
	List      Structure = "list"
	SortedSet Structure = "sorted set"
)

// ProjectionName names a projection; it is the label under which metrics count it.
type ProjectionName string

// The projections.
const (
	ProjectionPrice          ProjectionName = "latest_price"
	ProjectionProviderPrice  ProjectionName = "latest_provider_price"
	ProjectionPositions      ProjectionName = "positions"
	ProjectionTrades         ProjectionName = "recent_trades"
	ProjectionLeaderboard    ProjectionName = "leaderboard"
	ProjectionSinceInception ProjectionName = "since_inception"
	ProjectionConversations  ProjectionName = "conversations"
	ProjectionDecision       ProjectionName = "last_decision"
	ProjectionTrader         ProjectionName = "trader_state"
	ProjectionAsset          ProjectionName = "market_asset"
	ProjectionContext        ProjectionName = "market_ctx"
	ProjectionSimOrders      ProjectionName = "sim_orders"
	ProjectionSimBalances    ProjectionName = "sim_balances"
)

// Projection declares a value in Redis, one for each model, symbol or trader, that other
// programs read as it is: it is replaced after each event that changes it. docs/redis.md
// is generated from the declarations.
type Projection struct {
	Name ProjectionName
	// Key is what its key is called after the prefix: braces are literal, and MODEL,
	// SYMBOL, PROVIDER and TRADER stand for ids.
	Key       string
	Structure Structure
	// TTL is how long it lives after it was last replaced.
	TTL Class
	// OfAccounts says that it is of one competition, which its key names unless that is
	// the default.
	OfAccounts bool
	// Events are the types of events that change it, besides imports and competitions,
	// which change all of them. Without any nothing here writes it.
	Events []string
	// Holds says what it holds: the form of an element or a field.
	Holds string
}

// Projections lists every projection.
func Projections() []Projection { return slices.Clone(projections) }

var projections = []Projection{
	{
		Name: ProjectionPrice, Key: "price:latest:{SYMBOL}", Structure: String, TTL: Short, Events: []string{EventPrices},
		Holds: "the newest price at the primary provider, as in `/api/crypto-prices`",
	},
	{
		Name: ProjectionProviderPrice, Key: "price:latest:PROVIDER:{SYMBOL}", Structure: String, TTL: Short, Events: []string{EventPrices},
		Holds: "the newest price at a provider, likewise",
	},
	{
		Name: ProjectionContext, Key: "market:ctx:PROVIDER:{SYMBOL}", Structure: String, TTL: Medium, Events: []string{EventPrices},
		Holds: "the market context of a symbol, with its `provider`, its `symbol` and a `timestamp` in ms",
	},
	{
		Name: ProjectionAsset, Key: "market:asset:PROVIDER:{SYMBOL}", Structure: String, TTL: Long, Events: []string{EventMarketAssets},
		Holds: "the metadata of a symbol, with its `provider`",
	},
	{
		Name: ProjectionTrader, Key: "trader:{TRADER}:state", Structure: Hash, TTL: Medium, Events: []string{EventTraderState},
		Holds: "a field for each member of the trader's state but `trader_id`, its value in JSON",
	},
	{
		Name: ProjectionPositions, Key: "positions:{MODEL}", Structure: Hash, TTL: HalfMedium, OfAccounts: true,
		Events: []string{EventTrade, EventPosition, EventPrices, EventCorrection},
		Holds:  "a field for each symbol: the open position as in `/api/positions`, marked to the newest price",
	},
	{
		Name: ProjectionLeaderboard, Key: "leaderboard", Structure: SortedSet, TTL: Medium, OfAccounts: true,
		Events: []string{EventEquity, EventModel, EventCorrection},
		Holds:  "the competitors by return since inception in percent; one without a return has no place",
	},
	{
		Name: ProjectionSinceInception, Key: "since_inception:{MODEL}", Structure: List, TTL: Long, OfAccounts: true,
		Events: []string{EventEquity, EventCorrection},
		Holds:  "the last equity of each hour, oldest first: `[unix seconds, USD]`",
	},
	{
		Name: ProjectionTrades, Key: "trades:recent:{MODEL}", Structure: List, TTL: Medium, OfAccounts: true,
		Events: []string{EventTrade, EventCorrection},
		Holds:  "the newest 100 trades, newest first, as in `/api/trades`",
	},
	{
		Name: ProjectionDecision, Key: "decision:last:{MODEL}", Structure: String, TTL: Medium, OfAccounts: true,
		Events: []string{EventDecision, EventCorrection},
		Holds:  "the last decision, as in `/api/conversations`",
	},
	{
		Name: ProjectionConversations, Key: "conversations:{MODEL}", Structure: List, TTL: Long, OfAccounts: true,
		Events: []string{EventDecision, EventConversation, EventCorrection},
		Holds:  "the newest 100 decisions and threads, newest first, as in `/api/conversations`",
	},
	{
		Name: ProjectionSimOrders, Key: "sim:orders:{TRADER}", Structure: List, TTL: Medium,
		Holds: "reserved for the orders of a paper-trading engine",
	},
	{
		Name: ProjectionSimBalances, Key: "sim:balances:{TRADER}", Structure: Hash, TTL: Medium,
		Holds: "reserved for the balances of a paper-trading engine",
	},
}

// ProjectionOf returns the declaration of a name, which there has to be.
func ProjectionOf(name ProjectionName) Projection {
	return projections[slices.IndexFunc(projections, func(p Projection) bool { return p.Name == name })]
}

// ProjectionsOf lists those that an event of a type changes.
func ProjectionsOf(eventType string) (changed []Projection) {
	for _, p := range projections {
		if slices.Contains(p.Events, eventType) {
			changed = append(changed, p)
		}
	}
	return changed
}

// Has reports whether the key has an id of the given kind: MODEL, SYMBOL, PROVIDER or
// TRADER.
func (p *Projection) Has(kind string) bool { return strings.Contains(p.Key, kind) }
