package main

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

func TestServe(t *testing.T) {
	t.Parallel()
	environ := []string{emptyDatabase(t), "REDIS_URL=" + testdb.Redis(t), anyPort}

	old := nof0(t, environ, "serve")
	require.Equal(t, 1, old.code)
	require.Contains(t, old.err, "the schema is older than this binary")
	require.Contains(t, old.err, "run `nof0 migrate apply`, or `nof0 serve --migrate`")
	require.Empty(t, old.out)

	r := start(t, environ, "serve", "--migrate")
	at := r.ready(t)
	source, body := get(t, at+"/api/trades")
	require.Equal(t, "store", source)
	require.Equal(t, []any{}, body["trades"])

	u, err := url.Parse(at)
	require.NoError(t, err)
	taken := nof0(t, append(environ[:2:2], "NOF0_HTTP_ADDR="+u.Host), "serve")
	require.Equal(t, 1, taken.code)
	require.Contains(t, taken.err, u.Host)
	require.Contains(t, taken.err, "set NOF0_HTTP_ADDR to another address")

	e := r.stop(t)
	require.Zero(t, e.code, e.err)
	require.Equal(t, "ready "+at+"\n", e.out)

	again := start(t, environ, "serve")
	again.ready(t)
	require.Zero(t, again.stop(t).code)
}

func TestCacheWarmAndDrop(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t), "REDIS_URL=" + testdb.Redis(t)}
	mustNof0(t, environ, "import", smallSeason(t))

	warmed := parsed[map[string]int](t, mustNof0(t, environ, "cache", "warm", "--json"))
	require.Positive(t, warmed["views"])
	dropped := parsed[map[string]int](t, mustNof0(t, environ, "cache", "drop", "--json"))
	require.Positive(t, dropped["dropped"])
	require.Equal(t, "0 keys dropped\n", mustNof0(t, environ, "cache", "drop").out)
}
