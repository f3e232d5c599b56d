// Package verify compares the metrics that a snapshot directory publishes with
// those that its own trades and decisions give. It needs no database.
package verify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/analytics"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// Tolerance is the relative error from which a field that is held to be exact is
// wrong.
const Tolerance = 1e-9

// tradesCap is how many trades of a model the public API shows.
const tradesCap = 100

// Report is what a comparison found. It is equal where Faults is empty.
type Report struct {
	Dir    string    `json:"dir"`
	Models []Model   `json:"models"`
	Groups []Group   `json:"groups"`
	Faults []Fault   `json:"faults"`
	Known  []Known   `json:"known_differences"`
	Left   []LeftOut `json:"left_out"`
}

// Model is what the directory has of a model.
type Model struct {
	Model     string `json:"model"`
	Trades    int64  `json:"trades"`
	Decisions int64  `json:"decisions"`
	// PublishedTrades and PublishedDecisions are what its document counts.
	PublishedTrades    int64 `json:"published_trades"`
	PublishedDecisions int64 `json:"published_decisions"`
	// TradesCapped says that the directory has but the newest of its trades.
	TradesCapped bool `json:"trades_capped"`
	// DecisionsWhole says that the directory has all of its decisions.
	DecisionsWhole bool `json:"decisions_whole"`
}

// Group is the comparison of the fields of one class of a table.
type Group struct {
	Table    string          `json:"table"`
	Class    analytics.Class `json:"class"`
	Fields   int             `json:"fields"`
	Compared int             `json:"compared"` // fields of all models
	Faults   int             `json:"faults"`
	// Worst is the largest relative error, and whose it is.
	Worst      float64 `json:"worst_error"`
	WorstModel string  `json:"worst_model,omitzero"`
	WorstField string  `json:"worst_field,omitzero"`
}

// Fault is a field that should be equal and is not.
type Fault struct {
	Model     string  `json:"model"`
	Table     string  `json:"table,omitzero"` // none for a member of the document itself
	Field     string  `json:"field"`
	Computed  any     `json:"computed"`
	Published any     `json:"published"`
	Error     float64 `json:"error,omitzero"` // relative, of numbers
}

// Known are fields that differ for a known reason.
type Known struct {
	Fields []string `json:"fields"`
	Reason string   `json:"reason"`
	Models []string `json:"models"`
	Worst  float64  `json:"worst_error,omitzero"` // relative, of numbers
}

// LeftOut are fields that cannot be compared.
type LeftOut struct {
	Fields string   `json:"fields"`
	Reason string   `json:"reason"`
	Models []string `json:"models"`
}

// Dir compares the metrics of a snapshot directory. The error says what keeps
// them from being compared at all.
func Dir(dir string) (*Report, error) {
	facts, err := read(dir)
	if err != nil {
		return nil, err
	}
	v := &verification{
		report: &Report{Dir: dir, Models: []Model{}, Faults: []Fault{}, Known: []Known{}, Left: []LeftOut{}},
		groups: map[string]*Group{}, known: map[string]*Known{}, left: map[string]*LeftOut{},
	}
	for _, f := range analytics.Fields() {
		key := f.Table + string(f.Class)
		if v.groups[key] == nil {
			v.groups[key] = &Group{Table: f.Table, Class: f.Class}
			v.order = append(v.order, key)
		}
		v.groups[key].Fields++
	}
	for _, model := range slices.Sorted(maps.Keys(facts.published)) {
		if err := v.model(facts, model); err != nil {
			return nil, err
		}
	}
	for _, key := range v.order {
		v.report.Groups = append(v.report.Groups, *v.groups[key])
	}
	for _, key := range slices.Sorted(maps.Keys(v.known)) {
		v.report.Known = append(v.report.Known, *v.known[key])
	}
	for _, key := range slices.Sorted(maps.Keys(v.left)) {
		v.report.Left = append(v.report.Left, *v.left[key])
	}
	return v.report, nil
}

// facts are what a directory says.
type facts struct {
	trades    map[string][]wire.Trade
	decisions map[string][]wire.Decision
	published map[string]jsontext.Value
	symbols   []string
}

func read(dir string) (*facts, error) {
	capture, err := snapshot.Read(dir)
	if err != nil {
		return nil, err
	}
	f := &facts{
		trades: map[string][]wire.Trade{}, decisions: map[string][]wire.Decision{}, published: map[string]jsontext.Value{},
	}
	for _, missing := range []snapshot.Kind{snapshot.Trades, snapshot.Analytics} {
		if capture.File(missing) == nil && (missing == snapshot.Trades || len(capture.Each(snapshot.ModelAnalytics)) == 0) {
			return nil, fmt.Errorf("%s has no %s, without which there is nothing to compare", dir, snapshot.FileName(missing, ""))
		}
	}
	var faults []error
	// analytics.json comes before the files of single models, which are read only
	// for models that it lacks.
	for _, kind := range []snapshot.Kind{
		snapshot.CryptoPrices, snapshot.Trades, snapshot.Conversations, snapshot.Analytics, snapshot.ModelAnalytics,
	} {
		for _, file := range capture.Each(kind) {
			for _, row := range file.Rows {
				if err := f.row(kind, row); err != nil {
					faults = append(faults, fmt.Errorf("%s row %d (offset %d): %w", file.Name, row.Index, row.Offset, err))
				}
			}
		}
	}
	return f, errors.Join(faults...)
}

func (f *facts) row(kind snapshot.Kind, row snapshot.Row) error {
	switch kind {
	case snapshot.CryptoPrices:
		f.symbols = append(f.symbols, row.Key)
	case snapshot.Trades:
		t, err := wire.Decode[wire.Trade](row.Raw)
		if err != nil {
			return err
		}
		f.trades[t.ModelID] = append(f.trades[t.ModelID], t)
	case snapshot.Conversations:
		if wire.IsThread(row.Raw) {
			return nil // an older shape, without decisions
		}
		d, err := wire.Decode[wire.Decision](row.Raw)
		if err != nil {
			return err
		}
		f.decisions[d.ModelID] = append(f.decisions[d.ModelID], d)
	default:
		doc, err := wire.Decode[wire.AnalyticsDoc](row.Raw)
		if err != nil {
			return err
		}
		if _, listed := f.published[doc.ModelID]; !listed {
			f.published[doc.ModelID] = row.Raw
		}
	}
	return nil
}

// verification is a comparison under way.
type verification struct {
	report *Report
	groups map[string]*Group
	order  []string
	known  map[string]*Known
	left   map[string]*LeftOut
}

func (v *verification) model(facts *facts, model string) error {
	raw := facts.published[model]
	var published analytics.Document
	if err := wire.Unmarshal(raw, &published); err != nil {
		return fmt.Errorf("error reading the analytics of %s: %w", model, err)
	}
	trades, decisions := facts.trades[model], facts.decisions[model]
	computed := analytics.Compute(analytics.Input{Model: model, Trades: trades, Decisions: decisions, Symbols: facts.symbols})
	m := Model{
		Model: model, Trades: int64(len(trades)), Decisions: int64(len(decisions)),
		PublishedTrades: published.OverallTradesOverview.TotalTrades, PublishedDecisions: published.Invocation.NumInvocations,
	}
	m.TradesCapped = m.Trades == tradesCap && m.PublishedTrades > tradesCap
	m.DecisionsWhole = m.Decisions == m.PublishedDecisions
	v.report.Models = append(v.report.Models, m)

	derived := published
	derived.Derive()
	of, err := numbersOf(computed, raw, derived)
	if err != nil {
		return fmt.Errorf("error reading the numbers of %s: %w", model, err)
	}
	for _, f := range analytics.Fields() {
		v.field(m, f, of)
	}
	byExit := newestFirst(trades, func(t *wire.Trade) (string, float64) { return t.ID, t.ExitTime })
	v.newest(m, "last_trade_doc_id and last_trade_exit_time", "trade", byExit,
		place{published.LastTradeDocID, published.LastTradeExitTime})
	const convo = "last_convo_doc_id and last_convo_timestamp"
	known := newestFirst(decisions, func(d *wire.Decision) (string, float64) { return d.ID, d.Timestamp })
	named := place{published.LastConvoDocID, published.LastConvoTimestamp}
	if !m.DecisionsWhole && !slices.Contains(known[:min(len(known), 2)], named) {
		v.leave(convo, "the directory's decisions are of another time than its metrics", model)
		return nil
	}
	v.newest(m, convo, "decision", known, named)
	return nil
}

// numbers are the tables of three documents: table → field → number.
type numbers struct{ computed, published, derived map[string]map[string]float64 }

func numbersOf(computed analytics.Document, published jsontext.Value, derived analytics.Document) (numbers, error) {
	var n numbers
	var errs [3]error
	n.computed, errs[0] = tablesOf(computed)
	n.derived, errs[1] = tablesOf(derived)
	n.published, errs[2] = readTables(published)
	return n, errors.Join(errs[:]...)
}

func tablesOf(doc analytics.Document) (map[string]map[string]float64, error) {
	raw, err := wire.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return readTables(raw)
}

// readTables reads what is a number; the rest counts as absent.
func readTables(raw jsontext.Value) (map[string]map[string]float64, error) {
	var members map[string]any
	if err := wire.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	tables := map[string]map[string]float64{}
	for name, member := range members {
		fields, ok := member.(map[string]any)
		if !ok || !strings.HasSuffix(name, "_table") {
			continue
		}
		tables[name] = map[string]float64{}
		for field, value := range fields {
			if x, ok := value.(float64); ok {
				tables[name][field] = x
			}
		}
	}
	return tables, nil
}

const (
	reasonCapped      = "the directory has but the newest 100 of the model's trades"
	reasonNoDecisions = "the directory does not have all of the model's decisions"
	reasonAbsent      = "the published document does not have the field"
)

// field compares one number.
func (v *verification) field(m Model, f analytics.Field, of numbers) {
	published, there := of.published[f.Table][f.Name]
	got := of.computed[f.Table][f.Name]
	switch {
	case !there && f.Name == "num_other_signals": // ours alone
		return
	case !there:
		v.leave(f.Table+"/"+f.Name, reasonAbsent, m.Model)
		return
	case m.TradesCapped && (f.Class == analytics.ClassExact || f.Name == "std_taker_fee"):
		v.leave("those over trades", reasonCapped, m.Model)
		return
	case f.NeedsDecisions(published) && !m.DecisionsWhole:
		v.leave("those over decisions", reasonNoDecisions, m.Model)
		return
	case f.Class == analytics.ClassCounts:
		got = of.derived[f.Table][f.Name]
	}
	off := relativeError(got, published)
	g := v.groups[f.Table+string(f.Class)]
	g.Compared++
	if off > g.Worst {
		g.Worst, g.WorstModel, g.WorstField = off, m.Model, f.Name
	}
	switch {
	case off <= Tolerance:
	case f.Class == analytics.ClassDiffers && f.Explains(published):
		v.knows(f.Name, f.Reason, m.Model, off)
	default:
		g.Faults++
		v.report.Faults = append(v.report.Faults, Fault{m.Model, f.Table, f.Name, got, published, off})
	}
}

func relativeError(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / max(math.Abs(got), math.Abs(want))
}

// place is the id of a fact, and its time in unix seconds.
type place struct {
	id wire.Opt[string]
	at wire.Opt[float64]
}

func (p place) String() string {
	id, known := p.id.Get()
	if !known {
		return "none"
	}
	return fmt.Sprintf("%s at %.6f", id, p.at.Or(0))
}

// newestFirst returns facts by time, the newest first, of ties the smallest id.
func newestFirst[T any](facts []T, of func(*T) (id string, at float64)) []place {
	places := make([]place, len(facts))
	for i := range facts {
		id, at := of(&facts[i])
		places[i] = place{wire.Some(id), wire.Some(at)}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.at.Or(0), a.at.Or(0)), cmp.Compare(a.id.Or(""), b.id.Or("")))
	})
	return places
}

// newest compares which fact a document takes for the newest.
func (v *verification) newest(m Model, fields, what string, newest []place, published place) {
	if len(newest) == 0 {
		newest = []place{{}}
	}
	switch {
	case published == newest[0]:
	case len(newest) > 1 && published == newest[1]:
		v.knows(fields, "the live site names the "+what+" that it processed last, which can be the one before the newest", m.Model, 0)
	default:
		v.report.Faults = append(v.report.Faults, Fault{
			Model: m.Model, Field: fields, Computed: newest[0].String(), Published: published.String(),
		})
	}
}

func (v *verification) knows(field, reason, model string, off float64) {
	k := v.known[reason]
	if k == nil {
		k = &Known{Reason: reason}
		v.known[reason] = k
	}
	if !slices.Contains(k.Fields, field) {
		k.Fields = append(k.Fields, field)
	}
	if !slices.Contains(k.Models, model) {
		k.Models = append(k.Models, model)
	}
	k.Worst = max(k.Worst, off)
}

func (v *verification) leave(fields, reason, model string) {
	l := v.left[fields]
	if l == nil {
		l = &LeftOut{Fields: fields, Reason: reason}
		v.left[fields] = l
	}
	if !slices.Contains(l.Models, model) {
		l.Models = append(l.Models, model)
	}
}
