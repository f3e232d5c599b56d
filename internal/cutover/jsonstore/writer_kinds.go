package jsonstore

import (
	"fmt"
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// elsewhere is why a row of another provider is refused: the files have one
// place per symbol.
func (d *directoryEdit) elsewhere(provider string) (arena.JSONResult, bool) {
	if provider == d.o.PrimaryProvider {
		return arena.JSONResult{}, false
	}
	return conflict("the JSON files hold the provider %s alone; Postgres takes %s once the domain is written to it",
		d.o.PrimaryProvider, provider), true
}

// price keeps the newest price of a symbol.
func (d *directoryEdit) price(item wire.PriceItem) (arena.JSONResult, error) {
	if d.prices == nil {
		return outcome(repository.Unchanged), nil
	}
	p := item.Price
	if refused, yes := d.elsewhere(p.Provider.Or(d.o.PrimaryProvider)); yes {
		return refused, nil
	}
	stored := d.prices.get(p.Symbol)
	if stored != nil && stored.Provider.Or(d.o.PrimaryProvider) == d.o.PrimaryProvider {
		switch {
		case p.Timestamp < stored.Timestamp:
			return outcome(repository.Superseded), nil
		case p.Timestamp == stored.Timestamp:
			return d.repeated(sameAs(*stored, p, func(p wire.Price) entities.PriceTick {
				return mapping.Tick(p, d.o.PrimaryProvider)
			}), "another price of this provider, symbol and time is stored"), nil
		}
	}
	return outcome(repository.Inserted), d.prices.put(p)
}

// repeated is the outcome of a fact whose identity is stored.
func (d *directoryEdit) repeated(same bool, reason string) arena.JSONResult {
	if same {
		return outcome(repository.Unchanged)
	}
	return conflict("%s", reason)
}

// sameAs compares two payloads as Postgres would compare their rows.
func sameAs[P, R any](a, b P, row func(P) R) bool {
	x, y := row(a), row(b)
	return repository.SameRow(&x, &y)
}

// equity keeps the newest row of a model and hour.
func (d *directoryEdit) equity(a wire.AccountTotal) (arena.JSONResult, error) {
	if d.totals == nil {
		return outcome(repository.Unchanged), nil
	}
	result := d.lookEquity(&a)
	if result.Outcome == repository.Inserted {
		return result, d.addEquity(a)
	}
	return result, nil
}

func (d *directoryEdit) lookEquity(a *wire.AccountTotal) arena.JSONResult {
	if stored := d.totals.get(d.totals.id(a)); stored != nil {
		return d.repeated(sameAs(*stored, *a, mapping.Equity),
			"an equity snapshot of this model and time is stored with other content")
	}
	for _, other := range d.sameHour(a) {
		if other.value.Timestamp > a.Timestamp {
			return outcome(repository.Superseded)
		}
	}
	return outcome(repository.Inserted)
}

func (d *directoryEdit) addEquity(a wire.AccountTotal) error {
	for _, other := range d.sameHour(&a) {
		d.totals.remove(other.id)
	}
	// One without an id gets the one that follows from its model and hour.
	row, err := mapping.EquityPayload(mapping.Equity(a))
	if err != nil {
		return err
	}
	return d.totals.put(row)
}

// sameHour returns the rows of the same model and hourly marker.
func (d *directoryEdit) sameHour(a *wire.AccountTotal) []*line[wire.AccountTotal] {
	first := wire.AccountTotal{
		ModelID: a.ModelID, SinceInceptionHourlyMarker: a.SinceInceptionHourlyMarker, Timestamp: -wire.MaxSeconds,
	}
	var same []*line[wire.AccountTotal]
	for _, l := range d.totals.from(&first) {
		if l.value.ModelID != a.ModelID || l.value.SinceInceptionHourlyMarker != a.SinceInceptionHourlyMarker {
			break
		}
		same = append(same, l)
	}
	return same
}

// lastMarker is the member of account totals that names the newest hour.
func (d *directoryEdit) lastMarker() [][]byte {
	if d.totals == nil {
		return nil
	}
	last := int64(-1)
	if n := len(d.totals.lines); n > 0 {
		last = d.totals.lines[n-1].value.SinceInceptionHourlyMarker
	}
	return [][]byte{fmt.Appendf(nil, `"lastHourlyMarkerRead":%d`, last)}
}

// model keeps the inception that a model may carry.
func (d *directoryEdit) model(m wire.Model) (arena.JSONResult, error) {
	given := m.Inception()
	if d.inception == nil || given == nil {
		return outcome(repository.Unchanged), nil
	}
	if stored := d.inception.get(given.ModelID); stored != nil {
		a, b := mapping.Account(*stored, d.o.PrimaryProvider), mapping.Account(*given, d.o.PrimaryProvider)
		if slices.Contains(d.inception.counted, given.ModelID) {
			a.Invocations = nil
		}
		if repository.SameRow(&a, &b) {
			return outcome(repository.Unchanged), nil
		}
		// The count of invocations is state, and with it what no column names.
		a.Invocations, a.Extra = b.Invocations, b.Extra
		if !repository.SameRow(&a, &b) {
			return conflict("the account's inception is stored with other content; it never changes"), nil
		}
	}
	d.inception.counted = slices.DeleteFunc(slices.Clone(d.inception.counted), func(m string) bool { return m == given.ModelID })
	return outcome(repository.Updated), d.inception.put(*given)
}

// counted is the member of the inception file that lists counted invocations.
func (d *directoryEdit) counted() [][]byte {
	if d.inception == nil || len(d.inception.counted) == 0 {
		return nil
	}
	list, _ := wire.Marshal(d.inception.counted) // strings always render
	return [][]byte{fmt.Appendf(nil, "%q:%s", snapshot.CountedMember, list)}
}

// openAnalytics loads the documents of analytics.json and, for models that it
// lacks, those of the files of one model.
func (d *directoryEdit) openAnalytics() (*rowFile[analyticsRow], error) {
	s, err := load(d.Writer, analyticsFormat())
	if err != nil {
		return nil, err
	}
	files := newFileCache(d.o.Dir, d.o.Now, nil, d.o.Competition)
	names, err := files.names(snapshot.ModelAnalytics)
	if err != nil {
		return nil, err
	}
	changed := s.changed
	for _, name := range names {
		if _, model, _ := snapshot.KindOf(name); s.get(model) != nil {
			continue
		}
		docs, err := cachedRows(files, name, analyticsFormatOf(name))
		if isMissing(err) {
			continue // it states nothing
		}
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if err := s.put(doc); err != nil {
				return nil, err
			}
		}
	}
	s.changed = changed
	return s, nil
}

// metrics keeps the newest document of a model.
func (d *directoryEdit) metrics(item arena.AnalyticsItem) (arena.JSONResult, error) {
	if d.analytics == nil {
		return outcome(repository.Unchanged), nil
	}
	given := mapping.Analytics(item.Doc, item.Payload, 0, d.o.Now())
	row := analyticsRow{model: item.Doc.ModelID, raw: item.Payload}
	old := d.analytics.get(row.model)
	if old == nil {
		return outcome(repository.Inserted), d.analytics.put(row)
	}
	doc, err := wire.Decode[wire.AnalyticsDoc](old.raw)
	if err != nil {
		return arena.JSONResult{}, err
	}
	// One that does not say when it was computed is older than any that does.
	stored := mapping.Analytics(doc, old.raw, 0, time.Time{})
	switch {
	case given.AsOf.Before(stored.AsOf):
		return outcome(repository.Superseded), nil
	case given.AsOf.Equal(stored.AsOf):
		return d.repeated(repository.SameRow(&stored, &given), "another document of this model and updated_at is stored"), nil
	}
	return outcome(repository.Updated), d.analytics.put(row)
}

// decision adds a decision document, once.
func (d *directoryEdit) decision(v wire.Decision) (arena.JSONResult, error) {
	if d.documents == nil {
		return outcome(repository.Unchanged), nil
	}
	doc := wire.Document{Decision: &v}
	if stored := d.documents.get(documentID(&doc)); stored != nil {
		return d.repeated(sameAs(*stored.Decision, v, mapping.Decision),
			"the same identity is stored with other content; a fact never changes once seen"), nil
	}
	return d.addDocument(doc, repository.Inserted)
}

// thread adds the messages of a thread that are not there yet.
func (d *directoryEdit) thread(v wire.Thread) (arena.JSONResult, error) {
	if d.documents == nil {
		return outcome(repository.Unchanged), nil
	}
	v.Derive()
	doc := wire.Document{Thread: &v}
	stored := d.documents.get(documentID(&doc))
	if stored == nil {
		return d.addDocument(doc, repository.Inserted)
	}
	conversation, messages := mapping.Thread(*stored.Thread)
	given, more := mapping.Thread(v)
	union, changed := unite(messages, more)
	if !changed {
		return outcome(repository.Unchanged), nil
	}
	if newestOf(messages) == nil || (newestOf(more) != nil && newestOf(messages).Before(*newestOf(more))) {
		conversation.Extra = given.Extra
	}
	thread, err := mapping.ThreadPayload(conversation, union)
	if err != nil {
		return arena.JSONResult{}, err
	}
	return d.addDocument(wire.Document{Thread: &thread}, repository.Updated)
}

func newestOf(messages []entities.ConversationMessage) (newest *time.Time) {
	for i := range messages {
		if newest == nil || messages[i].Time.After(*newest) {
			newest = &messages[i].Time
		}
	}
	return newest
}

// unite adds messages to those that are stored, in the order that Postgres
// gives them.
func unite(stored, given []entities.ConversationMessage) (union []entities.ConversationMessage, changed bool) {
	type identity struct {
		at           int64
		role, digest string
	}
	idOf := func(m *entities.ConversationMessage) identity {
		return identity{m.Time.UnixMicro(), m.Role, m.ContentDigest}
	}
	at := make(map[identity]int)
	for _, m := range slices.Concat(stored, given) {
		i, known := at[idOf(&m)]
		if !known {
			at[idOf(&m)] = len(union)
			union = append(union, m)
			continue
		}
		if m.Sequence > union[i].Sequence {
			union[i].Sequence, changed = m.Sequence, true
		}
	}
	slices.SortFunc(union, repository.CompareMessages)
	return union, changed || len(union) > len(stored)
}

// addDocument adds a document, or replaces the one of its identity, and drops
// the oldest where there are too many.
func (d *directoryEdit) addDocument(doc wire.Document, o repository.Outcome) (arena.JSONResult, error) {
	lines := d.documents.lines
	if n := len(lines); o == repository.Inserted && n >= arena.RecentConversations {
		if arena.CompareDocuments(doc, lines[n-1].value) > 0 {
			return outcome(repository.Superseded), nil
		}
	}
	if err := d.documents.put(doc); err != nil {
		return arena.JSONResult{}, err
	}
	for len(d.documents.lines) > arena.RecentConversations {
		d.documents.remove(d.documents.lines[len(d.documents.lines)-1].id)
	}
	return outcome(o), nil
}
