package cachelayer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
)

// TestKeys states the contract: every key with its spelling and its TTL.
func TestKeys(t *testing.T) {
	t.Parallel()

	const (
		short  = 10 * time.Second
		medium = 60 * time.Second
		long   = 300 * time.Second
	)
	k := NewKeys(config.Default().Cache)
	ok := func(key Key) func() (Key, error) { return func() (Key, error) { return key, nil } }

	for _, tt := range []struct {
		key  func() (Key, error)
		name string
		ttl  time.Duration
	}{
		{func() (Key, error) { return k.LatestPrice("BTC") }, "nof0:price:latest:{BTC}", short},
		{func() (Key, error) { return k.LatestProviderPrice("hyperliquid", "BTC") }, "nof0:price:latest:hyperliquid:{BTC}", short},
		{ok(k.CryptoPrices()), "nof0:crypto_prices", short},
		{func() (Key, error) { return k.Positions("gpt-5") }, "nof0:positions:{gpt-5}", medium / 2},
		{func() (Key, error) { return k.PositionsLock("gpt-5") }, "nof0:lock:positions:{gpt-5}", short / 2},
		{func() (Key, error) { return k.RecentTrades("gpt-5") }, "nof0:trades:recent:{gpt-5}", medium},
		{ok(k.TradesStream()), "nof0:trades:stream", 0},
		{func() (Key, error) { return k.IngestedTrade("gpt-5", "t:1") }, "nof0:ingest:trade:{gpt-5}:t:1", 24 * time.Hour},
		{ok(k.Leaderboard()), "nof0:leaderboard", medium},
		{ok(k.LeaderboardView()), "nof0:leaderboard:cache", medium},
		{func() (Key, error) { return k.SinceInception("gpt-5") }, "nof0:since_inception:{gpt-5}", long},
		{func() (Key, error) { return k.AccountTotalsHours(0, 167) }, "nof0:account_totals:hours:0-167", long},
		{func() (Key, error) { return k.AccountTotalsSince(0) }, "nof0:account_totals:since:0", short},
		{func() (Key, error) { return k.AccountTotalsSince(168) }, "nof0:account_totals:since:168", short},
		{func() (Key, error) { return k.Analytics("gpt-5") }, "nof0:analytics:{gpt-5}", 2 * long},
		{func() (Key, error) { return k.Analytics("all") }, "nof0:analytics:{all}", 2 * long},
		{ok(k.AllAnalytics()), "nof0:analytics:all", 2 * long},
		{func() (Key, error) { return k.Conversations("gpt-5") }, "nof0:conversations:{gpt-5}", long},
		{func() (Key, error) { return k.LastDecision("gpt-5") }, "nof0:decision:last:{gpt-5}", medium},
		{func() (Key, error) { return k.TraderState("trader 1") }, "nof0:trader:{trader 1}:state", medium},
		{func() (Key, error) { return k.MarketAsset("hyperliquid", "ETH") }, "nof0:market:asset:hyperliquid:{ETH}", long},
		{func() (Key, error) { return k.MarketCtx("hyperliquid", "ETH") }, "nof0:market:ctx:hyperliquid:{ETH}", medium},
		{func() (Key, error) { return k.SimOrders("t1") }, "nof0:sim:orders:{t1}", medium},
		{func() (Key, error) { return k.SimBalances("t1") }, "nof0:sim:balances:{t1}", medium},
		{ok(k.TradesView()), "nof0:view:trades", medium},
		{ok(k.PositionsView()), "nof0:view:positions", medium / 2},
		{func() (Key, error) { return k.PositionsViewLimit(20) }, "nof0:view:positions:20", medium / 2},
		{ok(k.SinceInceptionView()), "nof0:view:since_inception", long},
		{ok(k.ConversationsView()), "nof0:view:conversations", long},
	} {
		key, err := tt.key()
		require.NoError(t, err, tt.name)
		require.Equal(t, tt.name, key.Name)
		require.Equal(t, tt.ttl, key.TTL, tt.name)
		require.NotEmpty(t, key.Family, tt.name)
		require.NotContains(t, key.Family, "gpt-5", "a family is a bounded label")
	}
}

func TestKeysFollowConfiguration(t *testing.T) {
	t.Parallel()

	k := NewKeys(config.Cache{Short: time.Second, Medium: 500 * time.Millisecond, Long: time.Hour})
	require.Equal(t, time.Second, k.CryptoPrices().TTL)
	require.Equal(t, 250*time.Millisecond, k.PositionsView().TTL)
	require.Equal(t, 2*time.Hour, k.AllAnalytics().TTL)
}

func TestKeysRefuseBadIDs(t *testing.T) {
	t.Parallel()

	k := NewKeys(config.Default().Cache)
	for _, id := range []string{"", "{", "a}b", "{a}", "a\x00b", "a\nb", "a\x7f", "a\u0085b", "a\xffb"} {
		for name, build := range map[string]func(string) (Key, error){
			"LatestPrice":                  k.LatestPrice,
			"LatestProviderPrice provider": func(id string) (Key, error) { return k.LatestProviderPrice(id, "BTC") },
			"LatestProviderPrice symbol":   func(id string) (Key, error) { return k.LatestProviderPrice("hyperliquid", id) },
			"Positions":                    k.Positions,
			"PositionsLock":                k.PositionsLock,
			"RecentTrades":                 k.RecentTrades,
			"IngestedTrade model":          func(id string) (Key, error) { return k.IngestedTrade(id, "t1") },
			"IngestedTrade id":             func(id string) (Key, error) { return k.IngestedTrade("gpt-5", id) },
			"SinceInception":               k.SinceInception,
			"Analytics":                    k.Analytics,
			"Conversations":                k.Conversations,
			"LastDecision":                 k.LastDecision,
			"TraderState":                  k.TraderState,
			"MarketAsset provider":         func(id string) (Key, error) { return k.MarketAsset(id, "BTC") },
			"MarketAsset symbol":           func(id string) (Key, error) { return k.MarketAsset("hyperliquid", id) },
			"MarketCtx provider":           func(id string) (Key, error) { return k.MarketCtx(id, "BTC") },
			"MarketCtx symbol":             func(id string) (Key, error) { return k.MarketCtx("hyperliquid", id) },
			"SimOrders":                    k.SimOrders,
			"SimBalances":                  k.SimBalances,
		} {
			_, err := build(id)
			require.ErrorIs(t, err, ErrBadID, "%s of %q", name, id)
		}
	}
	for name, build := range map[string]func() (Key, error){
		"negative hour":   func() (Key, error) { return k.AccountTotalsHours(-1, 3) },
		"backward hours":  func() (Key, error) { return k.AccountTotalsHours(4, 3) },
		"negative marker": func() (Key, error) { return k.AccountTotalsSince(-1) },
		"negative limit":  func() (Key, error) { return k.PositionsViewLimit(-1) },
	} {
		_, err := build()
		require.ErrorIs(t, err, ErrBadID, name)
	}
}

func TestGenerationSharesTheSlotOfItsKey(t *testing.T) {
	t.Parallel()

	tag := func(name string) string {
		_, after, found := strings.Cut(name, "{")
		inside, _, closed := strings.Cut(after, "}")
		if !found || !closed || inside == "" {
			return name
		}
		return inside
	}
	for _, name := range []string{
		"nof0:crypto_prices", "nof0:positions:{gpt-5}", "nof0:ingest:trade:{gpt-5}:t:1", "nof0:trader:{t1}:state",
	} {
		require.Equal(t, tag(name), tag(generationName(name)), name)
		require.NotEqual(t, name, generationName(name))
	}
}
