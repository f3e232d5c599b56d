package cachelayer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/catalogue"
)

func viewKey(k Keys, name catalogue.ViewName, model, part string) (Key, error) {
	v := catalogue.ViewOf(name)
	return k.View(&v, model, part)
}

// TestKeys states the contract: every key with its spelling and its TTL.
func TestKeys(t *testing.T) {
	t.Parallel()

	const (
		short  = 10 * time.Second
		medium = 60 * time.Second
		long   = 300 * time.Second
	)
	k := NewKeys(config.Default().Cache)
	s2 := k.In("season-2")
	ok := func(key Key) func() (Key, error) { return func() (Key, error) { return key, nil } }

	for _, tt := range []struct {
		key  func() (Key, error)
		name string
		ttl  time.Duration
	}{
		{func() (Key, error) { return k.LatestPrice("BTC") }, "nof0:price:latest:{BTC}", short},
		{func() (Key, error) { return k.LatestProviderPrice("hyperliquid", "BTC") }, "nof0:price:latest:hyperliquid:{BTC}", short},
		{func() (Key, error) { return viewKey(k, catalogue.ViewCryptoPrices, "", "") }, "nof0:crypto_prices", short},
		{func() (Key, error) { return k.Positions("gpt-5") }, "nof0:positions:{gpt-5}", medium / 2},
		{func() (Key, error) { return k.PositionsLock("gpt-5") }, "nof0:lock:positions:{gpt-5}", short / 2},
		{func() (Key, error) { return k.RecentTrades("gpt-5") }, "nof0:trades:recent:{gpt-5}", medium},
		{ok(k.TradesStream()), "nof0:trades:stream", 0},
		{func() (Key, error) { return k.IngestedTrade("gpt-5", "t:1") }, "nof0:ingest:trade:{gpt-5}:t:1", 24 * time.Hour},
		{ok(k.Leaderboard()), "nof0:leaderboard", medium},
		{func() (Key, error) { return viewKey(k, catalogue.ViewLeaderboard, "", "") }, "nof0:leaderboard:cache", medium},
		{func() (Key, error) { return k.SinceInception("gpt-5") }, "nof0:since_inception:{gpt-5}", long},
		{ok(k.EquitySegment("season-1", 48)), "nof0:account_totals:hours:48-71", long},
		{ok(k.Competitions()), "nof0:competitions", 2 * long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewCompetitions, "", "") }, "nof0:view:competitions", medium},
		{ok(s2.Leaderboard()), "nof0:season-2:leaderboard", medium},
		{ok(s2.EquitySegment("season-2", 48)), "nof0:season-2:account_totals:hours:48-71", long},
		{func() (Key, error) { return s2.Positions("gpt-5") }, "nof0:season-2:positions:{gpt-5}", medium / 2},
		{func() (Key, error) { return s2.PositionsLock("gpt-5") }, "nof0:lock:season-2:positions:{gpt-5}", short / 2},
		{func() (Key, error) { return s2.RecentTrades("gpt-5") }, "nof0:season-2:trades:recent:{gpt-5}", medium},
		{func() (Key, error) { return s2.IngestedTrade("gpt-5", "t1") }, "nof0:season-2:ingest:trade:{gpt-5}:t1", 24 * time.Hour},
		{func() (Key, error) { return s2.SinceInception("gpt-5") }, "nof0:season-2:since_inception:{gpt-5}", long},
		{func() (Key, error) { return s2.Conversations("gpt-5") }, "nof0:season-2:conversations:{gpt-5}", long},
		{func() (Key, error) { return s2.LastDecision("gpt-5") }, "nof0:season-2:decision:last:{gpt-5}", medium},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewTrades, "", "") }, "nof0:season-2:view:trades", medium},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewAnalyticsOf, "gpt-5", "") }, "nof0:season-2:analytics:{gpt-5}", 2 * long},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewAccountTotals, "", "168") }, "nof0:season-2:account_totals:since:168", short},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewCryptoPrices, "", "") }, "nof0:crypto_prices", short},
		{func() (Key, error) { return s2.LatestPrice("BTC") }, "nof0:price:latest:{BTC}", short},
		{ok(s2.TradesStream()), "nof0:trades:stream", 0},
		{ok(s2.In("").Leaderboard()), "nof0:leaderboard", medium},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAccountTotals, "", "0") }, "nof0:account_totals:since:0", short},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAccountTotals, "", "168") }, "nof0:account_totals:since:168", short},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAnalyticsOf, "gpt-5", "") }, "nof0:analytics:{gpt-5}", 2 * long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAnalyticsOf, "all", "") }, "nof0:analytics:{all}", 2 * long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAnalytics, "", "") }, "nof0:analytics:all", 2 * long},
		{func() (Key, error) { return k.Conversations("gpt-5") }, "nof0:conversations:{gpt-5}", long},
		{func() (Key, error) { return k.LastDecision("gpt-5") }, "nof0:decision:last:{gpt-5}", medium},
		{func() (Key, error) { return k.TraderState("trader 1") }, "nof0:trader:{trader 1}:state", medium},
		{func() (Key, error) { return k.MarketAsset("hyperliquid", "ETH") }, "nof0:market:asset:hyperliquid:{ETH}", long},
		{func() (Key, error) { return k.MarketCtx("hyperliquid", "ETH") }, "nof0:market:ctx:hyperliquid:{ETH}", medium},
		{func() (Key, error) { return k.SimOrders("t1") }, "nof0:sim:orders:{t1}", medium},
		{func() (Key, error) { return k.SimBalances("t1") }, "nof0:sim:balances:{t1}", medium},
		{func() (Key, error) { return viewKey(k, catalogue.ViewTrades, "", "") }, "nof0:view:trades", medium},
		{func() (Key, error) { return viewKey(k, catalogue.ViewPositions, "", "") }, "nof0:view:positions", medium / 2},
		{func() (Key, error) { return viewKey(k, catalogue.ViewPositions, "", "20") }, "nof0:view:positions:20", medium / 2},
		{func() (Key, error) { return viewKey(k, catalogue.ViewSinceInception, "", "") }, "nof0:view:since_inception", long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewConversations, "", "") }, "nof0:view:conversations", long},
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
	for class, want := range map[catalogue.Class]time.Duration{
		catalogue.Polled: time.Second, catalogue.Short: time.Second, catalogue.HalfMedium: 250 * time.Millisecond,
		catalogue.Medium: 500 * time.Millisecond, catalogue.Long: time.Hour, catalogue.TwiceLong: 2 * time.Hour,
	} {
		require.Equal(t, want, k.TTL(class), class)
	}
	require.Equal(t, 5*time.Second, NewKeys(config.Default().Cache).TTL(catalogue.Polled))
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
			"AnalyticsOf":                  func(id string) (Key, error) { return viewKey(k, catalogue.ViewAnalyticsOf, id, "") },
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
}

// TestCompetitionsShareNoKey holds that a competition spells no key of another one,
// and none that is of no competition, whatever it is called.
func TestCompetitionsShareNoKey(t *testing.T) {
	t.Parallel()

	k := NewKeys(config.Default().Cache)
	seen := map[string]string{}
	for _, competition := range []string{
		"", "a", "a:b", "a%3Ab", "%", "{x}", "view", "lock", "%lock", "version", "owner", "price", "positions", "leaderboard", "trades", "season 2",
	} {
		of := k.In(competition)
		for _, model := range []string{"m", "recent"} {
			for _, build := range []func(string) (Key, error){
				of.Positions, of.PositionsLock, of.RecentTrades, of.SinceInception, of.Conversations, of.LastDecision,
				func(m string) (Key, error) { return of.IngestedTrade(m, "t") },
				func(m string) (Key, error) { return viewKey(of, catalogue.ViewAnalyticsOf, m, "") },
				func(string) (Key, error) { return viewKey(of, catalogue.ViewPositions, "", "20") },
				func(string) (Key, error) { return of.Leaderboard(), nil },
				func(string) (Key, error) { return of.EquitySegment(competition, 0), nil },
			} {
				key, err := build(model)
				require.NoError(t, err)
				for _, name := range []string{key.Name, lockName(key.Name)} {
					if other, taken := seen[name]; taken {
						require.Equal(t, competition, other, name)
					}
					seen[name] = competition
				}
			}
		}
	}
	for name := range seen {
		first, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), ":")
		if seen[name] == "" {
			require.True(t, isReserved(first), "%s is a first segment", first)
		}
	}
}
