package parity

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// prices compares the newest price of each symbol.
func (r *reading) prices(ctx context.Context) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.CryptoPrices))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.CryptoPrices(ctx))
	if err != nil {
		return err
	}
	stored, err := r.store.CryptoPrices(ctx)
	if err != nil {
		return err
	}
	for _, symbol := range slices.Sorted(maps.Keys(answer.Prices)) {
		p := answer.Prices[symbol]
		json, err := rowOf("", symbol, p)
		if err != nil {
			return err
		}
		other, ok := stored.Prices[symbol]
		if !ok {
			r.onlyJSON(json, "the store does not have it")
			continue
		}
		store, err := rowOf("", symbol, other)
		if err != nil {
			return err
		}
		if p.Timestamp < other.Timestamp {
			err = r.olderPrice(ctx, json, p, other)
		} else {
			err = r.pair(json, store)
		}
		if err != nil {
			return err
		}
	}
	for _, symbol := range slices.Sorted(maps.Keys(stored.Prices)) {
		if _, both := answer.Prices[symbol]; both {
			continue
		}
		p := stored.Prices[symbol]
		store, err := rowOf("", symbol, p)
		if err != nil {
			return err
		}
		r.onlyStore(store, !wire.MillisTime(p.Timestamp).After(asOf))
	}
	return nil
}

// olderPrice cannot be compared with the newest one. It is held to the feed of
// that time, so far as that is kept: in a fast market the files are always
// behind, and a wrong price is found all the same.
func (r *reading) olderPrice(ctx context.Context, json row, p, newest wire.Price) error {
	found, err := r.repos.Prices.FindTicks(ctx, []entities.PriceTick{mapping.Tick(p, r.json.Provider())})
	if err != nil {
		return err
	}
	if tick := found[0]; tick == nil {
		r.counts.Compared++
	} else {
		then, err := mapping.PricePayload(entities.PriceLatest{
			Provider: tick.Provider, Symbol: tick.Symbol, ObservedAt: tick.ObservedAt, Price: tick.Price, Extra: tick.Extra,
		})
		if err != nil {
			return err
		}
		store, err := rowOf("", p.Symbol, then)
		if err != nil {
			return err
		}
		if err := r.pair(json, store); err != nil {
			return err
		}
	}
	r.put(wire.ParityFinding{
		ID: p.Symbol, Kind: wire.FindingNotCompared,
		JSON: secondsOf(wire.MillisTime(p.Timestamp)), Store: secondsOf(wire.MillisTime(newest.Timestamp)),
		Reason: "the JSON side is older than the store",
	})
	return nil
}

// positions compares the open positions of every competitor. They are stated
// for all symbols of a model at once, so a model is compared or is not.
func (r *reading) positions(ctx context.Context) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.Positions))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.Positions(ctx, 0))
	if err != nil {
		return err
	}
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	stored, err := r.store.Positions(ctx, 0)
	if err != nil {
		return err
	}
	inStore := make(map[string]wire.ModelPositions, len(stored.AccountTotals))
	for _, m := range stored.AccountTotals {
		inStore[m.ModelID] = m
	}
	seen := make(map[string]bool, len(answer.AccountTotals))
	for _, m := range answer.AccountTotals {
		seen[m.ModelID] = true
		from := len(r.findings)
		if other, ok := inStore[m.ModelID]; ok {
			err = r.positionsOf(m, other)
		} else {
			var json row
			json, err = rowOf(m.ModelID, m.ModelID, m)
			r.onlyJSON(json, "the store does not know it as a competitor")
		}
		if err != nil {
			return err
		}
		if stated := accounts[m.ModelID].PositionsAsOf; len(r.findings) > from {
			older, err := r.isOlder(asOf, stated)
			if err != nil {
				return err
			}
			if older {
				r.older(from, m.ModelID, m.ModelID, asOf, *stated)
			}
		}
	}
	for _, m := range stored.AccountTotals {
		if seen[m.ModelID] {
			continue
		}
		store, err := rowOf(m.ModelID, m.ModelID, m)
		if err != nil {
			return err
		}
		older, err := r.isOlder(asOf, accounts[m.ModelID].PositionsAsOf)
		if err != nil {
			return err
		}
		r.onlyStore(store, len(m.Positions) > 0 && !older)
	}
	return nil
}

// isOlder reports whether what the JSON side says as of a time is older than
// what was stated to the store. An import states what a directory says at the
// time of the directory, which may be that of another file.
func (r *reading) isOlder(asOf time.Time, stated *time.Time) (bool, error) {
	if stated == nil || !asOf.Before(stated.Truncate(time.Millisecond)) { // serverTime has no more
		return false, nil
	}
	captured, err := fromJSON(r.json.CapturedAt())
	return captured.UnixMicro() != stated.UnixMicro(), err
}

func (r *reading) positionsOf(json, store wire.ModelPositions) error {
	a, b := json, store
	a.Positions, b.Positions = nil, nil
	x, err := rowOf(json.ModelID, json.ModelID, a)
	if err != nil {
		return err
	}
	y, err := rowOf(json.ModelID, json.ModelID, b)
	if err != nil {
		return err
	}
	if err := r.pair(x, y); err != nil {
		return err
	}
	for _, symbol := range slices.Sorted(maps.Keys(json.Positions)) {
		if x, err = rowOf(json.ModelID, symbol, json.Positions[symbol]); err != nil {
			return err
		}
		other, ok := store.Positions[symbol]
		if !ok {
			r.onlyJSON(x, "it is not open in the store")
			continue
		}
		if y, err = rowOf(json.ModelID, symbol, other); err != nil {
			return err
		}
		if err := r.pair(x, y); err != nil {
			return err
		}
	}
	for _, symbol := range slices.Sorted(maps.Keys(store.Positions)) {
		if _, both := json.Positions[symbol]; both {
			continue
		}
		if y, err = rowOf(json.ModelID, symbol, store.Positions[symbol]); err != nil {
			return err
		}
		r.put(wire.ParityFinding{
			Model: y.model, ID: y.id, Kind: wire.FindingOnlyStore, Store: y.raw, Reason: "it is not open on the JSON side",
		})
	}
	return nil
}

// sinceInception compares the inceptions. Their facts never change; the number
// of invocations, and what no column names, are current state.
func (r *reading) sinceInception(ctx context.Context) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.SinceInception))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.SinceInception(ctx))
	if err != nil {
		return err
	}
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	stored, err := r.store.SinceInception(ctx)
	if err != nil {
		return err
	}
	inStore := make(map[string]wire.SinceInception, len(stored.SinceInceptionValues))
	for _, s := range stored.SinceInceptionValues {
		inStore[s.ModelID] = s
	}
	seen := make(map[string]bool, len(answer.SinceInceptionValues))
	for _, s := range answer.SinceInceptionValues {
		seen[s.ModelID] = true
		json, err := rowOf(s.ModelID, s.ModelID, s)
		if err != nil {
			return err
		}
		other, ok := inStore[s.ModelID]
		if !ok {
			r.onlyJSON(json, "the store does not have it")
			continue
		}
		store, err := rowOf(s.ModelID, s.ModelID, other)
		if err != nil {
			return err
		}
		from := len(r.findings)
		if err := r.pair(json, store); err != nil {
			return err
		}
		state := slices.IndexFunc(r.factsFirst(from), func(f wire.ParityFinding) bool { return !inceptionFact(f.Field) })
		if state < 0 {
			continue
		}
		stated := accounts[s.ModelID].InvocationsAsOf
		older, err := r.isOlder(asOf, stated)
		if err != nil {
			return err
		}
		if older {
			r.older(from+state, s.ModelID, s.ModelID, asOf, *stated)
		}
	}
	for _, s := range stored.SinceInceptionValues {
		if seen[s.ModelID] {
			continue
		}
		store, err := rowOf(s.ModelID, s.ModelID, s)
		if err != nil {
			return err
		}
		r.onlyStore(store, s.InceptionDate <= wire.Seconds(asOf))
	}
	return nil
}

// factsFirst puts the findings of inception facts, from a point on, first.
func (r *reading) factsFirst(from int) []wire.ParityFinding {
	rest := r.findings[from:]
	slices.SortStableFunc(rest, func(a, b wire.ParityFinding) int {
		switch x, y := inceptionFact(a.Field), inceptionFact(b.Field); {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return rest
}

func inceptionFact(field string) bool {
	return slices.Contains([]string{"/id", "/model_id", "/nav_since_inception", "/inception_date"}, field)
}

// analytics compares the payloads of competitors as they were imported; of one
// model where it is named. What is recomputed is checked by other means.
func (r *reading) analytics(ctx context.Context, model string) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.Analytics))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.Analytics(ctx))
	if model != "" {
		answer, err = fromJSON(r.json.AnalyticsOf(ctx, model))
	}
	if err != nil && !errors.Is(err, arena.ErrUnknownModel) {
		return err
	}
	docs, err := r.repos.Analytics.All(ctx, entities.AnalyticsImported)
	if err != nil {
		return err
	}
	imported := make(map[string]entities.ModelAnalytics, len(docs))
	for _, d := range docs {
		imported[d.ModelID] = d
	}
	benchmarks, err := r.benchmarks(ctx)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(answer.Analytics))
	for _, raw := range answer.Analytics {
		doc, err := fromJSON(wire.Decode[wire.AnalyticsDoc](raw))
		if err != nil {
			return err
		}
		seen[doc.ModelID] = true
		if err := r.analyticsOf(ctx, doc, row{doc.ModelID, doc.ModelID, raw}, imported, asOf); err != nil {
			return err
		}
	}
	for _, d := range docs {
		asked := d.ModelID == model || model == "" && !benchmarks[d.ModelID]
		if seen[d.ModelID] || !asked {
			continue
		}
		r.onlyStore(row{d.ModelID, d.ModelID, jsontext.Value(d.Payload)}, !d.AsOf.After(asOf))
	}
	return nil
}

func (r *reading) analyticsOf(ctx context.Context, doc wire.AnalyticsDoc, json row, imported map[string]entities.ModelAnalytics, asOf time.Time) error {
	stored, ok := imported[doc.ModelID]
	if !ok {
		r.onlyJSON(json, "the store does not have it")
		return nil
	}
	if _, err := r.store.AnalyticsOf(ctx, doc.ModelID); errors.Is(err, arena.ErrUnknownModel) {
		r.onlyJSON(json, "the store has it and does not answer with it")
		return nil
	} else if err != nil {
		return err
	}
	from := len(r.findings)
	if err := r.pair(json, row{doc.ModelID, doc.ModelID, jsontext.Value(stored.Payload)}); err != nil {
		return err
	}
	if len(r.findings) == from {
		return nil
	}
	older, err := r.isOlder(asOf, &stored.AsOf)
	if at, given := doc.UpdatedAt.Get(); given {
		asOf, err = wire.Time(at), nil
		older = asOf.UnixMicro() < stored.AsOf.UnixMicro()
	}
	if err != nil {
		return err
	}
	if older {
		r.older(from, doc.ModelID, doc.ModelID, asOf, stored.AsOf)
	}
	return nil
}
