package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/config"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

// waitLong is how long a test waits for what must come.
const waitLong = await.Long

func withIngest(c *config.Config) { c.IngestToken = ingestToken }

// fillOf is a trade of the model m that costs a price.
func fillOf(id string, price int) string {
	return fmt.Sprintf(`{"id":"m_%s","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":7,"entry_time":1761450000,`+
		`"exit_time":1761452335,"entry_price":200,"exit_price":%d,"realized_net_pnl":1}`, id, price)
}

func priceOf(provider string, price int) string {
	return fmt.Sprintf(`{"provider":%q,"symbol":"SOL","price":%d,"timestamp":1761452335744}`, provider, price)
}

// everywhere asks all views of a process.
func everywhere(t *testing.T, url string) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"crypto-prices", "trades", "positions", "leaderboard", "since-inception-values", "conversations", "analytics"} {
		res := get(t, url+"/api/"+path)
		require.Less(t, res.StatusCode, 500, path)
		all.Write(res.body)
	}
	return all.String()
}

// TestTwoDatabasesBesideOneRedis holds that two systems that were given one Redis
// by mistake answer from their own databases, whichever of them keeps it, and
// take in what only the other one has.
func TestTwoDatabasesBesideOneRedis(t *testing.T) {
	t.Parallel()
	one := setup(t, withIngest)
	cfg := one.cfg
	cfg.DatabaseURL = testdb.New(t, atlastest.Migrator{})
	_, two := start(t, cfg)
	urls := map[string]string{"1111": one.url, "2222": two}
	for mark, url := range urls {
		post(t, url, "prices", priceOf("hyperliquid", 1))
		post(t, url, "trades", strings.Replace(fillOf("a", 1), `"exit_price":1`, `"exit_price":`+mark, 1))
		post(t, url, "trades", fillOf("only"+mark, 5))
	}
	other := map[string]string{"1111": "2222", "2222": "1111"}
	for range 20 {
		for mark, url := range urls {
			seen := everywhere(t, url)
			require.Contains(t, seen, mark)
			require.NotContains(t, seen, other[mark])
		}
	}
	for mark, url := range urls {
		post(t, url, "trades", fillOf("only"+other[mark], 5)) // known to the guard, by the other database
		require.Contains(t, string(get(t, url+"/api/trades").body), "only"+other[mark])
	}
	await.True(t, func() bool { return string(get(t, one.url+"/readyz").body) == `{"status":"ready"}` })
	ready := get(t, two+"/readyz")
	require.Equal(t, 200, ready.StatusCode, "it serves")
	require.Contains(t, string(ready.body), "another database")
	require.Contains(t, string(get(t, two+"/metrics").body), "nof0_redis_foreign 1")
	require.Contains(t, string(get(t, one.url+"/metrics").body), "nof0_redis_foreign 0")
}

// TestTwoProvidersBesideOneRedis holds that processes of two primary providers
// show each its own prices, also of what the other has taken in.
func TestTwoProvidersBesideOneRedis(t *testing.T) {
	t.Parallel()
	one := setup(t, withIngest)
	cfg := one.cfg
	cfg.Arena.PrimaryProvider = "binance"
	_, two := start(t, cfg)
	urls := map[string]string{"hyperliquid": one.url, "binance": two}
	for price := 1000; price < 1010; price++ {
		writer := []string{one.url, two}[price%2]
		post(t, writer, "prices", strings.Replace(priceOf("hyperliquid", price), "5744", fmt.Sprint(price), 1))
		post(t, writer, "prices", strings.Replace(priceOf("binance", price+500), "5744", fmt.Sprint(price), 1))
		for provider, url := range urls {
			want := map[string]int{"hyperliquid": price, "binance": price + 500}[provider]
			await.True(t, func() bool {
				body := string(get(t, url+"/api/crypto-prices").body)
				for other := range urls {
					require.False(t, other != provider && strings.Contains(body, other), "%s shows %s", provider, body)
				}
				return strings.Contains(body, fmt.Sprintf(`"price":%d`, want))
			}, provider)
		}
	}
	require.Contains(t, string(get(t, two+"/readyz").body), "arena.primary_provider")
}

// TestRestoredWhileServing holds that after a restore of an older state nothing
// newer is shown, whatever the process and Redis remember, and that what was lost
// is taken in again.
func TestRestoredWhileServing(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest)
	post(t, b.url, "trades", fillOf("kept", 201))
	post(t, b.url, "trades", fillOf("lost", 202))
	// Metrics may have been computed of the trade by now, which name it: they are not
	// restored here, and no part of this.
	shown := func() string {
		return string(get(t, b.url+"/api/trades").body) + string(get(t, b.url+"/api/positions").body)
	}
	require.Contains(t, shown(), "m_lost")

	db, err := pgx.Connect(t.Context(), b.cfg.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	for _, lost := range []string{"lost", "kept"} { // twice, with what the first time has left
		// As pg_restore --clean leaves the tables, in one moment.
		_, err = db.Exec(t.Context(), `BEGIN;
			CREATE TEMP TABLE dump ON COMMIT DROP AS TABLE store_identity;
			DELETE FROM trades WHERE id = 'm_`+lost+`';
			DELETE FROM outbox_events;
			DELETE FROM store_identity;
			INSERT INTO store_identity TABLE dump;
			COMMIT`)
		require.NoError(t, err)
		await.True(t, func() bool { return !strings.Contains(shown(), "m_"+lost) })
		for range 10 {
			require.NotContains(t, shown(), "m_"+lost)
		}
		post(t, b.url, "trades", fillOf(lost, 202))
		require.Contains(t, shown(), "m_"+lost)
		await.True(t, func() bool {
			return string(get(t, b.url+"/readyz").body) == `{"status":"ready"}`
		}, "Redis is used again")
		require.Contains(t, shown(), "m_"+lost)
	}
}

// TestEmptiedRedisIsUsedAgain holds that a Redis that came back empty changes no
// answer.
func TestEmptiedRedisIsUsedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest)
	post(t, b.url, "trades", fillOf("a", 201))
	before := get(t, b.url+"/api/trades").Header.Get("ETag")
	for range 2 {
		b.redis.Kill()
		b.redis.Restart()
		require.Equal(t, before, get(t, b.url+"/api/trades").Header.Get("ETag"))
		post(t, b.url, "trades", fillOf("a", 201))
	}
	await.True(t, func() bool {
		return string(get(t, b.url+"/readyz").body) == `{"status":"ready"}`
	})
}
