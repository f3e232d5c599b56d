package jsonstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// Source answers the API from a snapshot directory. A file is read again only
// when it has changed.
type Source struct {
	files      *fileCache
	provider   string
	benchmarks []string
	now        func() time.Time
}

var _ arena.Source = (*Source)(nil)

// SourceOptions configure a Source.
type SourceOptions struct {
	Dir             string
	PrimaryProvider string
	Benchmarks      []string
	// Faulty, where given, is called with the rows that are not served of a file, none
	// where all are, each time that it is read.
	Faulty func(file string, faults []snapshot.RowFault)
	// Competition, where given, is the one that the directory has: rows that name
	// another are at fault. "" takes rows whatever they name.
	Competition func() (string, error)
	Now         func() time.Time
}

// NewSource returns the source of a directory. The directory is not touched
// until something is asked.
func NewSource(o SourceOptions) *Source {
	return &Source{files: newFileCache(o.Dir, o.Now, o.Faulty, o.Competition), provider: o.PrimaryProvider, benchmarks: o.Benchmarks, now: o.Now}
}

// CryptoPrices implements arena.Source.
func (s *Source) CryptoPrices(context.Context) (wire.CryptoPrices, error) {
	rows, err := read(s, pricesFormat())
	if err != nil {
		return wire.CryptoPrices{}, err
	}
	out := wire.CryptoPrices{Prices: make(map[string]wire.Price, len(rows)), ServerTime: s.serverTime()}
	for _, p := range rows {
		if p.Provider.Or(s.provider) == s.provider {
			out.Prices[p.Symbol] = p
		}
	}
	return out, nil
}

// AccountTotals implements arena.Source.
func (s *Source) AccountTotals(_ context.Context, fromMarker int64) (wire.AccountTotals, error) {
	rows, err := s.hours()
	if err != nil {
		return wire.AccountTotals{}, err
	}
	out := wire.AccountTotals{
		AccountTotals:        []wire.AccountTotal{},
		LastHourlyMarkerRead: -1,
		ServerTime:           s.serverTime(),
	}
	for _, r := range rows {
		out.LastHourlyMarkerRead = max(out.LastHourlyMarkerRead, r.SinceInceptionHourlyMarker)
		if r.SinceInceptionHourlyMarker >= fromMarker {
			out.AccountTotals = append(out.AccountTotals, r)
		}
	}
	return out, nil
}

// hours returns the newest row of each model and hourly marker, by marker,
// then model.
func (s *Source) hours() ([]wire.AccountTotal, error) {
	rows, err := read(s, totalsFormat())
	if err != nil {
		return nil, err
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, arena.CompareTotals)
	newest := rows[:0]
	for i, r := range rows {
		if i+1 == len(rows) || rows[i+1].ModelID != r.ModelID || rows[i+1].SinceInceptionHourlyMarker != r.SinceInceptionHourlyMarker {
			newest = append(newest, r)
		}
	}
	return newest, nil
}

// Trades implements arena.Source.
func (s *Source) Trades(context.Context) (wire.Trades, error) {
	rows, err := read(s, tradesFormat())
	if err != nil {
		return wire.Trades{}, err
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, arena.CompareTrades)
	out := wire.Trades{Trades: []wire.Trade{}, ServerTime: s.serverTime()}
	taken := make(map[string]int)
	for _, t := range rows {
		if taken[t.ModelID]++; taken[t.ModelID] <= arena.RecentTrades {
			out.Trades = append(out.Trades, t)
		}
	}
	return out, nil
}

// TradesPage implements arena.Source.
func (s *Source) TradesPage(_ context.Context, req arena.Request) (wire.Trades, error) {
	if err := s.selectable(req); err != nil {
		return wire.Trades{}, err
	}
	rows, err := read(s, tradesFormat())
	if err != nil {
		return wire.Trades{}, err
	}
	page, next, err := arena.SelectTrades(rows, req)
	return wire.Trades{Trades: orEmpty(page), NextCursor: next, ServerTime: s.serverTime()}, err
}

// selectable refuses a request for the rows of a model or a symbol that no file
// mentions.
func (s *Source) selectable(req arena.Request) error {
	for _, one := range []struct {
		name    string
		known   func() ([]string, error)
		unknown error
	}{{req.Model, s.models, arena.ErrUnknownModel}, {req.Symbol, s.symbols, arena.ErrUnknownSymbol}} {
		if one.name == "" {
			continue
		}
		known, err := one.known()
		if slices.Contains(known, one.name) {
			continue
		}
		if err != nil {
			return err // the file that mentions it may be among those that cannot be read
		}
		return fmt.Errorf("no file mentions %q: %w", one.name, one.unknown)
	}
	return nil
}

// ConversationsPage implements arena.Source.
func (s *Source) ConversationsPage(_ context.Context, req arena.Request) (wire.Conversations, error) {
	if err := s.selectable(req); err != nil {
		return wire.Conversations{}, err
	}
	docs, err := read(s, documentsAsTheyStand())
	if err != nil {
		return wire.Conversations{}, err
	}
	page, next, err := arena.SelectDocuments(docs, req)
	return wire.Conversations{Conversations: orEmpty(page), NextCursor: next, ServerTime: s.serverTime()}, err
}

// SinceInception implements arena.Source.
func (s *Source) SinceInception(context.Context) (wire.SinceInceptionValues, error) {
	rows, err := read(s, inceptionFormat())
	if err != nil {
		return wire.SinceInceptionValues{}, err
	}
	rows = asListed(s, rows, func(i wire.SinceInception) string { return i.ModelID })
	return wire.SinceInceptionValues{SinceInceptionValues: orEmpty(rows), ServerTime: s.serverTime()}, nil
}

// Leaderboard implements arena.Source. It serves the file as it stands: where
// the file is stale, so is the answer.
func (s *Source) Leaderboard(context.Context) (wire.Leaderboard, error) {
	rows, err := read(s, leaderboardFormat())
	if err != nil {
		return wire.Leaderboard{}, err
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r wire.LeaderboardRow) bool { return s.isBenchmark(r.ID) })
	rows = asListed(s, rows, func(r wire.LeaderboardRow) string { return r.ID })
	slices.SortStableFunc(rows, analytics.CompareRows)
	return wire.Leaderboard{Leaderboard: orEmpty(rows), ServerTime: s.serverTime()}, nil
}

// Analytics implements arena.Source.
func (s *Source) Analytics(context.Context) (wire.Analytics, error) {
	docs, err := s.analytics()
	if err != nil {
		return wire.Analytics{}, err
	}
	docs = slices.DeleteFunc(docs, func(d analyticsRow) bool { return s.isBenchmark(d.model) })
	docs = asListed(s, docs, func(d analyticsRow) string { return d.model })
	return wire.Analytics{Analytics: raws(docs), ServerTime: s.serverTime()}, nil
}

// AnalyticsOf implements arena.Source.
func (s *Source) AnalyticsOf(_ context.Context, model string) (wire.Analytics, error) {
	docs, err := s.analytics()
	if err != nil {
		return wire.Analytics{}, err
	}
	docs = slices.DeleteFunc(docs, func(d analyticsRow) bool { return d.model != model })
	if len(docs) == 0 {
		return wire.Analytics{}, fmt.Errorf("no analytics of %q: %w", model, arena.ErrUnknownModel)
	}
	return wire.Analytics{Analytics: raws(docs), ServerTime: s.serverTime()}, nil
}

// analytics returns the documents by model: those of
// analytics.json, and of analytics-MODEL.json for a model that it lacks.
func (s *Source) analytics() ([]analyticsRow, error) {
	docs, err := read(s, analyticsFormat())
	if err != nil && !isMissing(err) {
		return nil, err
	}
	names, listErr := s.files.names(snapshot.ModelAnalytics)
	if listErr != nil {
		return nil, unavailable(listErr)
	}
	if err != nil && len(names) == 0 {
		return nil, err
	}
	docs = slices.Clone(docs)
	for _, name := range names {
		single, err := readRows(s, name, analyticsFormatOf(name))
		if isMissing(err) {
			continue // it states nothing
		}
		if err != nil {
			return nil, err
		}
		for _, d := range single {
			if !slices.ContainsFunc(docs, func(o analyticsRow) bool { return o.model == d.model }) {
				docs = append(docs, d)
			}
		}
	}
	return docs, nil
}

// Positions implements arena.Source. Where positions.json lists no model, or is not
// there, the newest row of each model in account-totals.json says what is open.
func (s *Source) Positions(_ context.Context, limit int) (wire.Positions, error) {
	stated, err := read(s, positionsFormat())
	var unread []snapshot.RowFault
	if isMissing(err) || err == nil && len(stated) == 0 && len(s.Faults(snapshot.Positions)) == 0 {
		var fallback []wire.ModelPositions
		if fallback, err = s.positionsFromEquity(err); err == nil {
			stated, unread = fallback, s.files.unread(snapshot.FileName(snapshot.AccountTotals, ""))
		}
	}
	if err != nil {
		return wire.Positions{}, err
	}
	if s.files.faulty != nil {
		s.files.faulty("positions in "+snapshot.FileName(snapshot.AccountTotals, ""), unread)
	}
	models, err := s.competitors()
	if err != nil {
		return wire.Positions{}, err
	}
	out := wire.Positions{AccountTotals: []wire.ModelPositions{}, ServerTime: s.serverTime()}
	for _, model := range models {
		row := wire.ModelPositions{ModelID: model, Positions: map[string]wire.Position{}}
		if i := slices.IndexFunc(stated, func(m wire.ModelPositions) bool { return m.ModelID == model }); i >= 0 {
			row = stated[i]
		}
		out.AccountTotals = append(out.AccountTotals, row)
	}
	if limit > 0 && limit < len(out.AccountTotals) {
		out.AccountTotals = out.AccountTotals[:limit]
	}
	return out, nil
}

// positionsFromEquity is what the equity rows say of positions. Missing is the error
// of positions.json, nil where that lists no model.
func (s *Source) positionsFromEquity(missing error) ([]wire.ModelPositions, error) {
	rows, err := read(s, totalsFormat())
	if isMissing(err) && missing == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return statementsOf(rows), nil
}

// statementsOf is what the newest equity row of each model says of its positions.
// One that carries something else says nothing of them.
func statementsOf(rows []wire.AccountTotal) []wire.ModelPositions {
	var stated []wire.ModelPositions
	for _, i := range newestRows(rows) {
		if m, err := rows[i].ModelPositions(); err == nil {
			stated = append(stated, m)
		}
	}
	return stated
}

// unreadStatements names the newest equity rows that carry something else than
// positions.
func unreadStatements(f *snapshot.File, d snapshot.Decoded[wire.AccountTotal]) (unread []snapshot.RowFault) {
	for _, i := range newestRows(d.Values) {
		_, err := d.Values[i].ModelPositions()
		if faults, ok := errors.AsType[wire.Faults](err); ok {
			unread = append(unread, f.Fault(d.Rows[i], faults))
		}
	}
	return unread
}

// newestRows are the places of the newest equity row of each model, models in the order
// of their first rows.
func newestRows(rows []wire.AccountTotal) (places []int) {
	at := make(map[string]int) // in places
	for i, r := range rows {
		if k, ok := at[r.ModelID]; !ok {
			at[r.ModelID], places = len(places), append(places, i)
		} else if r.Timestamp > rows[places[k]].Timestamp {
			places[k] = i
		}
	}
	return places
}

func symbolsOf(m wire.ModelPositions) (symbols []string) {
	for _, p := range m.Positions {
		symbols = append(symbols, p.Symbol)
	}
	return symbols
}

// Conversations implements arena.Source.
func (s *Source) Conversations(context.Context) (wire.Conversations, error) {
	docs, err := read(s, documentsAsTheyStand())
	if err != nil {
		return wire.Conversations{}, err
	}
	return wire.Conversations{Conversations: arena.NewestDocuments(orEmpty(docs)), ServerTime: s.serverTime()}, nil
}

// Models implements arena.Source.
func (s *Source) Models(context.Context) (wire.Models, error) {
	names, err := s.models()
	if err != nil {
		return wire.Models{}, err
	}
	out := wire.Models{Models: make([]wire.Model, len(names)), ServerTime: s.serverTime()}
	for i, name := range names {
		if out.Models[i], err = mapping.ModelPayload(mapping.Model(wire.Model{ID: name}, s.benchmarks)); err != nil {
			return wire.Models{}, err
		}
	}
	return out, nil
}

// Symbols implements arena.Source.
func (s *Source) Symbols(context.Context) (wire.Symbols, error) {
	names, err := s.symbols()
	if err != nil {
		return wire.Symbols{}, err
	}
	out := wire.Symbols{Symbols: make([]wire.Symbol, len(names)), ServerTime: s.serverTime()}
	for i, name := range names {
		if out.Symbols[i], err = mapping.SymbolPayload(mapping.Symbol(wire.Symbol{Symbol: name})); err != nil {
			return wire.Symbols{}, err
		}
	}
	return out, nil
}

// competitors lists the models of the directory without the benchmarks.
func (s *Source) competitors() ([]string, error) {
	models, err := s.models()
	return slices.DeleteFunc(models, s.isBenchmark), err
}

// mentioning are the lists of models that the files mention, as they mention them.
func (s *Source) mentioning() map[snapshot.Kind]func() ([]string, error) {
	return map[snapshot.Kind]func() ([]string, error){
		snapshot.Positions:      namesIn(s, positionsFormat(), func(r wire.ModelPositions) []string { return []string{r.ModelID} }),
		snapshot.AccountTotals:  namesIn(s, totalsFormat(), func(r wire.AccountTotal) []string { return []string{r.ModelID} }),
		snapshot.Trades:         namesIn(s, tradesFormat(), func(r wire.Trade) []string { return []string{r.ModelID} }),
		snapshot.SinceInception: namesIn(s, inceptionFormat(), func(r wire.SinceInception) []string { return []string{r.ModelID} }),
		snapshot.Leaderboard:    namesIn(s, leaderboardFormat(), func(r wire.LeaderboardRow) []string { return []string{r.ID} }),
		snapshot.Analytics:      s.analyticsIDs,
		snapshot.Conversations:  namesIn(s, documentsAsTheyStand(), func(d wire.Document) []string { return []string{d.Model()} }),
	}
}

// symbols lists every symbol that any file of the directory mentions.
func (s *Source) symbols() ([]string, error) {
	return union(
		namesIn(s, pricesFormat(), func(p wire.Price) []string { return []string{p.Symbol} }),
		namesIn(s, positionsFormat(), symbolsOf),
		namesIn(s, tradesFormat(), func(r wire.Trade) []string { return []string{r.Symbol} }),
		namesIn(s, totalsFormat(), func(r wire.AccountTotal) []string {
			stated, _ := r.ModelPositions() // what is no position has no symbol
			return symbolsOf(stated)
		}),
	)
}

// union is what any of the lists has, in order.
func union(lists ...func() ([]string, error)) ([]string, error) {
	var all []string
	for _, list := range lists {
		names, err := list()
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (s *Source) analyticsIDs() ([]string, error) {
	docs, err := s.analytics()
	if err != nil && !isMissing(err) {
		return nil, err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.model
	}
	return ids, nil
}

// namesIn lists the names that the rows of a file have, none where there is no
// such file.
func namesIn[T any](s *Source, f format[T], names func(T) []string) func() ([]string, error) {
	return func() ([]string, error) {
		rows, err := read(s, f)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		var all []string
		for _, r := range rows {
			all = append(all, names(r)...)
		}
		return all, nil
	}
}

func (s *Source) isBenchmark(model string) bool { return slices.Contains(s.benchmarks, model) }

func (s *Source) serverTime() int64 { return wire.Millis(s.now()) }

// read returns the rows of the file of a kind but those at fault. A file that is
// missing, states nothing or is damaged makes the source unavailable: it is never
// an empty answer.
func read[T any](s *Source, f format[T]) ([]T, error) {
	return readRows(s, snapshot.FileName(f.kind, ""), f)
}

func readRows[T any](s *Source, name string, f format[T]) ([]T, error) {
	rows, err := cachedRows(s.files, name, f)
	if err != nil {
		return nil, unavailable(err)
	}
	return rows, nil
}

func unavailable(err error) error {
	return fmt.Errorf("%w: JSON store: %w", arena.ErrUnavailable, err)
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func orEmpty[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}
