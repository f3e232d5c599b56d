package jsonstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/analytics"
	"nof0/internal/arena"
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
	Now             func() time.Time
}

// NewSource returns the source of a directory. The directory is not touched
// until something is asked.
func NewSource(o SourceOptions) *Source {
	return &Source{files: newFileCache(o.Dir, o.Now), provider: o.PrimaryProvider, benchmarks: o.Benchmarks, now: o.Now}
}

// CryptoPrices implements arena.Source.
func (s *Source) CryptoPrices(context.Context) (wire.CryptoPrices, error) {
	rows, err := readRows(s, snapshot.FileName(snapshot.CryptoPrices, ""), decodePrice)
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
	rows, err := read(s, snapshot.AccountTotals, wire.Decode[wire.AccountTotal])
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
	rows, err := read(s, snapshot.Trades, wire.Decode[wire.Trade])
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

// SinceInception implements arena.Source.
func (s *Source) SinceInception(context.Context) (wire.SinceInceptionValues, error) {
	rows, err := read(s, snapshot.SinceInception, wire.Decode[wire.SinceInception])
	if err != nil {
		return wire.SinceInceptionValues{}, err
	}
	rows = asListed(s, rows, func(i wire.SinceInception) string { return i.ModelID })
	return wire.SinceInceptionValues{SinceInceptionValues: orEmpty(rows), ServerTime: s.serverTime()}, nil
}

// Leaderboard implements arena.Source. It serves the file as it stands: where
// the file is stale, so is the answer.
func (s *Source) Leaderboard(context.Context) (wire.Leaderboard, error) {
	rows, err := read(s, snapshot.Leaderboard, wire.Decode[wire.LeaderboardRow])
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
	docs, err := read(s, snapshot.Analytics, decodeAnalytics)
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
		single, err := readRows(s, name, decodeAnalyticsOf(name))
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

// Positions implements arena.Source. Without positions.json the newest row of
// each model in account-totals.json tells what is open.
func (s *Source) Positions(_ context.Context, limit int) (wire.Positions, error) {
	stated, err := read(s, snapshot.Positions, wire.DecodeModelPositions)
	if isMissing(err) {
		stated, err = s.positionsFromEquity()
	}
	if err != nil {
		return wire.Positions{}, err
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

func (s *Source) positionsFromEquity() ([]wire.ModelPositions, error) {
	rows, err := read(s, snapshot.AccountTotals, wire.Decode[wire.AccountTotal])
	if err != nil {
		return nil, err
	}
	newest := make(map[string]wire.AccountTotal)
	for _, r := range rows {
		if old, ok := newest[r.ModelID]; !ok || r.Timestamp > old.Timestamp {
			newest[r.ModelID] = r
		}
	}
	stated := make([]wire.ModelPositions, 0, len(newest))
	for model, r := range newest {
		open, err := r.OpenPositions()
		if err != nil {
			return nil, err
		}
		stated = append(stated, wire.ModelPositions{ModelID: model, Positions: open})
	}
	return stated, nil
}

// Conversations implements arena.Source.
func (s *Source) Conversations(context.Context) (wire.Conversations, error) {
	docs, err := read(s, snapshot.Conversations, snapshot.DecodeDocument)
	if err != nil {
		return wire.Conversations{}, err
	}
	return wire.Conversations{Conversations: arena.NewestDocuments(orEmpty(docs)), ServerTime: s.serverTime()}, nil
}

// competitors lists the models of the directory without the benchmarks.
func (s *Source) competitors() ([]string, error) {
	models, err := s.models()
	return slices.DeleteFunc(models, s.isBenchmark), err
}

// mentioning are the lists of models that the files mention, as they mention them.
func (s *Source) mentioning() map[snapshot.Kind]func() ([]string, error) {
	return map[snapshot.Kind]func() ([]string, error){
		snapshot.Positions:      namesIn(s, snapshot.Positions, wire.DecodeModelPositions, func(r wire.ModelPositions) []string { return []string{r.ModelID} }),
		snapshot.AccountTotals:  namesIn(s, snapshot.AccountTotals, wire.Decode[wire.AccountTotal], func(r wire.AccountTotal) []string { return []string{r.ModelID} }),
		snapshot.Trades:         namesIn(s, snapshot.Trades, wire.Decode[wire.Trade], func(r wire.Trade) []string { return []string{r.ModelID} }),
		snapshot.SinceInception: namesIn(s, snapshot.SinceInception, wire.Decode[wire.SinceInception], func(r wire.SinceInception) []string { return []string{r.ModelID} }),
		snapshot.Leaderboard:    namesIn(s, snapshot.Leaderboard, wire.Decode[wire.LeaderboardRow], func(r wire.LeaderboardRow) []string { return []string{r.ID} }),
		snapshot.Analytics:      s.analyticsIDs,
		snapshot.Conversations:  namesIn(s, snapshot.Conversations, snapshot.DecodeDocument, func(d wire.Document) []string { return []string{d.Model()} }),
	}
}

// symbols lists every symbol that any file of the directory mentions.
func (s *Source) symbols() ([]string, error) {
	return union(
		func() ([]string, error) {
			prices, err := readRows(s, snapshot.FileName(snapshot.CryptoPrices, ""), decodePrice)
			if err != nil && !isMissing(err) {
				return nil, err
			}
			var names []string
			for _, p := range prices {
				names = append(names, p.Symbol)
			}
			return names, nil
		},
		namesIn(s, snapshot.Positions, wire.DecodeModelPositions, func(r wire.ModelPositions) []string {
			return slices.Collect(maps.Keys(r.Positions))
		}),
		namesIn(s, snapshot.Trades, wire.Decode[wire.Trade], func(r wire.Trade) []string { return []string{r.Symbol} }),
		namesIn(s, snapshot.AccountTotals, wire.Decode[wire.AccountTotal], func(r wire.AccountTotal) []string {
			open, _ := r.OpenPositions() // the row was refused where they cannot be read
			return slices.Collect(maps.Keys(open))
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
func namesIn[T any](s *Source, kind snapshot.Kind, decode func(jsontext.Value) (T, error), names func(T) []string) func() ([]string, error) {
	return func() ([]string, error) {
		rows, err := read(s, kind, decode)
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

// read returns the rows of the file of a kind. A file that is missing or
// damaged makes the source unavailable: it is never an empty answer.
func read[T any](s *Source, kind snapshot.Kind, decode func(jsontext.Value) (T, error)) ([]T, error) {
	return readRows(s, snapshot.FileName(kind, ""), func(row snapshot.Row) (T, error) { return decode(row.Raw) })
}

func readRows[T any](s *Source, name string, decode func(snapshot.Row) (T, error)) ([]T, error) {
	rows, err := cachedRows(s.files, name, decode)
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
