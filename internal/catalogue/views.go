package catalogue

import "slices"

// Domain is a part of the data that moves from the JSON store to Postgres as
// one.
type Domain string

// The domains, in the order in which they move.
const (
	DomainPrices        Domain = "prices"
	DomainTrades        Domain = "trades"
	DomainPositions     Domain = "positions"
	DomainAccounts      Domain = "accounts"
	DomainAnalytics     Domain = "analytics"
	DomainConversations Domain = "conversations"
)

// Domains lists the domains in the order in which they move.
func Domains() []Domain {
	return []Domain{DomainPrices, DomainTrades, DomainPositions, DomainAccounts, DomainAnalytics, DomainConversations}
}

// Class is a time to live, which the configuration knows.
type Class string

// The classes. Polled is for what changes by the minute: at most five seconds.
const (
	Polled     Class = "polled"
	Short      Class = "short"
	HalfMedium Class = "half medium"
	Medium     Class = "medium"
	Long       Class = "long"
	TwiceLong  Class = "twice long"
)

// ViewName names a view of the public API.
type ViewName string

// The views, in the order of the API document.
const (
	ViewCryptoPrices   ViewName = "crypto_prices"
	ViewAccountTotals  ViewName = "account_totals"
	ViewTrades         ViewName = "trades"
	ViewSinceInception ViewName = "since_inception"
	ViewLeaderboard    ViewName = "leaderboard"
	ViewAnalytics      ViewName = "analytics"
	ViewAnalyticsOf    ViewName = "analytics_of"
	ViewPositions      ViewName = "positions"
	ViewConversations  ViewName = "conversations"
	ViewEquity         ViewName = "equity"
	ViewPrices         ViewName = "prices"
	ViewModels         ViewName = "models"
	ViewModel          ViewName = "model"
	ViewPositionsOf    ViewName = "positions_of"
	ViewSymbols        ViewName = "symbols"
	ViewSymbol         ViewName = "symbol"
	ViewDecisions      ViewName = "decisions"
	ViewDecision       ViewName = "decision"
	ViewDecisionDiff   ViewName = "decision_diff"
	ViewSearch         ViewName = "search"
	ViewCompetitions   ViewName = "competitions"
)

// View declares one view.
type View struct {
	Name   ViewName
	Path   string // below /api
	Domain Domain
	// Operation is its id in the API document, which also has the texts.
	Operation, Summary, Description string
	// Parameters are those that it has in its path and in its query.
	Parameters []Parameter
	// Paged says that it is a list that comes by pages: the parameters limit and
	// cursor choose one, and the answer names the next. Each is kept in the process
	// alone.
	Paged bool
	// Key is what its key is called after the prefix; braces are literal, and
	// MODEL stands for the parameter of that name.
	Key string
	// TTL is how long a document is kept, and MaxAge how long a client may keep
	// it.
	TTL, MaxAge Class
	// Reads are the tables that the view is made from. ByModel says that it has a
	// parameter for a model, and is then made from the rows of that model alone.
	Reads   []Table
	ByModel bool
	// Across says that it is made from the accounts of every competition. Any other
	// view of accounts is of one: it takes the parameter competition, and is made from
	// Competitions besides, neither of which it declares.
	Across bool
	// StoreOnly says that the JSON directory has no such view, and OwnMemory
	// that its documents are kept in the process alone: there are as many as
	// clients think of.
	StoreOnly, OwnMemory bool
	// NotInFiles says that the JSON directory cannot hold it: while its domain is
	// read from there, there is no answer.
	NotInFiles bool
}

// Views lists every view, in the order of the API document.
func Views() []View { return slices.Clone(views) }

var views = complete([]View{
	{
		Name: ViewCryptoPrices, Path: "/crypto-prices", Domain: DomainPrices,
		Operation: "listCryptoPrices", Summary: "Newest prices",
		Key: "crypto_prices", TTL: Short, MaxAge: Polled,
		Reads: []Table{LatestPrices},
	},
	{
		Name: ViewAccountTotals, Path: "/account-totals", Domain: DomainAccounts,
		Operation: "listAccountTotals", Summary: "Equity by model and hour",
		Parameters: []Parameter{lastHourlyMarker},
		Key:        "account_totals:since", TTL: Short, MaxAge: Polled,
		Reads: []Table{Models, Equity},
	},
	{
		Name: ViewTrades, Path: "/trades", Domain: DomainTrades,
		Operation: "listTrades", Summary: "Trades",
		Description: "Without any of the parameters, the newest 100 of each model. With one, the whole history by " +
			"pages, by exit time, those of one moment by id: a page neither repeats nor skips a row while rows are written.",
		Parameters: paged(modelParameter, symbolParameter, side, from, to, sorted, format),
		Paged:      true,
		Key:        "view:trades", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Models, Symbols, Trades}, ByModel: true,
	},
	{
		Name: ViewSinceInception, Path: "/since-inception-values", Domain: DomainAccounts,
		Operation: "listSinceInceptionValues", Summary: "Inception of the accounts",
		Key: "view:since_inception", TTL: Long, MaxAge: Long,
		// The number of invocations is counted from decisions.
		Reads: []Table{Models, Accounts, Stats},
	},
	{
		Name: ViewLeaderboard, Path: "/leaderboard", Domain: DomainAnalytics,
		Operation: "listLeaderboard", Summary: "Standing",
		Key: "leaderboard:cache", TTL: Medium, MaxAge: Medium,
		Reads: []Table{Models, Accounts, Stats, Equity},
	},
	{
		Name: ViewAnalytics, Path: "/analytics", Domain: DomainAnalytics,
		Operation: "listAnalytics", Summary: "Metrics of every model",
		Key: "analytics:all", TTL: TwiceLong, MaxAge: Long,
		Reads: []Table{Models, Accounts, Stats, Analytics},
	},
	{
		Name: ViewAnalyticsOf, Path: "/analytics/:model", Domain: DomainAnalytics,
		Operation: "getAnalytics", Summary: "Metrics of one model",
		Parameters: []Parameter{modelInPath},
		Key:        "analytics:{MODEL}", TTL: TwiceLong, MaxAge: Long,
		Reads: []Table{Models, Accounts, Stats, Analytics}, ByModel: true,
	},
	{
		Name: ViewPositions, Path: "/positions", Domain: DomainPositions,
		Operation: "listPositions", Summary: "Open positions",
		Parameters: []Parameter{competitors, format},
		Key:        "view:positions", TTL: HalfMedium, MaxAge: Polled,
		Reads: []Table{Models, Accounts, Positions},
	},
	{
		Name: ViewConversations, Path: "/conversations", Domain: DomainConversations,
		Operation: "listConversations", Summary: "Decisions and conversations",
		Description: "Without any of the parameters, the newest 100. With one, the whole history by pages, newest first, those " +
			"of one moment by id: a page neither repeats nor skips a document while others are written. Threads stand where " +
			"their newest message does.",
		Parameters: paged(modelParameter, from, to),
		Paged:      true,
		Key:        "view:conversations", TTL: Long, MaxAge: Polled,
		Reads: []Table{Models, Decisions, Conversations, Messages}, ByModel: true,
	},
	{
		Name: ViewEquity, Path: "/equity", Domain: DomainAccounts,
		Operation: "listEquity", Summary: "Equity over time",
		Description: "The curves of every model, benchmarks included, or of one. " + thinnedOut,
		Parameters:  []Parameter{modelParameter, from, to, points, resolution, format},
		Key:         "view:equity", TTL: Short, MaxAge: Polled,
		Reads: []Table{Models, Accounts, Equity}, ByModel: true, StoreOnly: true, OwnMemory: true,
	},
	{
		Name: ViewPrices, Path: "/prices/:symbol", Domain: DomainPrices,
		Operation: "getPriceHistory", Summary: "Prices over time",
		Description: "The prices of a symbol at the primary provider; of ticks that were archived, what candles of a minute say. " + thinnedOut,
		Parameters:  []Parameter{symbolInPath, from, to, points, resolution, format},
		Key:         "view:prices", TTL: Short, MaxAge: Polled,
		Reads: []Table{Symbols, Ticks}, StoreOnly: true, OwnMemory: true,
	},
	{
		Name: ViewPositionsOf, Path: "/positions/:model", Domain: DomainPositions,
		Operation: "listPositionsOf", Summary: "Positions of one model",
		Description: "Every position that the model has opened at the primary provider, newest entry first, with the trades " +
			"that closed it and what these realized.",
		Parameters: paged(modelInPath, status, symbolParameter, format),
		Paged:      true, NotInFiles: true,
		Key: "view:positions_of", TTL: HalfMedium, MaxAge: Polled,
		Reads: []Table{Models, Symbols, Positions, Trades}, ByModel: true,
	},
	{
		Name: ViewModels, Path: "/models", Domain: DomainAccounts,
		Operation: "listModels", Summary: "Models",
		Description: "Every model, competitors before benchmarks, in the order of lists. The JSON directory knows their " +
			"names and which of them compete.",
		Key: "view:models", TTL: Long, MaxAge: Long,
		Reads: []Table{Models},
	},
	{
		Name: ViewSymbols, Path: "/symbols", Domain: DomainPrices,
		Operation: "listSymbols", Summary: "Symbols",
		Description: "Every traded symbol, by name. The JSON directory knows their names.",
		Key:         "view:symbols", TTL: Long, MaxAge: Long,
		Reads: []Table{Symbols},
	},
	{
		Name: ViewModel, Path: "/models/:model", Domain: DomainAccounts,
		Operation: "getModel", Summary: "A model and its account",
		Description: "What kind of model it is and, in the competition, its account, newest equity, statistics and last decision.",
		Parameters:  []Parameter{modelInPath},
		Key:         "view:model", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Models, Accounts, Equity, Stats, Decisions}, ByModel: true, NotInFiles: true, OwnMemory: true,
	},
	{
		Name: ViewSymbol, Path: "/symbols/:symbol", Domain: DomainPrices,
		Operation: "getSymbol", Summary: "A symbol and its market",
		Description: "Its steps and metadata and, at the primary provider, the newest price and the market around it.",
		Parameters:  []Parameter{symbolInPath},
		Key:         "view:symbol", TTL: Short, MaxAge: Polled,
		Reads: []Table{Symbols, LatestPrices, MarketAssets, MarketContexts}, NotInFiles: true, OwnMemory: true,
	},
	{
		Name: ViewDecisions, Path: "/decisions/:model", Domain: DomainConversations,
		Operation: "listDecisions", Summary: "The decisions of a model",
		Description: "Without the long texts, by pages, newest first.",
		Parameters:  paged(modelInPath, from, to), Paged: true,
		Key: "view:decisions", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Models, Decisions}, ByModel: true, NotInFiles: true, OwnMemory: true,
	},
	{
		Name: ViewDecision, Path: "/decisions/:model/:decision", Domain: DomainConversations,
		Operation: "getDecision", Summary: "A decision and what came of it",
		Description: "The whole audit trail of a decision, and which positions and trades came of it until the model's next one.",
		Parameters:  []Parameter{modelInPath, decisionInPath},
		Key:         "view:decision", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Models, Decisions, Positions, Trades}, ByModel: true, NotInFiles: true, OwnMemory: true,
	},
	{
		Name: ViewDecisionDiff, Path: "/decisions/:model/:decision/diff", Domain: DomainConversations,
		Operation: "getDecisionDiff", Summary: "What changed in the prompt",
		Description: "The lines of the prompt that changed since the model's decision before, each change with the lines around it.",
		Parameters:  []Parameter{modelInPath, decisionInPath},
		Key:         "view:decision_diff", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Models, Decisions}, ByModel: true, NotInFiles: true, OwnMemory: true,
	},
	{
		Name: ViewSearch, Path: "/search", Domain: DomainConversations,
		Operation: "searchDecisions", Summary: "Search what models thought",
		Description: "Looks for words in chains of thought and their summaries, in their English stems. The best match comes first: " +
			"the newest 1,000 decisions that have the words are ranked; from, to and model_id look further back. What was found " +
			"stands in a mark element, and all else is escaped, so that both texts can be shown as HTML as they are.",
		Parameters: paged(queryParameter, modelParameter, from, to), Paged: true,
		Key: "view:search", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Models, Decisions}, ByModel: true, NotInFiles: true, OwnMemory: true,
	},
	{
		Name: ViewCompetitions, Path: "/competitions", Domain: DomainAccounts,
		Operation: "listCompetitions", Summary: "Competitions",
		Description: "The seasons and the modes that there are, the one that started first at the beginning, with the number " +
			"of their accounts and who leads. Served from the store alone, also while other views come from the JSON directory.",
		Key: "view:competitions", TTL: Medium, MaxAge: Polled,
		Reads: []Table{Competitions, Models, Accounts, Stats, Equity}, Across: true, StoreOnly: true,
	},
})

// complete adds what views of accounts have in common.
func complete(views []View) []View {
	for i := range views {
		if v := &views[i]; v.OfCompetition() {
			v.Parameters = append(slices.Clip(v.Parameters), competitionParameter)
			v.Reads = append(slices.Clip(v.Reads), Competitions)
		}
	}
	return views
}

// OfCompetition reports whether the view is of the accounts of one competition.
func (v *View) OfCompetition() bool {
	return !v.Across && slices.ContainsFunc(v.Reads, Table.OfAccounts)
}

// ViewOf returns the declaration of a view; one without a name where there is no
// such view.
func ViewOf(name ViewName) View { return byName[name] }

var byName = func() map[ViewName]View {
	all := make(map[ViewName]View, len(views))
	for _, v := range views {
		all[v.Name] = v
	}
	return all
}()

// OfOne reports whether the view is of something that a request has to name.
func (v *View) OfOne() bool {
	return slices.ContainsFunc(v.Parameters, func(p Parameter) bool { return p.In == InPath || p.Required })
}

// Versions are those of what the view is made from, its accounts those of the given
// competitions: of the rows of one model, or of all where none is named.
func (v *View) Versions(model string, competitions ...string) []Version {
	versions := make([]Version, 0, 2*len(v.Reads)*max(1, len(competitions)))
	add := func(part Table) {
		if model == "" || !v.ByModel {
			versions = append(versions, part.Whole())
		} else {
			versions = append(versions, part.Rest(), part.Of(model))
		}
	}
	for _, table := range v.Reads {
		if !table.OfAccounts() {
			add(table)
			continue
		}
		for _, competition := range competitions {
			add(table.In(competition))
		}
	}
	return versions
}
