package app_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/apiclient"
	"nof0/internal/await"
	"nof0/internal/season"
	"nof0/internal/testdb"
)

// lockTable keeps everybody from a table until what it returns is called.
func lockTable(t *testing.T, dsn, table string) (release func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, testdb.Direct(t, dsn))
	require.NoError(t, err)
	tx, err := conn.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "LOCK TABLE "+table)
	require.NoError(t, err)
	var once sync.Once
	release = func() { once.Do(func() { _ = conn.Close(ctx) }) }
	t.Cleanup(release)
	return release
}

// TestReadsDoNotWaitForWriters fills every place that writes have, and the lines
// before them, while nothing can be written. Were the connections one pool, the
// reads would wait until the table is given back, which is after them.
func TestReadsDoNotWaitForWriters(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest, func(c *config.Config) {
		c.DatabaseURL = testdb.Direct(t, c.DatabaseURL) // a pooler has one pool for all, of its own size
		c.Postgres.LockTimeout, c.HTTP.RequestTimeout, c.Cache.LocalTTL = 10*waitLong, 10*waitLong, 0
	})
	b.load(t, madeUp(t, season.Options{Seed: 11, Models: 3, Hours: 20}))
	for m := range 40 {
		post(t, b.url, "models", fmt.Sprintf(`{"id":"writer_%d"}`, m))
	}
	for _, endpoint := range endpoints {
		get(t, b.url+"/api/"+endpoint)
	}
	release := lockTable(t, b.cfg.DatabaseURL, "position_facts") // which no view reads
	var all sync.WaitGroup
	var stored, busy atomic.Int64
	for m := range 40 {
		all.Go(func() {
			name := fmt.Sprintf("writer_%d", m)
			body := strings.NewReplacer(`"m_`, `"`+name+"_", `"m"`, `"`+name+`"`).Replace(fillOf("1", 200))
			res, err := apiclient.Client{URL: b.url, Token: ingestToken}.Do(t.Context(), http.MethodPost, "/api/ingest/trades?register=true", []byte(body))
			if err != nil {
				t.Error(err)
				return
			}
			switch res.StatusCode {
			case http.StatusOK:
				stored.Add(1)
			case http.StatusServiceUnavailable:
				assert.NotEmpty(t, res.Header.Get("Retry-After"))
				busy.Add(1)
			default:
				assert.Fail(t, "a write is stored or refused", "%d", res.StatusCode)
			}
		})
	}
	waiting := func() (n int) {
		// Not in the transaction that holds the table: it sees this once.
		assert.NoError(t, b.query(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nof0 writes' AND wait_event_type = 'Lock' AND datname = current_database()", &n))
		return n
	}
	await.True(t, func() bool { return waiting() == 6 }, "all that writes may have")
	for range 3 {
		for _, endpoint := range endpoints {
			res := get(t, b.url+"/api/"+endpoint)
			require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", endpoint, res.body)
		}
		require.Equal(t, http.StatusOK, get(t, b.url+"/readyz").StatusCode)
	}
	assert.Equal(t, 6, waiting(), "they waited all the while")
	release()
	all.Wait()
	assert.Positive(t, stored.Load())
	var kept int64
	require.NoError(t, b.query(t, "SELECT count(*) FROM trades WHERE model_id LIKE 'writer_%'", &kept))
	assert.Equal(t, stored.Load(), kept)
	assert.EqualValues(t, 40, stored.Load()+busy.Load())
}

func (b *bundle) query(t *testing.T, sql string, into any) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), testdb.Direct(t, b.cfg.DatabaseURL))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	return conn.QueryRow(t.Context(), sql).Scan(into)
}

// TestAKnownAnswerBeatsAWait changes what a view is made from, and then lets the
// view not be made.
func TestAKnownAnswerBeatsAWait(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest, func(c *config.Config) {
		c.Cache.StaleAfter = config.Default().Cache.StaleAfter
		c.Postgres.LockTimeout, c.Cache.LoadTimeout = waitLong, waitLong
	})
	b.load(t, madeUp(t, season.Options{Seed: 12, Models: 3, Hours: 20}))
	known := get(t, b.url+"/api/trades")
	require.Equal(t, "store", known.Header.Get("X-Data-Source"))
	post(t, b.url, "trades", fillOf("late", 200))
	release := lockTable(t, b.cfg.DatabaseURL, "trades")

	for range 8 { // more than open the breaker
		res := get(t, b.url+"/api/trades")
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "stale", res.Header.Get("X-Data-Source"))
		require.JSONEq(t, string(known.body), string(res.body))
		require.Equal(t, known.Header.Get("Etag"), res.Header.Get("Etag"))
		require.Contains(t, []string{"public, max-age=5", "public, max-age=4"}, res.Header.Get("Cache-Control"))
	}
	await.True(t, func() bool {
		return get(t, b.url+"/api/crypto-prices").Header.Get("X-Data-Source") == "store"
	}, "what the cache has is not stale")
	require.Equal(t, http.StatusOK, get(t, b.url+"/readyz").StatusCode)
	release()
	await.True(t, func() bool {
		res := get(t, b.url+"/api/trades")
		return res.Header.Get("X-Data-Source") == "store" && strings.Contains(string(res.body), "m_late")
	})
}

// TestReadyWhileTheDatabaseIsSilent holds that a balancer does not take out the
// instances that have answers to give, and takes out the one that has none.
func TestReadyWhileTheDatabaseIsSilent(t *testing.T) {
	t.Parallel()
	var gate *testdb.Way
	b := setup(t, func(c *config.Config) {
		c.Cache.StaleAfter = config.Default().Cache.StaleAfter
		c.Cache.LocalTTL = 1
		gate, c.DatabaseURL = testdb.NewDatabaseWay(t, testdb.Direct(t, c.DatabaseURL))
	})
	b.load(t, madeUp(t, season.Options{Seed: 13, Models: 3, Hours: 20}))
	_, newcomer := start(t, b.cfg)
	known := map[string]response{}
	asked := append(slices.Clone(endpoints), "positions?limit=9", "positions?limit=1") // one cuts nothing off
	for _, endpoint := range asked {
		known[endpoint] = get(t, b.url+"/api/"+endpoint)
	}
	await.True(t, func() bool { return get(t, newcomer+"/readyz").StatusCode == http.StatusOK })
	gate.Hang()
	t.Cleanup(gate.Cut) // so that the pools need not wait for a farewell
	b.redis.Kill()

	for _, endpoint := range asked {
		res := get(t, b.url+"/api/"+endpoint)
		require.Equal(t, known[endpoint].StatusCode, res.StatusCode, "%s: %s", endpoint, res.body)
		require.Equal(t, known[endpoint].Header.Get("Etag"), res.Header.Get("Etag"), endpoint)
	}
	res := get(t, b.url+"/readyz")
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
	require.Contains(t, string(res.body), "the database does not answer")
	require.Equal(t, http.StatusServiceUnavailable, get(t, newcomer+"/readyz").StatusCode)
}
