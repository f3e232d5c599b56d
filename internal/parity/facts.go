package parity

import (
	"context"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// trades compares the newest trades of each model, and every trade of the file
// by its identity.
func (r *reading) trades(ctx context.Context) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.Trades))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.Trades(ctx))
	if err != nil {
		return err
	}
	given := answer.Trades
	filed, err := fileRows(r, snapshot.Trades, wire.Decode[wire.Trade])
	if err != nil {
		return err
	}
	stored, err := r.store.Trades(ctx)
	if err != nil {
		return err
	}
	order(r, jsonFile, filed, modelOfTrade, tradeName, newestTradeFirst)
	order(r, storeAnswer, stored.Trades, modelOfTrade, tradeName, newestTradeFirst)

	type key struct{ model, id string }
	answered := make(map[key]wire.Trade, len(stored.Trades))
	claimed := newWindows(arena.RecentTrades)
	for _, t := range stored.Trades {
		answered[key{t.ModelID, t.ID}] = t
		claimed.add(t.ModelID, tradePlace(t))
	}
	seen := make(map[key]bool, len(given))
	holds := newWindows(arena.RecentTrades)
	for _, t := range given {
		seen[key{t.ModelID, t.ID}] = true
		holds.add(t.ModelID, tradePlace(t))
	}
	for _, t := range filed {
		if k := (key{t.ModelID, t.ID}); !seen[k] {
			seen[k] = true
			given = append(given, t)
		}
	}

	var like []entities.Trade
	for _, t := range given {
		if _, ok := answered[key{t.ModelID, t.ID}]; !ok {
			like = append(like, entities.Trade{ModelID: t.ModelID, ID: t.ID})
		}
	}
	found, err := r.repos.Trades.Find(ctx, like)
	if err != nil {
		return err
	}
	behind := make(map[key]*entities.Trade, len(found))
	for i, f := range found {
		behind[key{like[i].ModelID, like[i].ID}] = f
	}

	for _, t := range given {
		k := key{t.ModelID, t.ID}
		json, err := rowOf(t.ModelID, t.ID, t)
		if err != nil {
			return err
		}
		other, ok := answered[k]
		if !ok {
			if behind[k] == nil {
				r.onlyJSON(json, "the store does not have it")
				continue
			}
			if other, err = mapping.TradePayload(*behind[k]); err != nil {
				return err
			}
			if claimed.claims(t.ModelID, tradePlace(other)) {
				r.onlyJSON(json, "the store has it and does not answer with it")
				continue
			}
		}
		store, err := rowOf(t.ModelID, t.ID, other)
		if err != nil {
			return err
		}
		if err := r.pair(json, store); err != nil {
			return err
		}
	}
	for _, t := range stored.Trades {
		if seen[key{t.ModelID, t.ID}] {
			continue
		}
		store, err := rowOf(t.ModelID, t.ID, t)
		if err != nil {
			return err
		}
		r.onlyStore(store, t.ExitTime <= wire.Seconds(asOf) && holds.claims(t.ModelID, tradePlace(t)))
	}
	return nil
}

func modelOfTrade(t wire.Trade) string { return t.ModelID }
func tradeName(t wire.Trade) row       { return row{model: t.ModelID, id: t.ID} }
func tradePlace(t wire.Trade) place    { return place{t.ExitTime, t.ID} }

func newestTradeFirst(before, after wire.Trade) bool {
	return tradePlace(before).before(tradePlace(after))
}

// accountTotals compares the hourly rows from a marker on, and every row of the
// file by its identity.
func (r *reading) accountTotals(ctx context.Context, from int64) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.AccountTotals))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.AccountTotals(ctx, 0))
	if err != nil {
		return err
	}
	filed, err := fileRows(r, snapshot.AccountTotals, wire.Decode[wire.AccountTotal])
	if err != nil {
		return err
	}
	stored, err := r.store.AccountTotals(ctx, from)
	if err != nil {
		return err
	}
	order(r, jsonFile, filed, modelOfTotal, totalName, func(a, b wire.AccountTotal) bool {
		return a.SinceInceptionHourlyMarker < b.SinceInceptionHourlyMarker ||
			a.SinceInceptionHourlyMarker == b.SinceInceptionHourlyMarker && a.Timestamp <= b.Timestamp
	})
	order(r, storeAnswer, stored.AccountTotals, modelOfTotal, totalName, func(a, b wire.AccountTotal) bool {
		return a.SinceInceptionHourlyMarker < b.SinceInceptionHourlyMarker
	})

	type key struct {
		model string
		at    int64 // microseconds
	}
	keyOf := func(a wire.AccountTotal) key { return key{a.ModelID, wire.Time(a.Timestamp).UnixMicro()} }
	type hour struct {
		model  string
		marker int64
	}
	first, last := int64(0), answer.LastHourlyMarkerRead
	if len(answer.AccountTotals) > 0 {
		first = answer.AccountTotals[0].SinceInceptionHourlyMarker // they come by marker
	}
	if r.files {
		f, err := fromJSON(r.json.File(snapshot.AccountTotals))
		if err != nil {
			return err
		}
		last = max(last, f.LastHourlyMarkerRead)
	}
	var given []wire.AccountTotal
	seen := make(map[key]bool)
	take := func(rows []wire.AccountTotal) {
		for _, a := range rows {
			if k := keyOf(a); !seen[k] && a.SinceInceptionHourlyMarker >= from {
				seen[k] = true
				given = append(given, a)
			}
		}
	}
	take(answer.AccountTotals)
	inAnswer := len(given)
	take(filed)

	answered := make(map[key]wire.AccountTotal, len(stored.AccountTotals))
	hours := make(map[hour]wire.AccountTotal, len(stored.AccountTotals))
	for _, a := range stored.AccountTotals {
		answered[keyOf(a)] = a
		hours[hour{a.ModelID, a.SinceInceptionHourlyMarker}] = a
	}
	var like []entities.AccountEquitySnapshot
	for _, a := range given {
		if _, ok := answered[keyOf(a)]; !ok {
			like = append(like, entities.AccountEquitySnapshot{ModelID: a.ModelID, ObservedAt: wire.Time(a.Timestamp)})
		}
	}
	found, err := r.repos.Equity.Find(ctx, like)
	if err != nil {
		return err
	}
	behind := make(map[key]*entities.AccountEquitySnapshot, len(found))
	for i, f := range found {
		behind[key{like[i].ModelID, like[i].ObservedAt.UnixMicro()}] = f
	}

	for i, a := range given {
		k := keyOf(a)
		json, err := totalRow(a)
		if err != nil {
			return err
		}
		other, ok := answered[k]
		if !ok {
			if behind[k] == nil {
				r.onlyJSON(json, "the store does not have it")
				continue
			}
			if other, err = mapping.EquityPayload(*behind[k]); err != nil {
				return err
			}
			newest, answers := hours[hour{a.ModelID, other.SinceInceptionHourlyMarker}]
			if i < inAnswer && (!answers || newest.Timestamp < other.Timestamp) {
				r.onlyJSON(json, "the store has it and does not answer with it")
				continue
			}
		}
		store, err := totalRow(other)
		if err != nil {
			return err
		}
		if err := r.pair(json, store); err != nil {
			return err
		}
	}
	for _, a := range stored.AccountTotals {
		if seen[keyOf(a)] {
			continue
		}
		store, err := totalRow(a)
		if err != nil {
			return err
		}
		marker := a.SinceInceptionHourlyMarker
		r.onlyStore(store, first <= marker && marker <= last && a.Timestamp <= wire.Seconds(asOf))
	}
	if stored.LastHourlyMarkerRead < answer.LastHourlyMarkerRead {
		json, err := rowOf("", "", answer.LastHourlyMarkerRead)
		if err != nil {
			return err
		}
		store, err := rowOf("", "", stored.LastHourlyMarkerRead)
		if err != nil {
			return err
		}
		r.put(wire.ParityFinding{Field: "/lastHourlyMarkerRead", Kind: wire.FindingValue, JSON: json.raw, Store: store.raw})
	}
	return nil
}

func modelOfTotal(a wire.AccountTotal) string { return a.ModelID }
func totalName(a wire.AccountTotal) row       { return row{model: a.ModelID, id: a.ID.Or("")} }

// totalRow names an hourly row as clients know it. A row without an id gets the
// one that the store makes of its model and hour.
func totalRow(a wire.AccountTotal) (row, error) {
	if a.ID.IsZero() {
		same, err := mapping.EquityPayload(mapping.Equity(a))
		if err != nil {
			return row{}, err
		}
		a.ID = same.ID
	}
	return rowOf(a.ModelID, a.ID.Or(""), a)
}
