package parity

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// tradeKey is the identity of a trade.
type tradeKey struct{ model, id string }

func keyOfTrade(t wire.Trade) tradeKey { return tradeKey{t.ModelID, t.ID} }

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
	ofFiles, err := fileRows(r, snapshot.Trades, wire.Decode[wire.Trade])
	if err != nil {
		return err
	}
	stored, err := r.store.Trades(ctx)
	if err != nil {
		return err
	}
	order(r, jsonFile, ofFiles, modelOfTrade, tradeName, arena.CompareTrades)
	order(r, storeAnswer, stored.Trades, modelOfTrade, tradeName, arena.CompareTrades)

	given := answer.Trades
	seen := make(map[tradeKey]bool, len(given))
	holds := newWindows(arena.RecentTrades, arena.CompareTrades)
	for _, t := range given {
		seen[keyOfTrade(t)] = true
		holds.add(t.ModelID, t)
	}
	for _, t := range ofFiles {
		if k := keyOfTrade(t); !seen[k] {
			seen[k] = true
			given = append(given, t)
		}
	}
	if err := r.pairTrades(ctx, given, stored.Trades); err != nil {
		return err
	}
	for _, t := range stored.Trades {
		if seen[keyOfTrade(t)] {
			continue
		}
		store, err := rowOf(t.ModelID, t.ID, t)
		if err != nil {
			return err
		}
		r.onlyStore(store, t.ExitTime <= wire.Seconds(asOf) && holds.claims(t.ModelID, t))
	}
	return nil
}

// pairTrades compares each trade of the JSON side with the one that the store
// answers with, or has behind the newest.
func (r *reading) pairTrades(ctx context.Context, given, stored []wire.Trade) error {
	answered := make(map[tradeKey]wire.Trade, len(stored))
	claimed := newWindows(arena.RecentTrades, arena.CompareTrades)
	for _, t := range stored {
		answered[keyOfTrade(t)] = t
		claimed.add(t.ModelID, t)
	}
	behind, err := r.tradesBehind(ctx, given, answered)
	if err != nil {
		return err
	}
	for _, t := range given {
		ref := repository.FactRef{Kind: entities.CorrectTrade, Model: t.ModelID, ID: t.ID}
		json, err := rowOf(t.ModelID, t.ID, t)
		if err != nil {
			return err
		}
		other, ok := answered[keyOfTrade(t)]
		if !ok {
			if other, ok = behind[keyOfTrade(t)]; !ok {
				if err := r.lacking(ctx, ref, json); err != nil {
					return err
				}
				continue
			}
			if claimed.claims(t.ModelID, other) {
				r.onlyJSON(json, "the store has it and does not answer with it")
				continue
			}
		}
		store, err := rowOf(t.ModelID, t.ID, other)
		if err != nil {
			return err
		}
		if err := r.pairFact(ctx, ref, json, store); err != nil {
			return err
		}
	}
	return nil
}

// tradesBehind looks up the trades that the store did not answer with.
func (r *reading) tradesBehind(ctx context.Context, given []wire.Trade, answered map[tradeKey]wire.Trade) (map[tradeKey]wire.Trade, error) {
	var like []entities.Trade
	for _, t := range given {
		if _, ok := answered[keyOfTrade(t)]; !ok {
			like = append(like, entities.Trade{ModelID: t.ModelID, ID: t.ID})
		}
	}
	found, err := r.repos.Trades.Find(ctx, like)
	if err != nil {
		return nil, err
	}
	behind := make(map[tradeKey]wire.Trade, len(found))
	for _, f := range found {
		if f == nil {
			continue
		}
		t, err := mapping.TradePayload(*f)
		if err != nil {
			return nil, err
		}
		behind[tradeKey{f.ModelID, f.ID}] = t
	}
	return behind, nil
}

func modelOfTrade(t wire.Trade) string { return t.ModelID }
func tradeName(t wire.Trade) row       { return row{model: t.ModelID, id: t.ID} }

// totalKey is the identity of an equity row.
type totalKey struct {
	model string
	at    int64 // microseconds
}

func keyOfTotal(a wire.AccountTotal) totalKey {
	return totalKey{a.ModelID, wire.Time(a.Timestamp).UnixMicro()}
}

// givenTotals are the rows of the JSON side from a marker on.
type givenTotals struct {
	rows     []wire.AccountTotal // those of its answer, then the rest of the file
	answered int                 // how many of them are in its answer
	seen     map[totalKey]bool
	// first and last are the markers between which it claims to hold every row.
	first, last int64
}

func (g *givenTotals) take(rows []wire.AccountTotal, from int64) {
	for _, a := range rows {
		if k := keyOfTotal(a); !g.seen[k] && a.SinceInceptionHourlyMarker >= from {
			g.seen[k] = true
			g.rows = append(g.rows, a)
		}
	}
}

// givenTotals reads the JSON side and checks the order of the file.
func (r *reading) givenTotals(ctx context.Context, from int64) (*givenTotals, error) {
	answer, err := fromJSON(r.json.AccountTotals(ctx, 0))
	if err != nil {
		return nil, err
	}
	g := &givenTotals{seen: make(map[totalKey]bool), last: answer.LastHourlyMarkerRead}
	if len(answer.AccountTotals) > 0 {
		g.first = answer.AccountTotals[0].SinceInceptionHourlyMarker // they come by marker
	}
	g.take(answer.AccountTotals, from)
	g.answered = len(g.rows)
	if !r.files {
		return g, nil
	}
	ofFiles, err := fileRows(r, snapshot.AccountTotals, wire.Decode[wire.AccountTotal])
	if err != nil {
		return nil, err
	}
	order(r, jsonFile, ofFiles, modelOfTotal, totalName, arena.CompareTotals)
	g.take(ofFiles, from)
	f, err := fromJSON(r.json.File(snapshot.AccountTotals))
	if err != nil {
		return nil, err
	}
	g.last = max(g.last, f.LastHourlyMarkerRead)
	return g, nil
}

// accountTotals compares the hourly rows from a marker on, and every row of the
// file by its identity.
func (r *reading) accountTotals(ctx context.Context, from int64) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.AccountTotals))
	if err != nil {
		return err
	}
	given, err := r.givenTotals(ctx, from)
	if err != nil {
		return err
	}
	stored, err := r.store.AccountTotals(ctx, from)
	if err != nil {
		return err
	}
	order(r, storeAnswer, stored.AccountTotals, modelOfTotal, totalName, arena.CompareTotals)
	if err := r.pairTotals(ctx, given, stored.AccountTotals); err != nil {
		return err
	}
	for _, a := range stored.AccountTotals {
		if given.seen[keyOfTotal(a)] {
			continue
		}
		store, err := totalRow(a)
		if err != nil {
			return err
		}
		marker := a.SinceInceptionHourlyMarker
		r.onlyStore(store, given.first <= marker && marker <= given.last && a.Timestamp <= wire.Seconds(asOf))
	}
	r.lastMarker(given, stored, from)
	return nil
}

// lastMarker checks the newest marker that the store states beside its rows.
func (r *reading) lastMarker(given *givenTotals, stored wire.AccountTotals, from int64) {
	newest := int64(-1)
	for _, rows := range [][]wire.AccountTotal{given.rows[:given.answered], stored.AccountTotals} {
		for _, a := range rows {
			newest = max(newest, a.SinceInceptionHourlyMarker)
		}
	}
	if marker := stored.LastHourlyMarkerRead; marker < newest || marker > newest && from == 0 {
		r.put(wire.ParityFinding{
			Field: "/lastHourlyMarkerRead", Kind: wire.FindingValue,
			JSON: jsontext.Value(strconv.FormatInt(newest, 10)), Store: jsontext.Value(strconv.FormatInt(marker, 10)),
		})
	}
}

// pairTotals compares each row of the JSON side with the one that the store
// answers with, or has behind a newer one of the same hour.
func (r *reading) pairTotals(ctx context.Context, given *givenTotals, stored []wire.AccountTotal) error {
	type hour struct {
		model  string
		marker int64
	}
	answered := make(map[totalKey]wire.AccountTotal, len(stored))
	hours := make(map[hour]wire.AccountTotal, len(stored))
	for _, a := range stored {
		answered[keyOfTotal(a)] = a
		hours[hour{a.ModelID, a.SinceInceptionHourlyMarker}] = a
	}
	behind, err := r.totalsBehind(ctx, given.rows, answered)
	if err != nil {
		return err
	}
	for i, a := range given.rows {
		k := keyOfTotal(a)
		ref := repository.FactRef{Kind: entities.CorrectEquity, Model: a.ModelID, ID: repository.EquityFactID(wire.Time(a.Timestamp))}
		json, err := totalRow(a)
		if err != nil {
			return err
		}
		other, ok := answered[k]
		if !ok {
			if other, ok = behind[k]; !ok {
				if err := r.lacking(ctx, ref, json); err != nil {
					return err
				}
				continue
			}
			newest, answers := hours[hour{a.ModelID, other.SinceInceptionHourlyMarker}]
			if i < given.answered && (!answers || newest.Timestamp < other.Timestamp) {
				r.onlyJSON(json, "the store has it and does not answer with it")
				continue
			}
		}
		store, err := totalRow(other)
		if err != nil {
			return err
		}
		if err := r.pairFact(ctx, ref, json, store); err != nil {
			return err
		}
	}
	return nil
}

// totalsBehind looks up the rows that the store did not answer with.
func (r *reading) totalsBehind(ctx context.Context, given []wire.AccountTotal, answered map[totalKey]wire.AccountTotal) (map[totalKey]wire.AccountTotal, error) {
	var like []entities.AccountEquitySnapshot
	for _, a := range given {
		if _, ok := answered[keyOfTotal(a)]; !ok {
			like = append(like, entities.AccountEquitySnapshot{ModelID: a.ModelID, ObservedAt: wire.Time(a.Timestamp)})
		}
	}
	found, err := r.repos.Equity.Find(ctx, like)
	if err != nil {
		return nil, err
	}
	behind := make(map[totalKey]wire.AccountTotal, len(found))
	for i, f := range found {
		if f == nil {
			continue
		}
		a, err := mapping.EquityPayload(*f)
		if err != nil {
			return nil, err
		}
		behind[totalKey{like[i].ModelID, like[i].ObservedAt.UnixMicro()}] = a
	}
	return behind, nil
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
