package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/cachelayer"
	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// target is one projection and how it is told from what Postgres holds.
type target struct {
	// competition is the one that it is of, and segment how its key names that: ""
	// where that is the default, and of a projection that is of none.
	competition, segment string

	key    cachelayer.Key
	weight int
	holder bool // it tells the positions of a model
	fill   func(ctx context.Context, r *reading, b *cachelayer.Batch) error
}

// safely is fill for what was stored in a form that breaks who reads it.
func (t *target) safely(ctx context.Context, r *reading, b *cachelayer.Batch) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	return t.fill(ctx, r, b)
}

// The weights of targets stand for what they hold in memory; groupWeight bounds
// what is rewritten at once.
const (
	weightDocuments = 128
	weightTrades    = 16
	weightSeries    = 16
	weightRow       = 1
	groupWeight     = 1024
)

// builder tells projections anew.
type builder struct {
	projections *cachelayer.Projections
	keys        cachelayer.Keys
	provider    string // the primary one
	competition string // the configured default
	logger      *slog.Logger
	metrics     *metrics
}

// errOtherDefault says that another competition became the default meanwhile.
var errOtherDefault = errors.New("the default competition has changed")

// rebuild tells the projections that c concerns, from what repos hold now. A
// lenient one leaves out and removes what cannot be built, for a reason other
// than an outage, and returns how many these were.
func (b *builder) rebuild(ctx context.Context, repos repository.Repositories, c *concern, lenient bool) (abandoned int, err error) {
	for {
		abandoned, err = b.rebuildOnce(ctx, repos, c, lenient)
		if !errors.Is(err, errOtherDefault) {
			return abandoned, err
		}
	}
}

func (b *builder) rebuildOnce(ctx context.Context, repos repository.Repositories, c *concern, lenient bool) (abandoned int, err error) {
	is, err := arena.DefaultCompetition(ctx, repos, b.competition)
	if err != nil {
		return 0, err
	}
	targets, abandoned, err := b.targets(ctx, repos, c, is, lenient)
	if err != nil {
		return 0, err
	}
	for len(targets) > 0 {
		n, weight := 0, 0
		for n < len(targets) && (n == 0 || weight+targets[n].weight <= groupWeight) {
			weight += targets[n].weight
			n++
		}
		keys := make([]cachelayer.Key, n)
		holders := map[string]int{} // by competition
		for i, t := range targets[:n] {
			keys[i] = t.key
			if t.holder {
				holders[t.competition]++
			}
		}
		left := 0
		err := b.projections.Rewrite(ctx, keys, func(ctx context.Context, batch *cachelayer.Batch) error {
			left = 0
			// The keys were claimed for this one. What becomes the default from here on
			// is followed by an event, whose claim is a later one.
			if now, err := arena.DefaultCompetition(ctx, repos, b.competition); err != nil || now != is {
				return cmp.Or(err, errOtherDefault)
			}
			readings := map[string]*reading{}
			for _, t := range targets[:n] {
				r := readings[t.competition]
				if r == nil {
					r = &reading{repos: repos.In(t.competition), provider: b.provider, holders: holders[t.competition]}
					readings[t.competition] = r
				}
				failed := t.safely(ctx, r, batch.In(t.segment))
				if failed == nil {
					continue
				}
				if !lenient || isOutage(failed) {
					return fmt.Errorf("error building %s: %w", t.key.Name, failed)
				}
				left++
				b.abandon(ctx, t.key.Family, failed)
				if err := batch.Clear(t.key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return abandoned, err
		}
		abandoned += left
		targets = targets[n:]
	}
	return abandoned, nil
}

func (b *builder) abandon(ctx context.Context, family string, err error) {
	b.metrics.abandoned.WithLabelValues(family).Inc()
	b.logger.ErrorContext(ctx, "projection left out", slog.String("projection", family), slog.Any("error", err))
}

// targets lists the projections that c concerns, those of one model together. Those of
// the default competition, is, have no segment.
func (b *builder) targets(ctx context.Context, repos repository.Repositories, c *concern, is string, lenient bool) (targets []target, abandoned int, err error) {
	if c.everything {
		if c, err = everything(ctx, repos, is); err != nil {
			return nil, 0, err
		}
	}
	add := func(t target, err error) error {
		if err == nil {
			targets = append(targets, t)
			return nil
		}
		if !lenient {
			return err
		}
		abandoned++
		b.abandon(ctx, "id", err)
		return nil
	}
	var errs []error
	each(c.prices, venue.compare, func(v venue) {
		if v.provider == b.provider {
			errs = append(errs, add(b.latestPrice(v)))
		}
		errs = append(errs, add(b.providerPrice(v)), add(b.marketCtx(v)))
	})
	each(c.assets, venue.compare, func(v venue) { errs = append(errs, add(b.marketAsset(v))) })
	each(c.traders, cmp.Compare[string], func(id string) { errs = append(errs, add(b.traderState(id))) })
	if err := b.addHolders(ctx, repos, c, is); err != nil {
		return nil, 0, err
	}
	for _, competition := range slices.Sorted(maps.Keys(c.accounts)) {
		of := contest{keys: b.keys}
		if competition != is {
			of.segment, of.keys = competition, b.keys.In(competition)
		}
		a := c.accounts[competition]
		add := func(t target, err error) {
			t.competition, t.segment = competition, of.segment
			errs = append(errs, add(t, err))
		}
		if a.leaderboard {
			add(of.leaderboard(), nil)
		}
		each(a.positions, cmp.Compare[string], func(m string) { add(of.positions(m)) })
		for _, m := range slices.Sorted(maps.Keys(a.equity)) {
			add(of.sinceInception(m, a.equity[m]))
		}
		each(a.trades, cmp.Compare[string], func(m string) { add(of.recentTrades(m)) })
		each(a.decisions, cmp.Compare[string], func(m string) { add(of.lastDecision(m)) })
		each(a.conversations, cmp.Compare[string], func(m string) { add(of.conversations(m)) })
	}
	return targets, abandoned, errors.Join(errs...)
}

// contest makes the projections of the accounts of a competition.
type contest struct {
	segment string
	keys    cachelayer.Keys
}

func (v venue) compare(other venue) int {
	return cmp.Or(cmp.Compare(v.provider, other.provider), cmp.Compare(v.symbol, other.symbol))
}

// each visits a set in order.
func each[K comparable](set map[K]bool, compare func(a, b K) int, visit func(K)) {
	for _, k := range slices.SortedFunc(maps.Keys(set), compare) {
		visit(k)
	}
}

// addHolders adds the models that hold, at the primary provider, what has a new price,
// in every competition that has not ended, and in the default, is.
func (b *builder) addHolders(ctx context.Context, repos repository.Repositories, c *concern, is string) error {
	moved := false
	for v := range c.prices {
		moved = moved || v.provider == b.provider
	}
	if !moved {
		return nil
	}
	all, err := repos.Competitions.All(ctx)
	if err != nil {
		return err
	}
	for _, competition := range all {
		if competition.Status == entities.CompetitionEnded && competition.ID != is {
			continue
		}
		open, err := repos.In(competition.ID).Positions.Open(ctx, b.provider)
		if err != nil {
			return err
		}
		for _, p := range open {
			if c.prices[venue{p.Provider, p.Symbol}] {
				c.in(competition.ID).positions[p.ModelID] = true
			}
		}
	}
	return nil
}

// everything concerns every projection there may be. Those of the default competition,
// is, are of every model: one without an account there may have had one in the default
// before.
func everything(ctx context.Context, repos repository.Repositories, is string) (*concern, error) {
	c, _ := concernOf(nil, "")
	all, err := repos.Competitions.All(ctx)
	if err != nil {
		return nil, err
	}
	for _, competition := range all {
		list := repos.In(competition.ID).Models.Participants
		if competition.ID == is {
			list = repos.Models.All
		}
		models, err := list(ctx)
		if err != nil {
			return nil, err
		}
		a := c.in(competition.ID)
		a.leaderboard = true
		for _, m := range models {
			a.positions[m.ID], a.trades[m.ID], a.decisions[m.ID], a.conversations[m.ID] = true, true, true, true
			a.equity[m.ID] = nil
		}
	}
	prices, err := repos.Prices.LatestOf(ctx)
	for _, p := range prices {
		c.prices[venue{p.Provider, p.Symbol}] = true
	}
	if err != nil {
		return nil, err
	}
	contexts, err := repos.Markets.ContextsOf(ctx)
	for _, m := range contexts {
		c.prices[venue{m.Provider, m.Symbol}] = true
	}
	if err != nil {
		return nil, err
	}
	assets, err := repos.Markets.AssetsOf(ctx)
	for _, a := range assets {
		c.assets[venue{a.Provider, a.Symbol}] = true
	}
	if err != nil {
		return nil, err
	}
	traders, err := repos.Traders.Of(ctx)
	for _, t := range traders {
		c.traders[t.TraderID] = true
	}
	return c, err
}

func (b *builder) latestPrice(v venue) (target, error) {
	key, err := b.keys.LatestPrice(v.symbol)
	return target{key: key, weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		doc, err := r.priceDocument(ctx, v)
		if err != nil {
			return err
		}
		return batch.LatestPrice(v.symbol, doc)
	}}, err
}

func (b *builder) providerPrice(v venue) (target, error) {
	key, err := b.keys.LatestProviderPrice(v.provider, v.symbol)
	return target{key: key, weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		doc, err := r.priceDocument(ctx, v)
		if err != nil {
			return err
		}
		return batch.LatestProviderPrice(v.provider, v.symbol, doc)
	}}, err
}

func (b *builder) marketCtx(v venue) (target, error) {
	key, err := b.keys.MarketCtx(v.provider, v.symbol)
	return target{key: key, weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		contexts, err := r.marketContexts(ctx)
		if err != nil {
			return err
		}
		row, known := contexts[v]
		if !known {
			return batch.MarketCtx(v.provider, v.symbol, nil)
		}
		doc, err := render(row, contextPayload)
		if err != nil {
			return err
		}
		return batch.MarketCtx(v.provider, v.symbol, doc)
	}}, err
}

func (b *builder) marketAsset(v venue) (target, error) {
	key, err := b.keys.MarketAsset(v.provider, v.symbol)
	return target{key: key, weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		assets, err := r.marketAssets(ctx)
		if err != nil {
			return err
		}
		row, known := assets[v]
		if !known {
			return batch.MarketAsset(v.provider, v.symbol, nil)
		}
		doc, err := render(row, assetPayload)
		if err != nil {
			return err
		}
		return batch.MarketAsset(v.provider, v.symbol, doc)
	}}, err
}

func (b *builder) traderState(trader string) (target, error) {
	key, err := b.keys.TraderState(trader)
	return target{key: key, weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		states, err := r.repos.Traders.Of(ctx, trader)
		if err != nil || len(states) == 0 {
			return errors.Join(err, batch.TraderState(trader, nil))
		}
		fields, err := traderFields(states[0])
		if err != nil {
			return err
		}
		return batch.TraderState(trader, fields)
	}}, err
}

// leaderboard ranks the competitors as the view does, by the same formula.
func (c contest) leaderboard() target {
	return target{key: c.keys.Leaderboard(), weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		competitors, err := arena.NewStore(r.repos, r.provider, time.Now).Competitors(ctx)
		if err != nil {
			return err
		}
		returns := map[string]float64{}
		for _, row := range analytics.Leaderboard(competitors) {
			if percent, ok := row.ReturnPct.Get(); ok && !math.IsNaN(percent) && !math.IsInf(percent, 0) {
				returns[row.ID] = percent
			}
		}
		return batch.Leaderboard(returns)
	}}
}

func (c contest) positions(model string) (target, error) {
	key, err := c.keys.Positions(model)
	return target{key: key, weight: weightRow, holder: true, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		rows, err := r.openPositions(ctx, model)
		if err != nil {
			return err
		}
		prices, err := r.latestPrices(ctx)
		if err != nil {
			return err
		}
		docs := make(map[string]jsontext.Value, len(rows))
		for _, row := range rows {
			var price *entities.PriceLatest
			if newest, ok := prices[venue{row.Provider, row.Symbol}]; ok {
				price = &newest
			}
			if docs[row.Symbol], err = positionDocument(row, price); err != nil {
				return err
			}
		}
		return batch.Positions(model, docs)
	}}, err
}

// sinceInception appends the newest hour, or replaces it, where the snapshots
// that were told are of the newest two; any other changes what lies before.
func (c contest) sinceInception(model string, told map[int64]bool) (target, error) {
	key, err := c.keys.SinceInception(model)
	return target{key: key, weight: weightSeries, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		if len(told) > 0 && !batch.Whole() {
			hours, err := r.repos.Equity.NewestHoursOf(ctx, model, 2)
			if err != nil {
				return err
			}
			known := map[int64]bool{}
			for _, h := range hours {
				known[h.Marker] = true
			}
			if subset(told, known) {
				points := pointsOf(hours)
				if len(points) == 1 {
					return batch.AppendSinceInception(model, nil, points[0])
				}
				return batch.AppendSinceInception(model, &points[0], points[1])
			}
		}
		hours, err := r.repos.Equity.NewestHoursOf(ctx, model, 0)
		if err != nil {
			return err
		}
		return batch.SinceInception(model, pointsOf(hours))
	}}, err
}

func pointsOf(hours []repository.HourEquity) []cachelayer.Point {
	points := make([]cachelayer.Point, len(hours))
	for i, h := range hours {
		points[i] = cachelayer.Point{Time: wire.Seconds(h.ObservedAt), Equity: h.DollarEquity}
	}
	return points
}

func subset(of, in map[int64]bool) bool {
	for k := range of {
		if !in[k] {
			return false
		}
	}
	return true
}

func (c contest) recentTrades(model string) (target, error) {
	key, err := c.keys.RecentTrades(model)
	return target{key: key, weight: weightTrades, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		rows, err := r.repos.Trades.NewestOf(ctx, model, arena.RecentTrades)
		if err != nil {
			return err
		}
		docs := make([]jsontext.Value, len(rows))
		for i, row := range rows {
			if docs[i], err = render(row, mapping.TradePayload); err != nil {
				return err
			}
		}
		return batch.RecentTrades(model, docs)
	}}, err
}

func (c contest) lastDecision(model string) (target, error) {
	key, err := c.keys.LastDecision(model)
	return target{key: key, weight: weightRow, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		rows, err := r.repos.Decisions.NewestOf(ctx, model, 1)
		if err != nil || len(rows) == 0 {
			return errors.Join(err, batch.LastDecision(model, nil))
		}
		doc, err := render(rows[0], mapping.DecisionPayload)
		if err != nil {
			return err
		}
		return batch.LastDecision(model, doc)
	}}, err
}

// conversations are the documents of a model in the order of the view.
func (c contest) conversations(model string) (target, error) {
	key, err := c.keys.Conversations(model)
	return target{key: key, weight: weightDocuments, fill: func(ctx context.Context, r *reading, batch *cachelayer.Batch) error {
		decisions, err := r.repos.Decisions.NewestOf(ctx, model, arena.RecentConversations)
		if err != nil {
			return err
		}
		threads, err := r.repos.Conversations.NewestThreadsOf(ctx, model, arena.RecentConversations)
		if err != nil {
			return err
		}
		var docs []wire.Document
		for _, row := range decisions {
			d, err := mapping.DecisionPayload(row)
			if err != nil {
				return err
			}
			docs = append(docs, wire.Document{Decision: &d})
		}
		for _, row := range threads {
			t, err := mapping.ThreadPayload(row.Conversation, row.Messages)
			if err != nil {
				return err
			}
			docs = append(docs, wire.Document{Thread: &t})
		}
		var rendered []jsontext.Value
		for _, doc := range arena.NewestDocuments(docs) {
			raw, err := wire.Marshal(doc)
			if err != nil {
				return fmt.Errorf("error rendering document: %w", err)
			}
			rendered = append(rendered, raw)
		}
		return batch.Conversations(model, rendered)
	}}, err
}
