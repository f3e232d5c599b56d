package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/captures"
	"nof0/internal/season"
)

var endpoints = []string{
	"crypto-prices", "account-totals", "trades", "since-inception-values", "leaderboard",
	"analytics", "analytics/claude-sonnet-4-5", "positions", "conversations",
}

func TestUnchangedContentOfACaptureIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, captures.Earlier.Copy(t))
	for _, endpoint := range endpoints {
		first := get(t, b.url+"/api/"+endpoint+"?path="+endpoint)
		require.Equal(t, http.StatusOK, first.StatusCode, "%s: %s", endpoint, first.body)
		etag := first.Header.Get("ETag")
		require.NotEmpty(t, etag, endpoint)

		again := get(t, b.url+"/api/"+endpoint, "If-None-Match", etag)
		require.Equal(t, http.StatusNotModified, again.StatusCode, endpoint)
		require.Empty(t, again.body, endpoint)

		// Rendered anew by a process that shares nothing but the database.
		_, other := start(t, withoutRedis(b.cfg))
		require.Equal(t, http.StatusNotModified, get(t, other+"/api/"+endpoint, "If-None-Match", etag).StatusCode,
			"the validator of %s is the content's", endpoint)
	}
}

func withoutRedis(cfg config.Config) config.Config {
	cfg.RedisURL = ""
	return cfg
}

func TestAccountTotalsOfACaptureFromAMarker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, captures.Earlier.Copy(t))
	whole := rows(t, get(t, b.url+"/api/account-totals"))
	const last = captures.Hours - 1
	for _, from := range []float64{0, 1, 23, 24, 25, last / 2, last - 8, last} {
		res := get(t, b.url+"/api/account-totals?lastHourlyMarker="+number(from))
		want := []any{}
		for _, row := range whole {
			if row.(map[string]any)["since_inception_hourly_marker"].(float64) >= from {
				want = append(want, row)
			}
		}
		require.Len(t, want, int(captures.Hours-from)*captures.Earlier.Rows["since-inception-values"])
		require.Equal(t, want, rows(t, res), "from %v", from)
		require.InDelta(t, last, res.object(t)["lastHourlyMarkerRead"], 0)
	}
	for _, beyond := range []string{number(captures.Hours), "9223372036854775807"} { // of another season
		res := get(t, b.url+"/api/account-totals?lastHourlyMarker="+beyond)
		require.Equal(t, whole, rows(t, res), beyond)
		require.Equal(t, "season-1", res.object(t)["competition"])
	}
	for _, wrong := range []string{"-2", "x", "1.5", "9223372036854775808"} {
		require.Equal(t, http.StatusBadRequest, get(t, b.url+"/api/account-totals?lastHourlyMarker="+wrong).StatusCode, wrong)
	}
}

func TestUnknownModelIsAProblem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, madeUp(t, season.Options{Seed: 4, Models: 3, Hours: 20}))
	for range 2 { // the second time from the cache
		res := get(t, b.url+"/api/analytics/nope")
		require.Equal(t, http.StatusNotFound, res.StatusCode)
		require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
		problem := res.object(t)
		require.InDelta(t, http.StatusNotFound, problem["status"], 0)
		require.NotEmpty(t, problem["request_id"])
	}
}

func TestEmptyArena(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, endpoint := range endpoints {
		want := http.StatusOK
		if endpoint == "analytics/claude-sonnet-4-5" {
			want = http.StatusNotFound
		}
		require.Equal(t, want, get(t, b.url+"/api/"+endpoint).StatusCode, endpoint)
	}
	require.JSONEq(t, `[]`, string(raw(t, rows(t, get(t, b.url+"/api/account-totals")))))
}

// TestRedisMayFail holds that Redis decides how fast an answer comes, never
// what it says.
func TestRedisMayFail(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) {
		c.Cache.LocalTTL = 0
		redisWaits(c, config.Default().Redis.ReadTimeout) // it hangs
	})
	b.load(t, madeUp(t, season.Options{Seed: 5, Models: 4, Hours: 30}))
	want := make(map[string]map[string]any)
	ask := func(when string) {
		for _, endpoint := range endpoints {
			res := get(t, b.url+"/api/"+endpoint)
			require.Less(t, res.StatusCode, 500, "%s with Redis %s: %s", endpoint, when, res.body)
			got := res.object(t)
			for _, volatile := range []string{"serverTime", "request_id"} {
				delete(got, volatile)
			}
			if want[endpoint] == nil {
				want[endpoint] = got
			}
			require.Equal(t, want[endpoint], got, "%s with Redis %s", endpoint, when)
		}
	}
	ask("up")
	b.redis.Pause()
	ask("hanging")
	b.redis.Resume()
	ask("answering again")
	b.redis.Kill()
	ask("dead")
	b.redis.Restart()
	ask("back")
}

// TestDatabaseDownIsNoAbsence holds that an outage is a 503, or an answer that
// says it is stale, and never a 404 or an empty list.
func TestDatabaseDownIsNoAbsence(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.Cache.LocalTTL = 0 })
	b.load(t, madeUp(t, season.Options{Seed: 4, Models: 3, Hours: 20}))
	known := get(t, b.url+"/api/trades")
	lockOut(t, b.cfg.DatabaseURL)
	b.redis.Kill()

	stale := get(t, b.url+"/api/trades")
	require.Equal(t, http.StatusOK, stale.StatusCode)
	require.Equal(t, "stale", stale.Header.Get("X-Data-Source"))
	require.JSONEq(t, string(known.body), string(stale.body))

	for _, endpoint := range []string{"leaderboard", "analytics/nope", "account-totals", "positions"} {
		res := get(t, b.url+"/api/"+endpoint)
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "%s: %s", endpoint, res.body)
		require.NotEmpty(t, res.Header.Get("Retry-After"), endpoint)
	}
	require.Contains(t, string(get(t, b.url+"/readyz").body), "the database does not answer")
	require.Equal(t, http.StatusOK, get(t, b.url+"/healthz").StatusCode)
}

// lockOut ends every connection to a database and lets no new one in.
func lockOut(t *testing.T, dsn string) {
	t.Helper()
	ctx := t.Context()
	parsed, err := url.Parse(dsn)
	require.NoError(t, err)
	name := pgx.Identifier{strings.TrimPrefix(parsed.Path, "/")}
	admin, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	require.NoError(t, err)
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, "ALTER DATABASE "+name.Sanitize()+" ALLOW_CONNECTIONS false")
	require.NoError(t, err)
	_, err = admin.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name[0])
	require.NoError(t, err)
}

// TestManyAtOnce holds that a crowd on a cold cache gets one and the same
// content.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, madeUp(t, season.Options{Seed: 6, Models: 5, Hours: 60}))
	etags := make([]string, 64)
	var crowd sync.WaitGroup
	for i := range etags {
		crowd.Go(func() {
			res, err := http.Get(b.url + "/api/account-totals")
			if err == nil {
				etags[i] = res.Header.Get("ETag")
				_ = res.Body.Close()
			}
		})
	}
	crowd.Wait()
	for _, etag := range etags {
		require.NotEmpty(t, etag)
		require.Equal(t, etags[0], etag)
	}
}

func rows(t *testing.T, res response) []any {
	t.Helper()
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
	for _, member := range res.object(t) {
		if list, ok := member.([]any); ok {
			return list
		}
	}
	t.Fatalf("no list in %.200s", res.body)
	return nil
}

func raw(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}

func number(f float64) string {
	out, _ := json.Marshal(f) // a float renders
	return string(out)
}
