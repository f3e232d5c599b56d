package parity

import (
	"context"
	"errors"
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
	answer, asOf, err := given(ctx, r, snapshot.CryptoPrices, arena.Source.CryptoPrices)
	if err != nil {
		return err
	}
	stored, err := r.store.CryptoPrices(ctx)
	if err != nil {
		return err
	}
	return match(sorted(answer.Prices), sorted(stored.Prices),
		func(symbol string, p, other wire.Price) error {
			if p.Timestamp < other.Timestamp {
				return r.olderPrice(ctx, p, other)
			}
			return r.pair(row{"", symbol, p}, row{"", symbol, other})
		},
		func(symbol string, p wire.Price) error { return r.onlyJSON(row{"", symbol, p}, lacks) },
		func(symbol string, p wire.Price) error {
			return r.onlyStore(row{"", symbol, p}, !wire.MillisTime(p.Timestamp).After(asOf))
		})
}

// olderPrice cannot be compared with the newest one. It is held to the feed of
// that time, so far as that is kept: in a fast market the files are always
// behind, and a wrong price is found all the same.
func (r *reading) olderPrice(ctx context.Context, p, newest wire.Price) error {
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
		if err := r.pair(row{"", p.Symbol, p}, row{"", p.Symbol, then}); err != nil {
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
	all := func(s arena.Source, ctx context.Context) (wire.Positions, error) { return s.Positions(ctx, 0) }
	answer, asOf, err := given(ctx, r, snapshot.Positions, all)
	if err != nil {
		return err
	}
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	stored, err := all(r.store, ctx)
	if err != nil {
		return err
	}
	modelOf := func(m wire.ModelPositions) string { return m.ModelID }
	return match(listed(answer.AccountTotals, modelOf), listed(stored.AccountTotals, modelOf),
		func(model string, m, other wire.ModelPositions) error {
			from := len(r.findings)
			if err := r.positionsOf(m, other); err != nil {
				return err
			}
			return r.unlessOlder(from, model, asOf, accounts[model].PositionsAsOf)
		},
		func(model string, m wire.ModelPositions) error {
			from := len(r.findings)
			if err := r.onlyJSON(row{model, model, m}, "the store does not know it as a competitor"); err != nil {
				return err
			}
			return r.unlessOlder(from, model, asOf, accounts[model].PositionsAsOf)
		},
		func(model string, m wire.ModelPositions) error {
			older, err := r.isOlder(asOf, accounts[model].PositionsAsOf)
			if err != nil {
				return err
			}
			return r.onlyStore(row{model, model, m}, len(m.Positions) > 0 && !older)
		})
}

func (r *reading) positionsOf(json, store wire.ModelPositions) error {
	model, a, b := json.ModelID, json, store
	a.Positions, b.Positions = nil, nil
	if err := r.pair(row{model, model, a}, row{model, model, b}); err != nil {
		return err
	}
	return match(sorted(json.Positions), sorted(store.Positions),
		func(symbol string, p, other wire.Position) error {
			return r.pair(row{model, symbol, p}, row{model, symbol, other})
		},
		func(symbol string, p wire.Position) error {
			return r.onlyJSON(row{model, symbol, p}, "it is not open in the store")
		},
		func(symbol string, p wire.Position) error {
			return r.only(wire.FindingOnlyStore, "", row{model, symbol, p}, "it is not open on the JSON side")
		})
}

// sinceInception compares the inceptions. Their facts never change; the number
// of invocations, and what no column names, are current state.
func (r *reading) sinceInception(ctx context.Context) error {
	answer, asOf, err := given(ctx, r, snapshot.SinceInception, arena.Source.SinceInception)
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
	modelOf := func(s wire.SinceInception) string { return s.ModelID }
	return match(listed(answer.SinceInceptionValues, modelOf), listed(stored.SinceInceptionValues, modelOf),
		func(model string, s, other wire.SinceInception) error {
			from := len(r.findings)
			if err := r.pair(row{model, model, s}, row{model, model, other}); err != nil {
				return err
			}
			state := slices.IndexFunc(r.factsFirst(from), func(f wire.ParityFinding) bool { return !inceptionFact(f.Field) })
			if state < 0 {
				return nil
			}
			return r.unlessOlder(from+state, model, asOf, accounts[model].InvocationsAsOf)
		},
		func(model string, s wire.SinceInception) error { return r.onlyJSON(row{model, model, s}, lacks) },
		func(model string, s wire.SinceInception) error {
			return r.onlyStore(row{model, model, s}, s.InceptionDate <= wire.Seconds(asOf))
		})
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
	answer, asOf, err := given(ctx, r, snapshot.Analytics, func(s arena.Source, ctx context.Context) (wire.Analytics, error) {
		if model == "" {
			return s.Analytics(ctx)
		}
		return s.AnalyticsOf(ctx, model)
	})
	if err != nil && !errors.Is(err, arena.ErrUnknownModel) {
		return err
	}
	imported, err := r.repos.Analytics.All(ctx, entities.AnalyticsImported)
	if err != nil {
		return err
	}
	benchmarks, err := r.benchmarks(ctx)
	if err != nil {
		return err
	}
	type document struct {
		raw  jsontext.Value
		asOf *time.Time // nil where it does not say
	}
	answered := named[document]{rows: make(map[string]document)}
	for _, raw := range answer.Analytics {
		doc, err := fromJSON(wire.Decode[wire.AnalyticsDoc](raw))
		if err != nil {
			return err
		}
		one := document{raw: raw}
		if at, ok := doc.UpdatedAt.Get(); ok {
			one.asOf = new(wire.Time(at))
		}
		answered.names, answered.rows[doc.ModelID] = append(answered.names, doc.ModelID), one
	}
	stored := named[document]{rows: make(map[string]document)}
	for _, d := range imported {
		stored.names = append(stored.names, d.ModelID)
		stored.rows[d.ModelID] = document{jsontext.Value(d.Payload), &d.AsOf}
	}
	return match(answered, stored,
		func(of string, doc, other document) error {
			if _, err := r.store.AnalyticsOf(ctx, of); errors.Is(err, arena.ErrUnknownModel) {
				return r.onlyJSON(row{of, of, doc.raw}, "the store has it and does not answer with it")
			} else if err != nil {
				return err
			}
			from := len(r.findings)
			if err := r.pair(row{of, of, doc.raw}, row{of, of, other.raw}); err != nil {
				return err
			}
			switch {
			case doc.asOf == nil:
				return r.unlessOlder(from, of, asOf, other.asOf)
			case len(r.findings) > from && doc.asOf.UnixMicro() < other.asOf.UnixMicro():
				r.older(from, of, *doc.asOf, *other.asOf)
			}
			return nil
		},
		func(of string, doc document) error { return r.onlyJSON(row{of, of, doc.raw}, lacks) },
		func(of string, doc document) error {
			if asked := of == model || model == "" && !benchmarks[of]; !asked {
				return nil
			}
			return r.onlyStore(row{of, of, doc.raw}, !doc.asOf.After(asOf))
		})
}
