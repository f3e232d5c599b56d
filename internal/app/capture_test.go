package app_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/captures"
	"nof0/internal/season"
)

// TestResponsesEqualTheCapture holds what the whole system is for: what goes
// in comes out, no row more and no row less, rows matched by identity, numbers
// as doubles, absent, null and zero apart; also when the directory is gone and
// Redis is empty.
func TestResponsesEqualTheCapture(t *testing.T) {
	t.Parallel()
	sources := map[string]func(t *testing.T) string{
		"season": func(t *testing.T) string { return madeUp(t, season.Options{Seed: 7, Models: 7, Hours: 60}) },
	}
	for _, c := range captures.Both() {
		sources[c.Name] = func(t *testing.T) string { return c.Copy(t) }
	}
	for name, dir := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			snapshot := dir(t)
			b.load(t, snapshot)

			files := readDir(t, snapshot)
			require.NoError(t, os.RemoveAll(snapshot))
			requireSameResponses(t, b.url, files, name == "season")

			// A second process with nothing in memory, after Redis lost all.
			b.redis.Kill()
			b.redis.Restart()
			_, other := start(t, b.cfg)
			requireSameResponses(t, other, files, name == "season")
		})
	}
}

// requireSameResponses compares every file with the response of its endpoint.
// The leaderboard of a live capture is stale by construction: only whom it
// lists is compared.
func requireSameResponses(t *testing.T, url string, files map[string]map[string]any, leaderboardIsTrue bool) {
	t.Helper()
	requireSameResponsesOf(t, url, "", "store", files, leaderboardIsTrue)
}

// requireSameResponsesOf is requireSameResponses of what is asked for with a query, and
// answered by a source.
func requireSameResponsesOf(t *testing.T, url, query, source string, files map[string]map[string]any, leaderboardIsTrue bool) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name]
		endpoint := strings.TrimSuffix(name, ".json")
		single, isSingle := strings.CutPrefix(endpoint, "analytics-")
		if isSingle {
			if _, listed := files["analytics.json"]; listed {
				continue // superseded
			}
			endpoint = "analytics/" + single
		}
		res := get(t, url+"/api/"+endpoint+query)
		require.Equal(t, 200, res.StatusCode, "%s: %s", name, res.body)
		require.Equal(t, source, res.Header.Get("X-Data-Source"), name)

		got, want := rowsOf(t, endpoint, res.object(t)), rowsOf(t, endpoint, file)
		require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)), "identities of %s", name)
		if endpoint == "leaderboard" && !leaderboardIsTrue {
			continue
		}
		for id := range want {
			require.Equal(t, want[id], got[id], "%s %s", name, id)
		}
		require.Equal(t, envelope(file), envelope(res.object(t)), "envelope of %s", name)
	}
}

// rowsOf maps the rows of a payload by identity. It fails on a repeated one.
func rowsOf(t *testing.T, endpoint string, payload map[string]any) map[string]any {
	t.Helper()
	by := make(map[string]any)
	add := func(id string, row map[string]any) {
		require.NotContains(t, by, id, "%s lists a row twice", endpoint)
		by[id] = row
	}
	if prices, ok := payload["prices"].(map[string]any); ok {
		return prices
	}
	for _, member := range payload {
		rows, ok := member.([]any)
		if !ok {
			continue
		}
		for _, one := range rows {
			row := one.(map[string]any)
			switch {
			case row["messages"] != nil:
				// Threads gain members that are derived from their messages.
				for _, derived := range []string{"timestamp", "user_prompt", "cot_trace_summary"} {
					delete(row, derived)
				}
				add("thread "+row["model_id"].(string), row)
			case endpoint == "positions" || endpoint == "since-inception-values":
				add(row["model_id"].(string), row)
			default:
				add(row["id"].(string), row)
			}
		}
	}
	return by
}

// envelope is what a payload says beside its rows and the time of rendering.
func envelope(payload map[string]any) map[string]any {
	rest := make(map[string]any)
	for name, v := range payload {
		switch v.(type) {
		case []any, map[string]any:
		default:
			if name != "serverTime" {
				rest[name] = v
			}
		}
	}
	return rest
}

func readDir(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	files := make(map[string]map[string]any)
	for _, e := range entries {
		if e.Name() == ".lock" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = parse(t, raw)
	}
	return files
}
