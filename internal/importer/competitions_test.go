package importer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/export"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// seasonDir writes a season of few hours.
func seasonDir(t *testing.T, competition string, start time.Time) string {
	t.Helper()
	s, err := season.Generate(t.Context(), season.Options{Seed: 5, Models: 4, Hours: 30, Start: start, Competition: competition})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "season")
	_, err = s.Write(t.Context(), dir)
	require.NoError(t, err)
	return dir
}

// answers are what the arena says of the accounts of a competition, by view, without
// the time of the answer.
func (a arenaOf) answers(competition string) map[string]string {
	a.Helper()
	s := arena.NewStore(a.store.In(competition).Repositories, "hyperliquid", time.Now)
	all := map[string]string{}
	put := func(name string, payload any, err error) {
		require.NoError(a, err)
		raw, err := wire.Marshal(payload)
		require.NoError(a, err)
		var members map[string]any
		require.NoError(a, json.Unmarshal(raw, &members))
		for member, value := range members {
			rows, _ := value.([]any)
			for _, row := range rows { // models are listed as they came to the arena, not to the competition
				raw, err := json.Marshal(row)
				require.NoError(a, err)
				all[fmt.Sprint(name, " ", row.(map[string]any)["model_id"], " ", row.(map[string]any)["id"])] = string(raw)
			}
			if rows == nil && member != "serverTime" {
				all[name+" "+member] = fmt.Sprint(value)
			}
		}
	}
	totals, err := s.AccountTotals(a.Context(), 0)
	put("totals", totals, err)
	trades, err := s.Trades(a.Context())
	put("trades", trades, err)
	positions, err := s.Positions(a.Context(), 0)
	put("positions", positions, err)
	inception, err := s.SinceInception(a.Context())
	put("inception", inception, err)
	board, err := s.Leaderboard(a.Context())
	put("leaderboard", board, err)
	metrics, err := s.Analytics(a.Context())
	put("analytics", metrics, err)
	conversations, err := s.Conversations(a.Context())
	put("conversations", conversations, err)
	return all
}

func (a arenaOf) loadIn(competition, dir string) (*importer.Report, error) {
	o := a.options()
	o.Competition = competition
	return importer.Import(a.Context(), dir, o)
}

var (
	firstStart  = time.Date(2025, time.October, 17, 22, 0, 0, 0, time.UTC)
	secondStart = time.Date(2025, time.November, 20, 1, 0, 0, 250_000_000, time.UTC)
)

// The same models trade in a second season: its capture is refused whole until its
// competition is named, and then each has what an arena of its own would have.
func TestASecondSeasonIsACompetitionOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := seasonDir(t, "", firstStart), seasonDir(t, "s2", secondStart)
	alone := newArena(t)
	_, err := alone.loadIn("season-2", second)
	require.NoError(t, err)
	standard, err := alone.store.Competitions.Default(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "season-2", standard.ID, "nothing else was there, so that it runs")

	a := newArena(t)
	a.load(first)
	before := a.answers("")
	_, err = a.loadIn("", second)
	require.ErrorIs(t, err, importer.ErrNothingDone)
	require.ErrorContains(t, err, "another season")
	require.ErrorContains(t, err, "--competition")
	require.Equal(t, before, a.answers(""))

	for _, want := range []bool{true, false} {
		report, err := a.loadIn("season-2", second)
		require.NoError(t, err)
		require.Zero(t, report.Rejected())
		require.Equal(t, []string{"season-2"}, report.Competitions)
		for _, kind := range report.Kinds {
			if !want {
				require.Zero(t, kind.Inserted+kind.Updated, "%s: again", kind.Kind)
			}
		}
	}
	require.Equal(t, before, a.answers(""))
	require.Equal(t, alone.answers("season-2"), a.answers("season-2"))
	standard, err = a.store.Competitions.Default(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, entities.FirstCompetition, standard.ID, "whoever names none sees what they saw")
	_, err = a.loadIn("season-2", first)
	require.ErrorContains(t, err, "another season")

	// What is exported of each comes in again, in an arena that has neither.
	other := newArena(t)
	for _, id := range []string{"season-2", entities.FirstCompetition} {
		dir := filepath.Join(t.TempDir(), id)
		exported, err := export.Write(t.Context(), dir, export.Options{Store: a.store, PrimaryProvider: "hyperliquid", Now: time.Now, Competition: id})
		require.NoError(t, err)
		require.Equal(t, id, exported.Competition)
		_, err = other.loadIn(id, dir)
		require.NoError(t, err)
		report, err := a.loadIn(id, dir)
		require.NoError(t, err)
		for _, kind := range report.Kinds {
			require.Zero(t, kind.Inserted+kind.Updated+kind.Rejected, "%s of %s", kind.Kind, id)
		}
	}
	for _, id := range []string{"season-2", entities.FirstCompetition} {
		require.Equal(t, a.answers(id), other.answers(id), id)
	}
	_, err = export.Write(t.Context(), filepath.Join(t.TempDir(), "x"), export.Options{Store: a.store, PrimaryProvider: "hyperliquid", Now: time.Now, Competition: "season-3"})
	require.ErrorContains(t, err, `unknown competition: "season-3"`)
}

// union puts the rows of directories into one, each with the member that names its
// competition.
func union(t *testing.T, dirs map[string]string, member string) string {
	t.Helper()
	whole := map[string]map[string]any{}
	for id, dir := range dirs {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			body, err := os.ReadFile(filepath.Join(dir, e.Name()))
			require.NoError(t, err)
			var file map[string]any
			require.NoError(t, json.Unmarshal(body, &file))
			if whole[e.Name()] == nil {
				whole[e.Name()] = map[string]any{}
			}
			for name, value := range file {
				rows, isRows := value.([]any)
				if !isRows {
					whole[e.Name()][name] = value
					continue
				}
				for _, row := range rows {
					if id != "" {
						row.(map[string]any)[member] = id
					}
				}
				known, _ := whole[e.Name()][name].([]any)
				whole[e.Name()][name] = append(known, rows...)
			}
		}
	}
	bodies := map[string]string{}
	for name, file := range whole {
		body, err := json.Marshal(file)
		require.NoError(t, err)
		bodies[name] = string(body)
	}
	return files(t, bodies)
}

// Rows say themselves of which competition they are, in either member; those that do
// not are of the default one.
func TestRowsNameTheirCompetition(t *testing.T) {
	t.Parallel()
	dirs := map[string]string{"": seasonDir(t, "", firstStart), "calm": seasonDir(t, "calm", firstStart), "wild": seasonDir(t, "wild", firstStart)}
	for _, member := range []string{"competition_id", "competition"} {
		a := newArena(t)
		report := a.load(union(t, dirs, member))
		require.Zero(t, report.Rejected(), "%+v", refusedOf(report))
		require.ElementsMatch(t, []string{entities.FirstCompetition, "calm", "wild"}, report.Competitions)
		for _, id := range []string{"calm", "wild"} {
			one := newArena(t)
			one.load(union(t, map[string]string{id: dirs[id]}, member))
			require.Equal(t, one.answers(id), a.answers(id), "%s by %s", id, member)
			named := 0
			for _, row := range a.answers(id) {
				if strings.Contains(row, `"`+member+`":"`+id+`"`) {
					named++ // it comes back as it came
				}
			}
			require.Greater(t, named, 100)
		}
		one := newArena(t)
		one.load(dirs[""])
		require.Equal(t, one.answers(""), a.answers(""), member)
	}
}

// A row that names what can be none is refused by name, and so is one that is later than
// the end of its competition; the others are taken.
func TestRowsOfNoCompetitionAreRefused(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	end := time.Unix(1761003750, 0)
	_, err := a.store.Competitions.Put(t.Context(), []entities.Competition{{
		ID: entities.FirstCompetition, Name: "1", Status: entities.CompetitionEnded, EndsAt: &end,
	}})
	require.NoError(t, err)
	row := func(at int, more string) string {
		return total("m", at, `{}`)[:len(total("m", at, `{}`))-1] + more + "}"
	}
	report := a.load(files(t, map[string]string{"account-totals.json": `{"accountTotals":[` + row(1761003700, `,"competition_id":7`) + "," +
		row(1761003701, `,"competition_id":" x"`) + "," + row(1761003750, "") + "," + row(1761003751, "") + "," +
		row(1761003752, `,"competition":{"name":"season 1"}`) + "," + row(1761003753, `,"competition_id":"open"`) + `]}`}))
	require.Equal(t, []string{
		"account-totals.json m_1: /competition_id", "account-totals.json m_1: /competition_id",
		"account-totals.json m_1: /timestamp", "account-totals.json m_1: /timestamp",
	}, refusedOf(report))
	require.Equal(t, []string{entities.FirstCompetition, "open"}, report.Competitions)
	for id, want := range map[string]int{"": 1, "open": 1} {
		totals, err := a.store.In(id).Equity.NewestOf(t.Context(), "m")
		require.NoError(t, err)
		require.NotNil(t, totals)
		require.Positive(t, want)
	}
}

// What is stored of a competition stays as it was where its end is moved before it: a
// capture that comes again changes nothing and refuses nothing, and of one that holds more
// only what is new and late is refused, by name.
func TestRowsThatAreStoredMayBeLaterThanAnEnd(t *testing.T) {
	t.Parallel()
	short, err := season.Generate(t.Context(), season.Options{Seed: 5, Models: 3, Hours: 20, Start: firstStart})
	require.NoError(t, err)
	long, err := season.Generate(t.Context(), season.Options{Seed: 5, Models: 3, Hours: 30, Start: firstStart})
	require.NoError(t, err)
	dirs := [2]string{}
	for i, s := range []*season.Season{short, long} {
		dirs[i] = filepath.Join(t.TempDir(), fmt.Sprint(i))
		_, err = s.Write(t.Context(), dirs[i])
		require.NoError(t, err)
	}
	for name, end := range map[string]time.Time{
		"in the middle":    firstStart.Add(9 * time.Hour),
		"before all of it": firstStart.Add(-time.Hour),
		"after the first":  firstStart.Add(time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t)
			a.load(dirs[0])
			_, err := a.store.Competitions.Put(t.Context(), []entities.Competition{{
				ID: entities.FirstCompetition, Name: "1", Status: entities.CompetitionEnded, EndsAt: &end,
			}})
			require.NoError(t, err)
			before := a.answers("")
			again := a.load(dirs[0])
			require.Empty(t, refusedOf(again))
			for _, kind := range again.Kinds {
				require.Zero(t, kind.Inserted+kind.Updated, kind.Kind)
			}
			require.Equal(t, before, a.answers(""))

			more := a.load(dirs[1])
			require.NotEmpty(t, refusedOf(more))
			for _, kind := range more.Kinds {
				if slices.Contains([]string{"prices", "analytics", "leaderboard"}, kind.Kind) {
					continue // they are no facts of a competition
				}
				require.Zero(t, kind.Inserted, kind.Kind)
				for _, row := range kind.Rows {
					require.Contains(t, row.Faults[0].Reason, "takes no fact later than that", "%s %s", kind.Kind, row.ID)
				}
			}
			after := a.answers("")
			for _, view := range []string{"totals", "trades", "conversations"} {
				for row, body := range before {
					if strings.HasPrefix(row, view+" ") {
						require.Equal(t, body, after[row], row)
					}
				}
			}
		})
	}
}
