package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/catalogue"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire"
)

// TestStoreFarAway puts 100 ms between the system and its database, and counts what goes
// there and back: nothing for a view that is known, whatever form of it is asked for, and
// twice for a fill, which may take six.
func TestStoreFarAway(t *testing.T) {
	t.Parallel()
	var way *testdb.Way
	b := setup(t, withIngest, func(c *config.Config) {
		// A pooler answers for the database, and takes no names of sessions.
		way, c.DatabaseURL = testdb.NewDatabaseWay(t, testdb.Direct(t, c.DatabaseURL))
		c.HTTP.RequestTimeout, c.Cache.LoadTimeout = waitLong, waitLong
	})
	b.load(t, madeUp(t, season.Options{Seed: 15, Models: 3, Hours: 5}))
	post(t, b.url, "models", `{"id":"m"}`)
	post(t, b.url, "symbols", `{"symbol":"SOL","size_step":0.01}`)
	fill := func(n int) { post(t, b.url, "trades", fillOf(fmt.Sprint(n), 200)) }
	for n := range 8 {
		fill(n) // until every statement of a fill has been prepared
	}
	b.settled(t)

	model := read[wire.Models](t, b.url+"/api/models").Models[0].ID
	decision := read[wire.Decisions](t, b.url+"/api/decisions/"+model).Decisions[0].ID
	var paths []string
	for _, v := range catalogue.Views() {
		path := "/api" + strings.NewReplacer(":model", model, ":symbol", "BTC", ":decision", decision).Replace(v.Path)
		if v.Name == catalogue.ViewSearch {
			path += "?q=risk"
		}
		paths = append(paths, path)
	}
	paths = append(paths, "/api/account-totals?lastHourlyMarker=3", "/api/positions?limit=2", "/api/trades?limit=3", "/api/equity?points=9&model_id="+model)
	for _, path := range paths {
		get(t, b.url+path)
	}
	way.Delay(100 * time.Millisecond)
	trips := func(ask func()) int64 {
		before := way.Answers("nof0 reads", "nof0 writes")
		ask()
		return way.Answers("nof0 reads", "nof0 writes") - before
	}
	for _, path := range paths {
		known := 0
		ask := func() {
			plain := get(t, b.url+path)
			require.Equal(t, http.StatusOK, plain.StatusCode, "%s: %s", path, plain.body)
			require.Equal(t, "store", plain.Header.Get("X-Data-Source"), path)
			require.Equal(t, http.StatusOK, get(t, b.url+path, "Accept-Encoding", "gzip").StatusCode, path)
			known = get(t, b.url+path, "If-None-Match", plain.Header.Get("Etag")).StatusCode
		}
		// What is still being loaded, or runs out just then, is asked for once more.
		for giveUp := time.Now().Add(waitLong); trips(ask) > 0; {
			require.True(t, time.Now().Before(giveUp), "%s costs round trips though it is known", path)
		}
		require.Equal(t, http.StatusNotModified, known, path)
	}
	fewest := trips(func() { fill(8) }) // a connection that is new has prepared nothing
	for n := 9; n < 12; n++ {
		fewest = min(fewest, trips(func() { fill(n) }))
	}
	require.LessOrEqual(t, fewest, int64(2), "round trips of a fill, which may take six")
	require.Positive(t, trips(func() { get(t, b.url+"/api/trades") }), "what the fill changed is asked for")
}
