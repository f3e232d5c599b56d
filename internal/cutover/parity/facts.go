package parity

import (
	"context"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// facts are rows that never change once seen, as both sides have them.
type facts[K comparable, T any] struct {
	// answer and file are the rows of the JSON side: those that it answers with, and
	// those that lie in its file.
	answer, file []T
	store        []T // what the store answers with
	key          func(T) K
	row          func(T) row
	ref          func(T) repository.FactRef
	// compare is the order that the endpoint promises of the rows of a model.
	compare func(a, b T) int
	// find looks up rows that the store does not answer with.
	find func(context.Context, []T) ([]T, error)
	// answers reports whether the store has to answer with a row that it has;
	// isAnswered says that the JSON side does.
	answers func(one T, isAnswered bool) bool
	// claimed reports whether the JSON side claims to hold a row.
	claimed func(T) bool
	// pair compares a row that both sides have; nil is as facts are compared.
	pair func(json, store T) error
}

// compareFacts compares each row of the JSON side, by its identity, with the one that the
// store answers with, or has behind those.
func compareFacts[K comparable, T any](ctx context.Context, r *reading, f facts[K, T]) error {
	model := func(one T) string { return f.row(one).model }
	order(r, jsonFile, f.file, model, f.row, f.compare)
	order(r, storeAnswer, f.store, model, f.row, f.compare)
	if f.pair == nil {
		f.pair = func(json, store T) error { return r.pairFact(ctx, f.ref(json), f.row(json), f.row(store)) }
	}
	answered := byKey(f.store, f.key)
	held := byKey(f.answer, f.key)
	rows := slices.Clip(f.answer)
	for _, one := range f.file {
		if _, ok := held[f.key(one)]; !ok {
			rows, held[f.key(one)] = append(rows, one), one
		}
	}
	var missing []T
	for _, one := range rows {
		if _, ok := answered[f.key(one)]; !ok {
			missing = append(missing, one)
		}
	}
	found, err := f.find(ctx, missing)
	if err != nil {
		return err
	}
	behind := byKey(found, f.key)
	for i, one := range rows {
		other, answers := answered[f.key(one)]
		known := answers
		if !answers {
			other, known = behind[f.key(one)]
		}
		switch {
		case !known:
			err = r.lacking(ctx, f.ref(one), f.row(one))
		case !answers && f.answers(other, i < len(f.answer)):
			err = r.onlyJSON(f.row(one), "the store has it and does not answer with it")
		default:
			err = f.pair(one, other)
		}
		if err != nil {
			return err
		}
	}
	for _, one := range f.store {
		if _, ok := held[f.key(one)]; ok {
			continue
		}
		if err := r.onlyStore(f.row(one), f.claimed(one)); err != nil {
			return err
		}
	}
	return nil
}

func byKey[K comparable, T any](rows []T, key func(T) K) map[K]T {
	by := make(map[K]T, len(rows))
	for _, one := range rows {
		by[key(one)] = one
	}
	return by
}

// payloads are those of the rows that were found.
func payloads[R, P any](found []*R, payload func(R) (P, error)) ([]P, error) {
	var all []P
	for _, row := range found {
		if row == nil {
			continue
		}
		p, err := payload(*row)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// tradeKey is the identity of a trade.
type tradeKey struct{ model, id string }

// trades compares the newest trades of each model, and every trade of the file
// by its identity.
func (r *reading) trades(ctx context.Context) error {
	answer, asOf, err := given(ctx, r, snapshot.Trades, arena.Source.Trades)
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
	model := func(t wire.Trade) string { return t.ModelID }
	holds := newWindows(arena.RecentTrades, model, arena.CompareTrades, answer.Trades)
	answers := newWindows(arena.RecentTrades, model, arena.CompareTrades, stored.Trades)
	return compareFacts(ctx, r, facts[tradeKey, wire.Trade]{
		answer: answer.Trades, file: ofFiles, store: stored.Trades,
		key: func(t wire.Trade) tradeKey { return tradeKey{t.ModelID, t.ID} },
		row: func(t wire.Trade) row { return row{t.ModelID, t.ID, t} },
		ref: func(t wire.Trade) repository.FactRef {
			return repository.FactRef{Kind: entities.CorrectTrade, Model: t.ModelID, ID: t.ID}
		},
		compare: arena.CompareTrades,
		find:    r.findTrades,
		answers: func(t wire.Trade, _ bool) bool { return answers.claims(t) },
		claimed: func(t wire.Trade) bool { return t.ExitTime <= wire.Seconds(asOf) && holds.claims(t) },
	})
}

// findTrades looks up the trades of the store with the identities of others.
func (r *reading) findTrades(ctx context.Context, like []wire.Trade) ([]wire.Trade, error) {
	rows := make([]entities.Trade, len(like))
	for i, t := range like {
		rows[i] = entities.Trade{ModelID: t.ModelID, ID: t.ID}
	}
	found, err := r.repos.Trades.Find(ctx, rows)
	if err != nil {
		return nil, err
	}
	return payloads(found, mapping.TradePayload)
}

// totalKey is the identity of an equity row.
type totalKey struct {
	model string
	at    int64 // microseconds
}

// accountTotals compares the hourly rows from a marker on, and every row of the
// file by its identity.
func (r *reading) accountTotals(ctx context.Context, from int64) error {
	answer, asOf, err := given(ctx, r, snapshot.AccountTotals, func(s arena.Source, ctx context.Context) (wire.AccountTotals, error) {
		return s.AccountTotals(ctx, 0)
	})
	if err != nil {
		return err
	}
	ofFiles, err := fileRows(r, snapshot.AccountTotals, wire.Decode[wire.AccountTotal])
	if err != nil {
		return err
	}
	first, last, err := r.markers(answer)
	if err != nil {
		return err
	}
	stored, err := r.store.AccountTotals(ctx, from)
	if err != nil {
		return err
	}
	before := func(a wire.AccountTotal) bool { return a.SinceInceptionHourlyMarker < from }
	answered := slices.DeleteFunc(slices.Clone(answer.AccountTotals), before)

	type hour struct {
		model  string
		marker int64
	}
	hours := byKey(stored.AccountTotals, func(a wire.AccountTotal) hour { return hour{a.ModelID, a.SinceInceptionHourlyMarker} })
	err = compareFacts(ctx, r, facts[totalKey, wire.AccountTotal]{
		answer: answered, file: slices.DeleteFunc(ofFiles, before), store: stored.AccountTotals,
		key: func(a wire.AccountTotal) totalKey { return totalKey{a.ModelID, wire.Time(a.Timestamp).UnixMicro()} },
		row: totalRow,
		ref: func(a wire.AccountTotal) repository.FactRef {
			return repository.FactRef{Kind: entities.CorrectEquity, Model: a.ModelID, ID: repository.EquityFactID(wire.Time(a.Timestamp))}
		},
		compare: arena.CompareTotals,
		find:    r.findTotals,
		// One may be behind a newer one of the same hour.
		answers: func(a wire.AccountTotal, isAnswered bool) bool {
			newest, ok := hours[hour{a.ModelID, a.SinceInceptionHourlyMarker}]
			return isAnswered && (!ok || newest.Timestamp < a.Timestamp)
		},
		claimed: func(a wire.AccountTotal) bool {
			marker := a.SinceInceptionHourlyMarker
			return first <= marker && marker <= last && a.Timestamp <= wire.Seconds(asOf)
		},
	})
	if err != nil {
		return err
	}
	r.lastMarker(answered, stored, from)
	return nil
}

// markers are those between which the JSON side claims to hold every row.
func (r *reading) markers(answer wire.AccountTotals) (first, last int64, err error) {
	last = answer.LastHourlyMarkerRead
	if len(answer.AccountTotals) > 0 {
		first = answer.AccountTotals[0].SinceInceptionHourlyMarker // they come by marker
	}
	if !r.files {
		return first, last, nil
	}
	f, err := fromJSON(r.json.File(snapshot.AccountTotals))
	if err != nil {
		return 0, 0, err
	}
	return first, max(last, f.LastHourlyMarkerRead), nil
}

// lastMarker checks the newest marker that the store states beside its rows.
func (r *reading) lastMarker(answered []wire.AccountTotal, stored wire.AccountTotals, from int64) {
	newest := int64(-1)
	for _, a := range slices.Concat(answered, stored.AccountTotals) {
		newest = max(newest, a.SinceInceptionHourlyMarker)
	}
	if marker := stored.LastHourlyMarkerRead; marker < newest || marker > newest && from == 0 {
		r.put(wire.ParityFinding{
			Field: "/lastHourlyMarkerRead", Kind: wire.FindingValue,
			JSON: jsontext.Value(strconv.FormatInt(newest, 10)), Store: jsontext.Value(strconv.FormatInt(marker, 10)),
		})
	}
}

// findTotals looks up the equity rows of the store with the identities of others.
func (r *reading) findTotals(ctx context.Context, like []wire.AccountTotal) ([]wire.AccountTotal, error) {
	rows := make([]entities.AccountEquitySnapshot, len(like))
	for i, a := range like {
		rows[i] = entities.AccountEquitySnapshot{ModelID: a.ModelID, ObservedAt: wire.Time(a.Timestamp)}
	}
	found, err := r.repos.Equity.Find(ctx, rows)
	if err != nil {
		return nil, err
	}
	return payloads(found, mapping.EquityPayload)
}

// totalRow names an hourly row as clients know it. A row without an id gets the
// one that the store makes of its model and hour.
func totalRow(a wire.AccountTotal) row {
	if a.ID.IsZero() {
		same, _ := mapping.EquityPayload(mapping.Equity(a)) // what has just been read
		a.ID = same.ID
	}
	return row{a.ModelID, a.ID.Or(""), a}
}
