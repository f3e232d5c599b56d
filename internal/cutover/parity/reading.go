package parity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// sources are the two sides of a comparison.
type sources struct {
	json  *jsonstore.Source
	store arena.Source
	repos repository.Repositories
	// files says that the JSON files themselves are looked at, beside what the
	// source answers from them: the order of their rows, and rows beyond the
	// caps.
	files bool
}

// bind makes the store's side that of the default competition, which the JSON side has.
func (s *sources) bind(ctx context.Context, store func(repository.Repositories) arena.Source, repos repository.Repositories, configured string) error {
	competition, err := arena.DefaultCompetition(ctx, repos, configured)
	s.repos = repos.In(competition)
	s.store = store(s.repos)
	return err
}

// reading is one comparison of one view, on both sides as they are now.
type reading struct {
	sources
	domain arena.Domain
	view   catalogue.ViewName
	counts wire.ParityCounts
	// held says that the JSON directory has something of the view.
	held     bool
	findings []wire.ParityFinding
}

// row is one row of an answer, with what clients get of it.
type row struct {
	model, id string
	payload   any
}

// of is another part of the row.
func (o row) of(payload any) row { return row{o.model, o.id, payload} }

// rendered is a row as clients get it.
func (o row) rendered() (jsontext.Value, error) {
	if raw, ok := o.payload.(jsontext.Value); ok {
		return raw, nil
	}
	raw, err := wire.Marshal(o.payload)
	if err != nil {
		return nil, fmt.Errorf("error rendering %s: %w", o.id, err)
	}
	return raw, nil
}

// comparer is how a view is compared: the kinds of files that it is made from, and
// what compares it.
type comparer struct {
	kinds   []snapshot.Kind
	compare func(*reading, context.Context, arena.Request) error
}

// comparers are those of the views that the JSON side has, but for the lists of models
// and symbols: it has no rows of them, and their names are those in the rows of the
// other views.
func comparers() map[catalogue.ViewName]comparer {
	whole := func(compare func(*reading, context.Context) error) func(*reading, context.Context, arena.Request) error {
		return func(r *reading, ctx context.Context, _ arena.Request) error { return compare(r, ctx) }
	}
	analytics := comparer{
		[]snapshot.Kind{snapshot.Analytics, snapshot.ModelAnalytics},
		func(r *reading, ctx context.Context, req arena.Request) error { return r.analytics(ctx, req.Model) },
	}
	return map[catalogue.ViewName]comparer{
		catalogue.ViewCryptoPrices: {[]snapshot.Kind{snapshot.CryptoPrices}, whole((*reading).prices)},
		catalogue.ViewTrades:       {[]snapshot.Kind{snapshot.Trades}, whole((*reading).trades)},
		catalogue.ViewPositions:    {[]snapshot.Kind{snapshot.Positions}, whole((*reading).positions)},
		catalogue.ViewAccountTotals: {
			[]snapshot.Kind{snapshot.AccountTotals},
			func(r *reading, ctx context.Context, req arena.Request) error {
				return r.accountTotals(ctx, req.FromMarker)
			},
		},
		catalogue.ViewSinceInception: {[]snapshot.Kind{snapshot.SinceInception}, whole((*reading).sinceInception)},
		catalogue.ViewAnalytics:      analytics,
		catalogue.ViewAnalyticsOf:    analytics,
		catalogue.ViewLeaderboard:    {[]snapshot.Kind{snapshot.Leaderboard}, whole((*reading).leaderboard)},
		catalogue.ViewConversations:  {[]snapshot.Kind{snapshot.Conversations}, whole((*reading).conversations)},
	}
}

// views are those of a domain that are compared. What is one model's is compared
// with the view of all.
func views(d arena.Domain) (names []catalogue.ViewName) {
	known := comparers()
	for _, v := range catalogue.Views() {
		if _, ok := known[v.Name]; ok && v.Domain == d && v.Name != catalogue.ViewAnalyticsOf {
			names = append(names, v.Name)
		}
	}
	return names
}

// read compares what the two sides answer to a request. The JSON side is read
// first: what follows the store is then never ahead of it. An error says that
// the store cannot be asked.
func (s *sources) read(ctx context.Context, d arena.Domain, req arena.Request) (*reading, error) {
	r := &reading{sources: *s, domain: d, view: req.View, held: true}
	if req.View == catalogue.ViewAnalyticsOf {
		r.view = catalogue.ViewAnalytics
	}
	c, ok := comparers()[req.View]
	if !ok {
		return nil, fmt.Errorf("nothing compares the view %q", req.View)
	}
	err := c.compare(r, ctx, req)
	switch failed := (*jsonError)(nil); {
	case err == nil:
		r.refused()
		return r, nil
	case errors.As(err, &failed) && jsonstore.IsMissing(err):
		r.held = false
		return r, nil
	case errors.As(err, &failed):
		r.put(wire.ParityFinding{Kind: wire.FindingNotCompared, Reason: "the JSON side cannot be read: " + failed.err.Error()})
		return r, nil
	}
	return nil, fmt.Errorf("error asking the store for %s: %w", req.View, err)
}

// refused names the rows of the view that the JSON side cannot read.
func (r *reading) refused() {
	for _, kind := range comparers()[r.view].kinds {
		for _, fault := range r.json.Faults(kind) {
			r.put(wire.ParityFinding{
				ID: fault.ID, Field: fault.Faults[0].Path, Kind: wire.FindingRefused,
				Reason: fmt.Sprintf("%s row %d (offset %d): %v", fault.File, fault.Row, fault.Offset, fault.Faults),
			})
		}
	}
}

// jsonError is what the JSON side could not do; every other error is the
// store's.
type jsonError struct{ err error }

func (e *jsonError) Error() string { return "JSON side: " + e.err.Error() }
func (e *jsonError) Unwrap() error { return e.err }

// fromJSON marks the error of the JSON side.
func fromJSON[T any](v T, err error) (T, error) {
	if err != nil {
		err = &jsonError{err}
	}
	return v, err
}

// given is what the JSON side answers, and the time that its file speaks of.
func given[T any](ctx context.Context, r *reading, kind snapshot.Kind, ask func(arena.Source, context.Context) (T, error)) (answer T, asOf time.Time, err error) {
	if asOf, err = fromJSON(r.json.AsOf(kind)); err != nil {
		return answer, asOf, err
	}
	answer, err = fromJSON(ask(r.json, ctx))
	return answer, asOf, err
}

func (r *reading) put(f wire.ParityFinding) {
	f.Domain, f.View = string(r.domain), string(r.view)
	r.findings = append(r.findings, f)
}

// pair compares a row that both sides have.
func (r *reading) pair(json, store row) error {
	from := len(r.findings)
	if err := r.member("", json, store); err != nil {
		return err
	}
	r.counts.Compared++
	if len(r.findings) == from {
		r.counts.Equal++
	}
	return nil
}

// member compares what stands at a field of a row.
func (r *reading) member(field string, json, store row) error {
	x, err := json.rendered()
	if err != nil {
		return err
	}
	y, err := store.rendered()
	if err != nil {
		return err
	}
	found, err := diff(x, y)
	for _, d := range found {
		r.put(wire.ParityFinding{
			Model: json.model, ID: json.id, Field: field + string(d.field), Kind: wire.FindingValue, JSON: d.json, Store: d.store,
		})
	}
	return err
}

// pairFact is pair for a fact that operators may have corrected: what differs says so.
func (r *reading) pairFact(ctx context.Context, ref repository.FactRef, json, store row) error {
	from := len(r.findings)
	if err := r.pair(json, store); err != nil || len(r.findings) == from {
		return err
	}
	reason, err := r.corrected(ctx, ref)
	for i := range r.findings[from:] {
		r.findings[from+i].Reason = reason
	}
	return err
}

// lacking is a fact that the store does not have, as an operator may have seen to.
func (r *reading) lacking(ctx context.Context, ref repository.FactRef, json row) error {
	reason, err := r.corrected(ctx, ref)
	if err != nil {
		return err
	}
	return r.onlyJSON(json, cmp.Or(reason, lacks))
}

// lacks is why a row is a finding that the store does not have.
const lacks = "the store does not have it"

// corrected says what an operator has done to a fact, "" where nobody has.
func (r *reading) corrected(ctx context.Context, ref repository.FactRef) (string, error) {
	newest, err := r.repos.Corrections.Of(ctx, []repository.FactRef{ref})
	if c := newest[ref]; c != nil {
		return repository.Explain(c), err
	}
	return "", err
}

// unlessOlder turns the differences of a row or more, from a point on, into one finding
// that cannot be compared where the JSON side speaks, as of a time, of an earlier one than
// what was stated to the store.
func (r *reading) unlessOlder(from int, model string, asOf time.Time, stated *time.Time) error {
	if len(r.findings) == from {
		return nil
	}
	older, err := r.isOlder(asOf, stated)
	if older {
		r.older(from, model, asOf, *stated)
	}
	return err
}

func (r *reading) older(from int, model string, json, store time.Time) {
	n := len(r.findings) - from
	r.findings = r.findings[:from]
	r.put(wire.ParityFinding{
		Model: model, ID: model, Kind: wire.FindingNotCompared, JSON: secondsOf(json), Store: secondsOf(store),
		Reason: fmt.Sprintf("%d differ, and the JSON side is older than the store", n),
	})
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

func secondsOf(t time.Time) jsontext.Value {
	return jsontext.Value(strconv.FormatFloat(wire.Seconds(t), 'f', -1, 64))
}

// only is what one side alone has at a field of a row.
func (r *reading) only(kind, field string, one row, reason string) error {
	raw, err := one.rendered()
	f := wire.ParityFinding{Model: one.model, ID: one.id, Field: field, Kind: kind, JSON: raw, Reason: reason}
	if kind == wire.FindingOnlyStore {
		f.JSON, f.Store = nil, raw
	}
	r.put(f)
	return err
}

func (r *reading) onlyJSON(one row, reason string) error {
	r.counts.Compared++
	return r.only(wire.FindingOnlyJSON, "", one, reason)
}

// onlyStore is a row that the JSON side lacks: a fault where it claims to hold
// it.
func (r *reading) onlyStore(one row, claimed bool) error {
	if !claimed {
		r.counts.OnlyStore++
		return nil
	}
	return r.only(wire.FindingOnlyStore, "", one, "the JSON side holds what is older and newer, and not this")
}

// order checks that the rows of a list stand as their endpoint promises, which
// compare says of two rows of one list.
func order[T any](r *reading, side string, rows []T, list func(T) string, of func(T) row, compare func(a, b T) int) {
	last := make(map[string]T)
	for _, one := range rows {
		if before, ok := last[list(one)]; ok && compare(before, one) > 0 {
			stands, belongs := text("behind "+of(before).id), text("before it")
			f := wire.ParityFinding{
				Model: of(one).model, ID: of(one).id, Kind: wire.FindingOrder, JSON: stands, Store: belongs,
				Reason: "the " + side + " breaks the order of the endpoint",
			}
			if side == storeAnswer {
				f.JSON, f.Store = belongs, stands
			}
			r.put(f)
		}
		last[list(one)] = one
	}
}

// The sides whose order is checked.
const (
	jsonFile    = "JSON file"
	storeAnswer = "store's answer"
)

func text(s string) jsontext.Value {
	quoted, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return jsontext.Value(`""`)
	}
	return quoted
}

// fileRows decodes the rows of a file in the order in which they lie there;
// none where the files are not looked at.
func fileRows[T any](r *reading, kind snapshot.Kind, decode func(jsontext.Value) (T, error)) ([]T, error) {
	if !r.files {
		return nil, nil
	}
	f, err := fromJSON(r.json.File(kind))
	if err != nil {
		return nil, err
	}
	refused := make(map[int]bool) // which are named
	for _, fault := range r.json.Faults(kind) {
		refused[fault.Row] = true
	}
	rows := make([]T, 0, len(f.Rows))
	for i := range f.Rows {
		if refused[f.Rows[i].Index] {
			continue
		}
		v, err := decode(f.Rows[i].Raw)
		if err != nil {
			return nil, &jsonError{err}
		}
		rows = append(rows, v)
	}
	return rows, nil
}

// accounts are those of the store by model.
func (r *reading) accounts(ctx context.Context) (map[string]entities.Account, error) {
	list, err := r.repos.Accounts.All(ctx)
	return listed(list, func(a entities.Account) string { return a.ModelID }).rows, err
}

// benchmarks are the models of the store that do not compete.
func (r *reading) benchmarks(ctx context.Context) (map[string]bool, error) {
	models, err := r.repos.Models.Participants(ctx)
	if err != nil {
		return nil, err
	}
	by := make(map[string]bool)
	for _, m := range models {
		by[m.ID] = m.Kind == entities.ModelBenchmark
	}
	return by, nil
}
