package app_test

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/export"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
)

// playedSeason is a season of the walk, with the answers that it makes.
type playedSeason struct {
	*season.Season

	id    string
	files map[string]map[string]any
	sent  sentFacts
}

func newPlayedSeason(t *testing.T, id string, models int, start time.Time) playedSeason {
	t.Helper()
	o := season.Options{Seed: 3, Models: models, Hours: 14, Start: start, Competition: id, EntryPause: 30 * time.Minute}
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	p := playedSeason{s, id, readDir(t, madeUp(t, o)), factsOf(t, s.Plan(season.PlanOptions{}))}
	maps.DeleteFunc(p.files, func(name string, _ map[string]any) bool {
		// Prices belong to no competition, and metrics are left to the store.
		return name == "crypto-prices.json" || strings.HasPrefix(name, "analytics")
	})
	return p
}

// play sends what happened.
func (p playedSeason) play(t *testing.T, url string) {
	t.Helper()
	played, err := season.Play(t.Context(), p.Plan(season.PlanOptions{}).Events(), season.PlayOptions{
		URL: url, Token: ingestToken, Client: http.DefaultClient, Competition: p.id,
	})
	require.NoError(t, err)
	require.Zero(t, played.Rejected, "%+v", played.Rejections)
}

// bytesOf are the answers of a competition, without the time of rendering.
func bytesOf(t *testing.T, url, id string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, endpoint := range []string{"account-totals", "trades", "positions", "since-inception-values", "leaderboard", "analytics", "conversations", "equity"} {
		res := get(t, url+"/api/"+endpoint+"?competition="+id)
		require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", endpoint, res.body)
		body, time, _ := strings.Cut(string(res.body), `"serverTime":`)
		_, rest, _ := strings.Cut(time, "}")
		all[endpoint] = body + rest
	}
	return all
}

// tradesOf are the ids of the trades of a competition, as the stream has them.
func tradesOf(t *testing.T, url, id string, n int) (ids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLong)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/stream?types=trade&last_event_id=0&competition="+id, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for len(ids) < n {
		require.True(t, lines.Scan(), "%v after %d of %d", lines.Err(), len(ids), n)
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		event := parse(t, []byte(data))
		require.Equal(t, id, event["competition_id"])
		row := event["payload"]
		if row == nil {
			row = event["data"]
		}
		ids = append(ids, row.(map[string]any)["id"].(string))
	}
	slices.Sort(ids)
	return ids
}

// requireParity compares both sides, of which the files follow in a moment.
func (b *bundle) requireParity(t *testing.T) {
	t.Helper()
	status, runs := admin(t, http.MethodPost, b.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	require.Len(t, runs, len(arena.Domains()))
	requireVerdicts(t, runs, wire.VerdictEqual)
}

// TestASeasonEndsAndFourModesOfTheNextBegin walks through the change of a season over
// HTTP, with JSON files that follow: the same models trade in four modes of the next one
// at once. Every view equals what is computed here from the facts that were sent.
func TestASeasonEndsAndFourModesOfTheNextBegin(t *testing.T) {
	t.Parallel()
	dir := emptyJSON(t)
	b := setup(t, withJSON(dir))
	for _, d := range arena.Domains() {
		b.set(t, d, arena.Modes{Read: arena.ReadStore, Write: arena.WriteBoth})
	}
	firstStart := time.Date(2025, time.October, 17, 22, 0, 0, 0, time.UTC)
	nextStart := firstStart.AddDate(0, 0, 10)
	first := newPlayedSeason(t, "season-1", 5, firstStart)
	modes := make([]playedSeason, 4)
	for i, id := range []string{"season-2-baseline", "season-2-calm", "season-2-monk", "season-2-wild"} {
		modes[i] = newPlayedSeason(t, id, 3+i%2, nextStart)
	}
	wild := modes[3]
	played := append([]playedSeason{first}, modes...)

	first.play(t, b.url)
	requireSameResponsesOf(t, b.url, "", "store", first.files, true)
	b.settled(t)
	first.sent.requireComputed(t, b.url, "season-1")
	b.requireParity(t)
	before := bytesOf(t, b.url, "season-1")

	items := []object{{"id": "season-1", "status": "ended", "ends_at": first.End().Unix()}}
	for i, p := range modes {
		_, mode, _ := strings.Cut(p.id, "season-2-")
		items = append(items, object{"id": p.id, "season": "2", "mode": mode, "status": "running", "starts_at": nextStart.Unix() + int64(i)})
	}
	status, answer := send(t, b.url+"/api/ingest/competitions", ingestToken, object{"items": items})
	require.Equal(t, http.StatusOK, status, "%v", answer)

	var players sync.WaitGroup
	for _, next := range modes {
		players.Go(func() { next.play(t, b.url) })
	}
	players.Wait()
	b.settled(t)
	for _, p := range played {
		requireSameResponsesOf(t, b.url, "?competition="+p.id, "store", p.files, true)
		p.sent.requireComputed(t, b.url, p.id)
		trades := p.Facts().Trades
		want := make([]string, len(trades))
		for i := range trades {
			want[i] = trades[i].ID
		}
		slices.Sort(want)
		require.Equal(t, want, tradesOf(t, b.url, p.id, len(want)))
	}
	require.Equal(t, before, bytesOf(t, b.url, "season-1"), "what has ended is as it was")
	requireSameResponsesOf(t, b.url, "", "store", wild.files, true) // it started last

	// The files have followed to the new default, and have nothing of the others.
	b.requireParity(t)
	files := readDir(t, dir)
	for name, file := range wild.files {
		if name != "leaderboard.json" {
			require.Equal(t, rowsOf(t, strings.TrimSuffix(name, ".json"), file), rowsOf(t, strings.TrimSuffix(name, ".json"), files[name]), name)
		}
	}

	// A client that polls from where the season before has ended gets all of this one.
	res := get(t, b.url+"/api/account-totals?lastHourlyMarker=13")
	all := get(t, b.url+"/api/account-totals?competition=season-2-wild")
	require.NotEmpty(t, rowsOf(t, "account-totals", all.object(t)))
	ahead := get(t, b.url+"/api/account-totals?lastHourlyMarker=400")
	require.Equal(t, rowsOf(t, "account-totals", all.object(t)), rowsOf(t, "account-totals", ahead.object(t)))
	require.Equal(t, "season-2-wild", ahead.object(t)["competition"])
	require.Less(t, len(rowsOf(t, "account-totals", res.object(t))), len(rowsOf(t, "account-totals", all.object(t))))

	status, _ = send(t, b.url+"/api/ingest/equity", ingestToken, object{
		"competition_id": "season-1", "model_id": first.Facts().Competitors[0], "timestamp": float64(first.End().Unix()) + 1,
		"dollar_equity": 1, "since_inception_hourly_marker": 14,
	})
	require.Equal(t, http.StatusConflict, status)

	// What is exported of each is in another arena what it is here.
	other := setup(t, withIngest)
	for _, p := range played {
		dir := filepath.Join(t.TempDir(), p.id)
		_, err := export.Write(t.Context(), dir, export.Options{
			Store: b.app.Store, PrimaryProvider: b.cfg.Arena.PrimaryProvider, Now: time.Now, Competition: p.id,
		})
		require.NoError(t, err)
		report, err := importer.Import(t.Context(), dir, importer.Options{
			Bounds: wiretest.Bounds(), Now: time.Now, Store: other.app.Store, Competition: p.id,
			PrimaryProvider: b.cfg.Arena.PrimaryProvider, Benchmarks: b.cfg.Arena.Benchmarks,
		})
		require.NoError(t, err)
		require.Zero(t, report.Rejected())
	}
	other.settled(t)
	for _, p := range played {
		requireSameResponsesOf(t, other.url, "?competition="+p.id, "store", p.files, true)
		for _, model := range p.sent.competitors() {
			p.sent.requireMetrics(t, other.url+"/api/analytics/"+model+"?competition="+p.id, model)
		}
	}
}
