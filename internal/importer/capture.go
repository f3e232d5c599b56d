package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// The kinds of row, in the order in which they are written and reported.
const (
	kindPrices    = "prices"
	kindEquity    = "equity"
	kindTrades    = "trades"
	kindPositions = "positions"
	kindAccounts  = "accounts"
	kindAnalytics = "analytics"
	kindStandings = "leaderboard"
	kindThreads   = "threads"
	kindDecisions = "decisions"
)

func kinds() []string {
	return []string{
		kindPrices, kindEquity, kindTrades, kindPositions, kindAccounts, kindAnalytics, kindStandings, kindThreads, kindDecisions,
	}
}

// origin is where a row came from.
type origin struct {
	file *snapshot.File
	row  snapshot.Row
}

func (o origin) rejected(faults wire.Faults) snapshot.RowFault { return o.file.Fault(o.row, faults) }

// item is a row that was read, and where from.
type item[T any] struct {
	origin
	value T
	late  wire.Faults // why it may change nothing: it is later than the end of its competition
}

// analyticsDoc is a metrics document with the payload it was read from.
type analyticsDoc struct {
	wire.AnalyticsDoc
	payload    jsontext.Value
	serverTime int64
}

// standing is what an imported leaderboard says of a model, at a time of its own
// or, where that is zero, that of the capture.
type standing struct {
	row  wire.LeaderboardRow
	asOf time.Time
}

// capture is a snapshot directory read row by row.
type capture struct {
	prices     []item[wire.Price]
	equity     []item[wire.AccountTotal]
	trades     []item[wire.Trade]
	statements []item[wire.ModelPositions]
	accounts   []item[wire.SinceInception]
	analytics  []item[analyticsDoc]
	standings  []item[standing]
	threads    []item[wire.Document]
	decisions  []item[wire.Decision]

	damaged    []string // files that were skipped
	models     map[string]bool
	mentions   snapshot.Mentions // of the models, and of other rows that give their order
	symbols    map[string]bool
	late       map[string]bool // the models of late rows
	capturedAt time.Time
	// competition is that of the rows; one that is not stored yet has an id alone.
	// isNamed says that it is, whatever they name, or with own that those that name
	// another are refused.
	competition  entities.Competition
	isNamed, own bool
	report       *Report
	byKind       map[string]*KindReport
	bounds       wire.Bounds
	now          time.Time
}

// readCapture reads the rows of every file. A row that is refused stands in
// the report and nowhere else. Inceptions are those that are known beforehand,
// by model.
func readCapture(dir *snapshot.Capture, competition entities.Competition, o Options, inceptions map[string]time.Time) (*capture, error) {
	c := &capture{
		competition: competition, isNamed: o.Competition != "", own: o.Own,
		bounds: o.Bounds,
		now:    o.Now(),
		models: make(map[string]bool), mentions: snapshot.Mentions{},
		symbols: make(map[string]bool),
		late:    make(map[string]bool),
		report:  &Report{Dir: dir.Dir, Derived: []string{}, Ignored: []string{}, Damaged: []string{}},
		byKind:  make(map[string]*KindReport),
	}
	c.report.Ignored = append(c.report.Ignored, dir.Ignored...)
	for _, nothing := range dir.Nothing {
		c.report.Ignored = append(c.report.Ignored, nothing.Error())
	}
	for _, damaged := range dir.Damaged {
		c.report.Damaged = append(c.report.Damaged, damaged.Error())
		c.damaged = append(c.damaged, damaged.File)
	}
	for _, kind := range kinds() {
		c.byKind[kind] = &KindReport{Kind: kind, Rows: []snapshot.RowFault{}}
	}
	for _, f := range dir.Files {
		c.readServerTime(f)
		for _, member := range f.Unknown {
			c.report.Ignored = append(c.report.Ignored, f.Name+": member "+member)
		}
		if err := c.readFile(f); err != nil {
			return nil, err
		}
	}
	c.checkMarkers(inceptions)
	c.stateFromEquity(dir.File(snapshot.Positions))
	c.dropSuperseded()
	c.dropComputedStandings()
	for _, kind := range kinds() {
		c.report.Kinds = append(c.report.Kinds, *c.byKind[kind])
	}
	c.report.CapturedAt = c.capturedAt
	return c, nil
}

// readServerTime takes note of the time of a file, unless it can't be.
func (c *capture) readServerTime(f *snapshot.File) {
	if f.ServerTime <= 0 {
		return
	}
	if err := c.bounds.CheckMillis(f.ServerTime, c.now); err != nil {
		c.report.Ignored = append(c.report.Ignored, fmt.Sprintf("%s: member serverTime: %v", f.Name, err))
		f.ServerTime = 0
		return
	}
	c.sawMillis(f.ServerTime)
}

// checkMarkers refuses the equity rows whose markers do not fit the inception of
// their account: the one that the directory states, or else the one that is known.
func (c *capture) checkMarkers(inceptions map[string]time.Time) {
	if inceptions = maps.Clone(inceptions); inceptions == nil {
		inceptions = make(map[string]time.Time)
	}
	for _, a := range c.accounts {
		inceptions[a.value.ModelID] = wire.Time(a.value.InceptionDate)
	}
	c.equity = slices.DeleteFunc(c.equity, func(e item[wire.AccountTotal]) bool {
		var faults wire.Faults
		inception, known := inceptions[e.value.ModelID]
		if !known || !errors.As(c.bounds.CheckMarkers(e.value, inception), &faults) {
			return false
		}
		c.byKind[kindEquity].reject(e.rejected(faults))
		return true
	})
	for _, e := range c.equity {
		if e.late == nil {
			c.saw(snapshot.AccountTotals, e.value.ModelID, e.value.Timestamp)
		}
	}
}

func (c *capture) readFile(f *snapshot.File) error {
	switch f.Kind {
	case snapshot.CryptoPrices:
		return read(c, f, kindPrices, &c.prices, reading[wire.Price]{
			decode: c.readPrice, id: func(p *wire.Price) string { return p.Symbol },
		})
	case snapshot.AccountTotals:
		return read(c, f, kindEquity, &c.equity, reading[wire.AccountTotal]{
			decode: row(c, wire.Decode[wire.AccountTotal]),
			id: func(a *wire.AccountTotal) string {
				return fmt.Sprintf("%s %d", a.ModelID, wire.Time(a.Timestamp).UnixMicro())
			},
			fact: func(a *wire.AccountTotal) fact { return fact{a.ModelID, "timestamp", a.Timestamp} },
		})
	case snapshot.Trades:
		return read(c, f, kindTrades, &c.trades, reading[wire.Trade]{
			decode: row(c, wire.Decode[wire.Trade]),
			id:     func(t *wire.Trade) string { return t.ModelID + "\x00" + t.ID },
			fact:   func(t *wire.Trade) fact { return fact{t.ModelID, "exit_time", t.ExitTime} },
			seen: func(t *wire.Trade) {
				c.saw(snapshot.Trades, t.ModelID, t.ExitTime)
				c.symbols[t.Symbol] = true
			},
		})
	case snapshot.Positions:
		return read(c, f, kindPositions, &c.statements, reading[wire.ModelPositions]{
			decode: row(c, wire.DecodeModelPositions),
			id:     func(m *wire.ModelPositions) string { return m.ModelID },
			fact: func(m *wire.ModelPositions) fact {
				newest := 0.0
				for _, p := range m.Positions {
					newest = max(newest, p.EntryTime.Or(0))
				}
				return fact{m.ModelID, "entry_time", newest}
			},
			seen: func(m *wire.ModelPositions) {
				c.mention(snapshot.Positions, m.ModelID)
				c.sawStatement(*m)
			},
		})
	case snapshot.SinceInception:
		return read(c, f, kindAccounts, &c.accounts, reading[wire.SinceInception]{
			decode: func(row snapshot.Row) (wire.SinceInception, error) { return c.readAccount(f, row) },
			id:     func(s *wire.SinceInception) string { return s.ModelID },
			fact:   func(s *wire.SinceInception) fact { return fact{s.ModelID, "inception_date", s.InceptionDate} },
			seen:   func(s *wire.SinceInception) { c.saw(snapshot.SinceInception, s.ModelID, s.InceptionDate) },
		})
	case snapshot.Analytics, snapshot.ModelAnalytics:
		return read(c, f, kindAnalytics, &c.analytics, reading[analyticsDoc]{
			decode: func(row snapshot.Row) (analyticsDoc, error) { return c.readAnalytics(f, row) },
			id:     func(doc *analyticsDoc) string { return doc.ModelID },
		})
	case snapshot.Conversations:
		return c.readConversations(f)
	case snapshot.Leaderboard:
		return read(c, f, kindStandings, &c.standings, reading[standing]{
			decode: func(row snapshot.Row) (standing, error) { return c.readStanding(f, row) },
			id:     func(s *standing) string { return s.row.ID },
		})
	}
	return nil
}

func (c *capture) readStanding(f *snapshot.File, row snapshot.Row) (standing, error) {
	l, err := decode(c, row.Raw, wire.Decode[wire.LeaderboardRow])
	if err != nil {
		return standing{}, err
	}
	c.mention(snapshot.Leaderboard, l.ID)
	s := standing{row: l}
	if at, listed := f.ImportedAsOf[l.ID]; listed {
		s.asOf = wire.Time(at)
	} else if f.ImportedAsOf != nil {
		s.row.Equity = wire.Opt[float64]{} // computed from the facts that the directory holds
	}
	return s, nil
}

// dropComputedStandings drops the rows of the leaderboard that say what the
// facts of the directory do not: those of models without account totals, and
// those that were exported as imported ones. What follows from trades is left out
// where there are some.
func (c *capture) dropComputedStandings() {
	totals, trades := make(map[string]bool), make(map[string]bool)
	for _, e := range c.equity {
		totals[e.value.ModelID] = true
	}
	for _, t := range c.trades {
		trades[t.value.ModelID] = true
	}
	unknown := slices.Contains(c.damaged, snapshot.FileName(snapshot.AccountTotals, ""))
	n := len(c.standings)
	c.standings = slices.DeleteFunc(c.standings, func(s item[standing]) bool {
		return s.value.row.Equity.IsZero() || s.value.asOf.IsZero() && (unknown || totals[s.value.row.ID])
	})
	for i := range c.standings {
		if row := &c.standings[i].value.row; trades[row.ID] {
			row.NumTrades, row.NumWins, row.NumLosses = 0, 0, 0
			row.WinDollars, row.LoseDollars = wire.Some(0.0), wire.Some(0.0)
		}
	}
	if n > len(c.standings) {
		c.report.Derived = append(c.report.Derived, snapshot.FileName(snapshot.Leaderboard, ""))
	}
}

// reading says how the rows of a kind are read.
type reading[T any] struct {
	decode func(snapshot.Row) (T, error)
	id     func(*T) string
	fact   func(*T) fact // nil where no end of a competition concerns the rows
	seen   func(*T)      // takes note of a row that is not late; may be nil
}

// fact is of a model and of a time in unix seconds, which a member of its row has.
type fact struct {
	model, member string
	at            float64
}

// read reads the rows of a file and sorts out those at fault.
func read[T any](c *capture, f *snapshot.File, kind string, into *[]item[T], how reading[T]) error {
	decoded, err := snapshot.Decode(f, func(row snapshot.Row) (T, error) {
		v, err := how.decode(row)
		if err == nil && (!c.isNamed || c.own) {
			var named string
			if named, err = snapshot.CompetitionOf(f.Kind, row); err == nil && c.own && named != "" && named != c.competition.ID {
				err = snapshot.OtherCompetition(named, c.competition.ID)
			}
		}
		return v, err
	}, how.id)
	if err != nil {
		return err
	}
	report := c.byKind[kind]
	for _, fault := range decoded.Faults {
		report.reject(fault)
	}
	report.Unchanged += decoded.Repeated
	for i, v := range decoded.Values {
		one := item[T]{origin: origin{f, decoded.Rows[i]}, value: v}
		if how.fact != nil {
			fact := how.fact(&v)
			if reason := arena.PastEnd(&c.competition, map[string]float64{fact.member: fact.at}); reason != "" {
				one.late = wire.Faults{{Path: "/" + fact.member, Reason: reason}}
				c.late[fact.model] = true
			}
		}
		if how.seen != nil && one.late == nil {
			how.seen(&v)
		}
		*into = append(*into, one)
	}
	return nil
}

// row reads a row by the shape that its payload has.
func row[T any](c *capture, read func(jsontext.Value) (T, error)) func(snapshot.Row) (T, error) {
	return func(row snapshot.Row) (T, error) { return decode(c, row.Raw, read) }
}

// decode reads a row and holds it to the bounds.
func decode[T any](c *capture, raw jsontext.Value, read func(jsontext.Value) (T, error)) (T, error) {
	if err := c.bounds.CheckSize(raw); err != nil {
		var none T
		return none, err
	}
	v, err := read(raw)
	if err == nil {
		err = c.bounds.Check(&v, c.now)
	}
	return v, err
}

func (c *capture) readPrice(row snapshot.Row) (wire.Price, error) {
	p, err := decode(c, row.Raw, wire.Decode[wire.Price])
	if err != nil {
		return p, err
	}
	if p.Symbol != row.Key {
		return p, wire.Faults{{Path: "/symbol", Reason: "differs from the name " + row.Key + " under which it stands"}}
	}
	c.sawMillis(p.Timestamp)
	c.symbols[p.Symbol] = true
	return p, nil
}

func (c *capture) sawStatement(m wire.ModelPositions) {
	for _, p := range m.Positions {
		c.symbols[p.Symbol] = true
	}
}

func (c *capture) readAccount(f *snapshot.File, row snapshot.Row) (wire.SinceInception, error) {
	s, err := decode(c, row.Raw, wire.Decode[wire.SinceInception])
	if slices.Contains(f.Counted, s.ModelID) {
		s.NumInvocations = wire.Opt[int64]{} // it follows from the decisions, and goes on doing so
	}
	return s, err
}

func (c *capture) readAnalytics(f *snapshot.File, row snapshot.Row) (analyticsDoc, error) {
	doc, err := decode(c, row.Raw, wire.Decode[wire.AnalyticsDoc])
	if err != nil {
		return analyticsDoc{}, err
	}
	if f.Kind == snapshot.ModelAnalytics && doc.ModelID != f.Model {
		return analyticsDoc{}, wire.Faults{{Path: "/model_id", Reason: "differs from the model in the name of the file"}}
	}
	c.saw(f.Kind, doc.ModelID, doc.UpdatedAt.Or(0))
	return analyticsDoc{AnalyticsDoc: doc, payload: row.Raw, serverTime: f.ServerTime}, nil
}

// readConversations reads the documents of each shape. Several may be of one
// thread, which is what they say together.
func (c *capture) readConversations(f *snapshot.File) error {
	threads, decisions := *f, *f
	threads.Rows, decisions.Rows = nil, nil
	for _, row := range f.Rows {
		if wire.IsThread(row.Raw) {
			threads.Rows = append(threads.Rows, row)
		} else {
			decisions.Rows = append(decisions.Rows, row)
		}
	}
	return errors.Join(
		read(c, &threads, kindThreads, &c.threads, reading[wire.Document]{
			decode: row(c, snapshot.DecodeDocument),
			id:     func(*wire.Document) string { return "" },
			fact:   func(d *wire.Document) fact { return fact{d.Thread.ModelID, "timestamp", d.Timestamp()} },
			seen:   func(d *wire.Document) { c.saw(snapshot.Conversations, d.Thread.ModelID, d.Timestamp()) },
		}),
		read(c, &decisions, kindDecisions, &c.decisions, reading[wire.Decision]{
			decode: row(c, wire.Decode[wire.Decision]),
			id:     func(d *wire.Decision) string { return d.ModelID + "\x00" + d.ID },
			fact:   func(d *wire.Decision) fact { return fact{d.ModelID, "timestamp", d.Timestamp} },
			seen: func(d *wire.Decision) {
				c.saw(snapshot.Conversations, d.ModelID, max(d.Timestamp, d.InsertedAt.Or(0)))
			},
		}),
	)
}

// mention takes note of a model in a file.
func (c *capture) mention(kind snapshot.Kind, model string) {
	c.models[model] = true
	c.mentions.Add(kind, model)
}

// saw takes note of a model in a file and of a time in unix seconds.
func (c *capture) saw(kind snapshot.Kind, model string, seconds float64) {
	c.mention(kind, model)
	if t := wire.Time(seconds); t.After(c.capturedAt) {
		c.capturedAt = t
	}
}

func (c *capture) sawMillis(ms int64) {
	if t := wire.MillisTime(ms); t.After(c.capturedAt) {
		c.capturedAt = t
	}
}

// dropSuperseded keeps of the single analytics files those of models that
// analytics.json lacks.
func (c *capture) dropSuperseded() {
	listed := make(map[string]bool)
	for _, a := range c.analytics {
		if a.file.Name == snapshot.FileName(snapshot.Analytics, "") {
			listed[a.value.ModelID] = true
		}
	}
	c.analytics = slices.DeleteFunc(c.analytics, func(a item[analyticsDoc]) bool {
		drop := a.file.Name != snapshot.FileName(snapshot.Analytics, "") && listed[a.value.ModelID]
		if drop {
			c.byKind[kindAnalytics].Superseded++
		}
		return drop
	})
}

// stateFromEquity takes what the newest equity row of each model carries as its open
// positions, where positions.json states nothing. Where that is damaged it may state
// something, and nothing is known.
func (c *capture) stateFromEquity(stated *snapshot.File) {
	if stated != nil && len(stated.Rows) > 0 || slices.Contains(c.damaged, snapshot.FileName(snapshot.Positions, "")) {
		return
	}
	newest := make(map[string]item[wire.AccountTotal])
	for _, e := range c.equity {
		if e.late != nil {
			continue
		}
		if old, ok := newest[e.value.ModelID]; !ok || e.value.Timestamp > old.value.Timestamp {
			newest[e.value.ModelID] = e
		}
	}
	if stated != nil && len(newest) > 0 {
		c.report.Ignored = append(c.report.Ignored, stated.Name+": lists no model; open positions are those of "+snapshot.FileName(snapshot.AccountTotals, ""))
	}
	for _, model := range slices.Sorted(maps.Keys(newest)) {
		e := newest[model]
		m, err := e.value.ModelPositions()
		if faults, ok := errors.AsType[wire.Faults](err); ok {
			c.byKind[kindPositions].reject(e.rejected(faults))
			continue
		}
		c.sawStatement(m)
		c.statements = append(c.statements, item[wire.ModelPositions]{origin: e.origin, value: m})
	}
}
