package cachelayer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Batch gathers the values of projections for [Projections.Rewrite]. Methods
// return ErrBadID for an id that cannot be part of a key, and an error for a
// projection that was not claimed. Of two values of one projection the later
// holds.
type Batch struct {
	keys Keys
	*gathered
}

// gathered is what the batches of several competitions put together.
type gathered struct {
	tokens map[string]string // by name
	whole  bool
	writes []write
}

// In returns the batch for the projections of a competition that is named, as
// [Keys.In] does.
func (b *Batch) In(competition string) *Batch { return &Batch{b.keys.In(competition), b.gathered} }

// write is the value of one projection.
type write struct {
	key     Key
	token   string
	verb    string
	values  []any
	size    int
	appends bool
}

// Whole says that projections must be given whole: the short way did not lead
// on.
func (b *Batch) Whole() bool { return b.whole }

// Clear removes a projection.
func (b *Batch) Clear(key Key) error { return b.add(key, nil, verbNone, nil) }

// Positions makes open, documents by symbol, the open positions of a model.
func (b *Batch) Positions(model string, open map[string]jsontext.Value) error {
	key, err := b.keys.Positions(model)
	return b.add(key, err, verbHash, fieldsOf(open))
}

// RecentTrades makes trades, documents with the newest first, those of a model.
func (b *Batch) RecentTrades(model string, trades []jsontext.Value) error {
	key, err := b.keys.RecentTrades(model)
	return b.add(key, err, verbPush, listOf(trades))
}

// Leaderboard ranks the models by their returns in percent. A model without
// return has no place.
func (b *Batch) Leaderboard(returns map[string]float64) error {
	var values []any
	for _, model := range slices.Sorted(maps.Keys(returns)) {
		values = append(values, strconv.FormatFloat(returns[model], 'g', -1, 64), model)
	}
	return b.add(b.keys.Leaderboard(), nil, verbScore, values)
}

// Point is the equity of a model at a time in unix seconds.
type Point struct{ Time, Equity float64 }

// element spells a point as [time, equity].
func (p Point) element() []byte {
	e := append([]byte{'['}, jsonNumber(p.Time)...)
	e = append(e, ',')
	e = append(e, jsonNumber(p.Equity)...)
	return append(e, ']')
}

func jsonNumber(v float64) jsontext.Value {
	number := jsontext.Value(strconv.FormatFloat(v, 'g', -1, 64))
	_ = number.Canonicalize() // a finite double always has a canonical form
	return number
}

// SinceInception makes points, in order of time, the values of a model.
func (b *Batch) SinceInception(model string, points []Point) error {
	key, err := b.keys.SinceInception(model)
	values := make([]any, len(points))
	for i, p := range points {
		values[i] = p.element()
	}
	return b.add(key, err, verbPush, values)
}

// AppendSinceInception makes last the newest value of a model and before, nil
// where there is none, the one before it: it replaces the stored last value or
// comes after it. Where neither follows from what is stored, Rewrite asks again,
// with Whole.
func (b *Batch) AppendSinceInception(model string, before *Point, last Point) error {
	key, err := b.keys.SinceInception(model)
	values := []any{"", last.element()}
	if before != nil {
		values[0] = before.element()
	}
	if err := b.add(key, err, verbPush, values); err != nil {
		return err
	}
	b.writes[len(b.writes)-1].appends = true
	return nil
}

// Conversations makes docs, newest first, the documents of a model.
func (b *Batch) Conversations(model string, docs []jsontext.Value) error {
	key, err := b.keys.Conversations(model)
	return b.add(key, err, verbPush, listOf(docs))
}

// LastDecision makes doc the last decision of a model; nil is none.
func (b *Batch) LastDecision(model string, doc jsontext.Value) error {
	key, err := b.keys.LastDecision(model)
	return b.add(key, err, verbSet, one(doc))
}

// TraderState makes fields what a trader remembers.
func (b *Batch) TraderState(trader string, fields map[string]jsontext.Value) error {
	key, err := b.keys.TraderState(trader)
	return b.add(key, err, verbHash, fieldsOf(fields))
}

// MarketAsset makes doc the metadata of an asset at a provider; nil is none.
func (b *Batch) MarketAsset(provider, symbol string, doc jsontext.Value) error {
	key, err := b.keys.MarketAsset(provider, symbol)
	return b.add(key, err, verbSet, one(doc))
}

// MarketCtx makes doc the market context of an asset at a provider; nil is
// none.
func (b *Batch) MarketCtx(provider, symbol string, doc jsontext.Value) error {
	key, err := b.keys.MarketCtx(provider, symbol)
	return b.add(key, err, verbSet, one(doc))
}

// LatestPrice makes doc the newest price of a symbol at the primary provider;
// nil is none.
func (b *Batch) LatestPrice(symbol string, doc jsontext.Value) error {
	key, err := b.keys.LatestPrice(symbol)
	return b.add(key, err, verbSet, one(doc))
}

// LatestProviderPrice makes doc the newest price of a symbol at a provider; nil
// is none.
func (b *Batch) LatestProviderPrice(provider, symbol string, doc jsontext.Value) error {
	key, err := b.keys.LatestProviderPrice(provider, symbol)
	return b.add(key, err, verbSet, one(doc))
}

func (b *Batch) add(key Key, err error, verb string, values []any) error {
	if err != nil {
		return err
	}
	token, claimed := b.tokens[key.Name]
	if !claimed {
		return fmt.Errorf("projection %s was not claimed", key.Name)
	}
	w := write{key: key, token: token, verb: verb, values: values}
	for _, v := range values {
		w.size += sizeOf(v)
	}
	b.writes = slices.DeleteFunc(b.writes, func(old write) bool { return old.key.Name == key.Name })
	b.writes = append(b.writes, w)
	return nil
}

// fieldsOf spells a hash, its fields in order.
func fieldsOf(docs map[string]jsontext.Value) []any {
	values := make([]any, 0, 2*len(docs))
	for _, field := range slices.Sorted(maps.Keys(docs)) {
		values = append(values, field, []byte(docs[field]))
	}
	return values
}

func listOf(docs []jsontext.Value) []any {
	values := make([]any, len(docs))
	for i, doc := range docs {
		values[i] = []byte(doc)
	}
	return values
}

func one(doc jsontext.Value) []any {
	if doc == nil {
		return nil
	}
	return []any{[]byte(doc)}
}
