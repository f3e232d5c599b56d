package parity

import (
	"context"
	"maps"
	"slices"

	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// standing are the facts of one side from which the leaderboard follows.
type standing struct {
	nav    map[string]float64
	trades map[string][]wire.Trade
	totals map[string][]wire.AccountTotal // by hour
	// imported are the rows of the leaderboard of models without totals, and those
	// that a file says were imported, with their times in unix seconds.
	imported     map[string]*wire.LeaderboardRow
	importedAsOf map[string]float64
	held         struct{ nav, trades, totals bool }
}

func newStanding() standing {
	return standing{
		nav: make(map[string]float64), trades: make(map[string][]wire.Trade), totals: make(map[string][]wire.AccountTotal),
		imported: make(map[string]*wire.LeaderboardRow), importedAsOf: make(map[string]float64),
	}
}

// leaderboard puts the facts of both sides, of the store no more than the JSON
// side has, through the same function and compares what it gives. The file's
// own figures are frozen copies: where they differ, that is information.
//
// The store's own answer, which it makes from running statistics, is held to
// the same figures where the JSON side has all the facts of a model.
func (r *reading) leaderboard(ctx context.Context) error {
	json, err := r.jsonStanding(ctx)
	if err != nil {
		return err
	}
	store, err := r.storeStanding(ctx, json)
	if err != nil {
		return err
	}
	benchmarks, err := r.benchmarks(ctx)
	if err != nil {
		return err
	}
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	asOf, err := fromJSON(r.json.AsOf(snapshot.Leaderboard))
	if err != nil {
		return err
	}
	known := slices.Concat(keys(json.nav), keys(json.trades), keys(json.totals), keys(json.imported))
	slices.Sort(known)
	competitors := slices.DeleteFunc(slices.Compact(known), func(m string) bool { return benchmarks[m] })
	computed := byModel(analytics.Leaderboard(json.competitors(competitors)))
	other := byModel(analytics.Leaderboard(store.competitors(competitors)))
	for _, m := range competitors {
		from := len(r.findings)
		if err := r.pair(row{m, m, computed[m]}, row{m, m, other[m]}); err != nil {
			return err
		}
		if json.imported[m] == nil {
			continue
		}
		if err := r.unlessOlder(from, m, asOf, accounts[m].StandingAsOf); err != nil {
			return err
		}
	}
	if err := r.answeredLeaderboard(ctx, json, computed, competitors); err != nil {
		return err
	}
	return r.frozen(ctx, computed)
}

func keys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func byModel(rows []wire.LeaderboardRow) map[string]wire.LeaderboardRow {
	return byKey(rows, func(row wire.LeaderboardRow) string { return row.ID })
}

// competitors are the facts of models as the function takes them.
func (s *standing) competitors(models []string) []analytics.Competitor {
	list := make([]analytics.Competitor, len(models))
	for i, m := range models {
		c := analytics.Competitor{ID: m, NAV: s.nav[m], Trades: analytics.Tally(s.trades[m]), Imported: s.imported[m], ImportedAsOf: s.importedAsOf[m], HourlyEquities: []float64{s.nav[m]}}
		for _, hour := range s.totals[m] {
			c.HourlyEquities = append(c.HourlyEquities, hour.DollarEquity)
			c.Newest = &hour
		}
		if _, known := s.nav[m]; !known && c.Newest != nil {
			c.First = s.totals[m][0].DollarEquity
		}
		list[i] = c
	}
	return list
}

// jsonStanding gathers the facts of the JSON side from the files that there are.
func (r *reading) jsonStanding(ctx context.Context) (standing, error) {
	s := newStanding()
	inceptions, err := fromJSON(r.json.SinceInception(ctx))
	if err != nil && !jsonstore.IsMissing(err) {
		return s, err
	}
	s.held.nav = err == nil
	missing := err
	for _, i := range inceptions.SinceInceptionValues {
		s.nav[i.ModelID] = i.NavSinceInception
	}
	trades, err := fromJSON(r.json.Trades(ctx))
	if err != nil && !jsonstore.IsMissing(err) {
		return s, err
	}
	s.held.trades = err == nil
	for _, t := range trades.Trades {
		s.trades[t.ModelID] = append(s.trades[t.ModelID], t)
	}
	totals, err := fromJSON(r.json.AccountTotals(ctx, 0))
	if err != nil && !jsonstore.IsMissing(err) {
		return s, err
	}
	s.held.totals = err == nil
	for _, a := range totals.AccountTotals {
		s.totals[a.ModelID] = append(s.totals[a.ModelID], a)
	}
	for _, hours := range s.totals {
		slices.SortStableFunc(hours, func(a, b wire.AccountTotal) int { return wire.CompareTimes(a.Timestamp, b.Timestamp) })
	}
	board, err := fromJSON(r.json.Leaderboard(ctx))
	if err != nil && !jsonstore.IsMissing(err) {
		return s, err
	}
	var marked map[string]float64 // nil where the file does not say
	if err == nil {
		f, err := fromJSON(r.json.File(snapshot.Leaderboard))
		if err != nil {
			return s, err
		}
		marked = f.ImportedAsOf
	}
	for _, row := range board.Leaderboard {
		at, listed := marked[row.ID]
		if !row.Equity.IsZero() && (listed || marked == nil && len(s.totals[row.ID]) == 0) {
			s.imported[row.ID], s.importedAsOf[row.ID] = &row, at
		}
	}
	if !s.held.nav && !s.held.trades && !s.held.totals && err != nil {
		return s, missing
	}
	return s, nil
}

// storeStanding are the facts of the store that the JSON side has too.
func (r *reading) storeStanding(ctx context.Context, json standing) (standing, error) {
	s := newStanding()
	accounts, err := r.accounts(ctx)
	if err != nil {
		return s, err
	}
	for m := range json.nav {
		if a := accounts[m]; a.InceptionNAV != nil {
			s.nav[m] = *a.InceptionNAV
		}
	}
	for m := range json.imported {
		if s.imported[m], err = mapping.StandingPayload(accounts[m]); err != nil {
			return s, err
		}
		if at := accounts[m].StandingAsOf; at != nil {
			s.importedAsOf[m] = wire.Seconds(*at)
		}
	}
	// What the store lacks is a fault of the domains of trades and accounts; here its
	// figures are.
	trades, err := r.findTrades(ctx, slices.Concat(slices.Collect(maps.Values(json.trades))...))
	if err != nil {
		return s, err
	}
	for _, t := range trades {
		s.trades[t.ModelID] = append(s.trades[t.ModelID], t)
	}
	var totals []wire.AccountTotal
	for _, hours := range json.totals {
		if newest := hours[len(hours)-1]; len(hours) > 1 && newest.SharpeRatio.Ptr() != nil {
			hours = []wire.AccountTotal{hours[0], newest} // no need to compute it: the return follows from both ends
		}
		totals = append(totals, hours...)
	}
	found, err := r.findTotals(ctx, totals)
	if err != nil {
		return s, err
	}
	for _, a := range found {
		s.totals[a.ModelID] = append(s.totals[a.ModelID], a)
	}
	return s, nil
}

// answeredLeaderboard checks what the store itself answers.
func (r *reading) answeredLeaderboard(ctx context.Context, json standing, computed map[string]wire.LeaderboardRow, competitors []string) error {
	complete, err := r.complete(ctx, json)
	if err != nil {
		return err
	}
	answer, err := r.store.Leaderboard(ctx)
	if err != nil {
		return err
	}
	order(r, storeAnswer, answer.Leaderboard,
		func(wire.LeaderboardRow) string { return "" },
		func(l wire.LeaderboardRow) row { return row{l.ID, l.ID, l} },
		analytics.CompareRows)
	answered := byModel(answer.Leaderboard)
	for _, m := range competitors {
		want := computed[m]
		got, ok := answered[m]
		if !ok {
			if err := r.only(wire.FindingOnlyJSON, "", row{m, m, want}, "the store's answer lacks this competitor"); err != nil {
				return err
			}
			continue
		}
		if !complete.trades[m] {
			got.NumTrades, got.NumWins, got.NumLosses = want.NumTrades, want.NumWins, want.NumLosses
			got.WinDollars, got.LoseDollars = want.WinDollars, want.LoseDollars
		}
		if _, imported := answer.ImportedAsOf[m]; !complete.newest[m] || imported && json.imported[m] == nil {
			got.Equity, got.ReturnPct, got.Sharpe = want.Equity, want.ReturnPct, want.Sharpe
		} else if _, known := json.nav[m]; !known {
			got.ReturnPct = want.ReturnPct // it counts from a row of the first hour that the JSON side may lack
		}
		if hours := json.totals[m]; len(hours) > 0 && hours[len(hours)-1].SharpeRatio.Ptr() == nil {
			got.Sharpe = want.Sharpe // computed from hours that the JSON side may lack
		}
		if err := r.member("", row{m, m, want}, row{m, m, got}); err != nil {
			return err
		}
	}
	return nil
}

// completeness says of which models the JSON side has all that the store has:
// all trades, and the newest equity.
type completeness struct{ trades, newest map[string]bool }

func (r *reading) complete(ctx context.Context, json standing) (completeness, error) {
	c := completeness{trades: make(map[string]bool), newest: make(map[string]bool)}
	stored, err := r.store.Trades(ctx)
	if err != nil {
		return c, err
	}
	n := make(map[string]int)
	for _, t := range stored.Trades {
		n[t.ModelID]++
	}
	newest, err := r.repos.Equity.Newest(ctx)
	if err != nil {
		return c, err
	}
	for _, m := range slices.Concat(keys(n), keys(json.nav), keys(json.trades), keys(json.totals)) {
		c.trades[m] = json.held.trades && n[m] < arena.RecentTrades && n[m] == len(json.trades[m])
	}
	for _, a := range newest {
		if hours := json.totals[a.ModelID]; len(hours) > 0 {
			c.newest[a.ModelID] = wire.Time(hours[len(hours)-1].Timestamp).UnixMicro() == a.ObservedAt.UnixMicro()
		}
	}
	return c, nil
}

// frozen lists where the file's own figures differ from the computed ones.
func (r *reading) frozen(ctx context.Context, computed map[string]wire.LeaderboardRow) error {
	answer, err := fromJSON(r.json.Leaderboard(ctx))
	if jsonstore.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range answer.Leaderboard {
		from := len(r.findings)
		if err := r.member("", row{l.ID, l.ID, l}, row{l.ID, l.ID, computed[l.ID]}); err != nil {
			return err
		}
		for i := range r.findings[from:] {
			r.findings[from+i].Kind, r.findings[from+i].Reason = wire.FindingInformation, "leaderboard.json, and what follows from the facts"
		}
	}
	return nil
}
