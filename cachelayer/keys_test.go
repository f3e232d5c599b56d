package cachelayer

import (
	"slices"
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
		{func() (Key, error) { return k.Projection(catalogue.ProjectionPrice, "BTC") }, "nof0:price:latest:{BTC}", short},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionProviderPrice, "hyperliquid", "BTC") }, "nof0:price:latest:hyperliquid:{BTC}", short},
		{func() (Key, error) { return viewKey(k, catalogue.ViewCryptoPrices, "", "") }, "nof0:crypto_prices", short},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionPositions, "gpt-5") }, "nof0:positions:{gpt-5}", medium / 2},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionTrades, "gpt-5") }, "nof0:trades:recent:{gpt-5}", medium},
		{ok(k.TradesStream()), "nof0:trades:stream", 0},
		{func() (Key, error) { return k.IngestedTrade("gpt-5", "t:1") }, "nof0:ingest:trade:{gpt-5}:t:1", 24 * time.Hour},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionLeaderboard) }, "nof0:leaderboard", medium},
		{func() (Key, error) { return viewKey(k, catalogue.ViewLeaderboard, "", "") }, "nof0:leaderboard:cache", medium},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionSinceInception, "gpt-5") }, "nof0:since_inception:{gpt-5}", long},
		{ok(k.EquitySegment("season-1", 48)), "nof0:account_totals:hours:48-71", long},
		{ok(k.Competitions()), "nof0:competitions", 2 * long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewCompetitions, "", "") }, "nof0:view:competitions", medium},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionLeaderboard) }, "nof0:season-2:leaderboard", medium},
		{ok(s2.EquitySegment("season-2", 48)), "nof0:season-2:account_totals:hours:48-71", long},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionPositions, "gpt-5") }, "nof0:season-2:positions:{gpt-5}", medium / 2},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionTrades, "gpt-5") }, "nof0:season-2:trades:recent:{gpt-5}", medium},
		{func() (Key, error) { return s2.IngestedTrade("gpt-5", "t1") }, "nof0:season-2:ingest:trade:{gpt-5}:t1", 24 * time.Hour},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionSinceInception, "gpt-5") }, "nof0:season-2:since_inception:{gpt-5}", long},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionConversations, "gpt-5") }, "nof0:season-2:conversations:{gpt-5}", long},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionDecision, "gpt-5") }, "nof0:season-2:decision:last:{gpt-5}", medium},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewTrades, "", "") }, "nof0:season-2:view:trades", medium},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewAnalyticsOf, "gpt-5", "") }, "nof0:season-2:analytics:{gpt-5}", 2 * long},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewAccountTotals, "", "168") }, "nof0:season-2:account_totals:since:168", short},
		{func() (Key, error) { return viewKey(s2, catalogue.ViewCryptoPrices, "", "") }, "nof0:crypto_prices", short},
		{func() (Key, error) { return s2.Projection(catalogue.ProjectionPrice, "BTC") }, "nof0:price:latest:{BTC}", short},
		{ok(s2.TradesStream()), "nof0:trades:stream", 0},
		{func() (Key, error) { return s2.In("").Projection(catalogue.ProjectionLeaderboard) }, "nof0:leaderboard", medium},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAccountTotals, "", "0") }, "nof0:account_totals:since:0", short},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAccountTotals, "", "168") }, "nof0:account_totals:since:168", short},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAnalyticsOf, "gpt-5", "") }, "nof0:analytics:{gpt-5}", 2 * long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAnalyticsOf, "all", "") }, "nof0:analytics:{all}", 2 * long},
		{func() (Key, error) { return viewKey(k, catalogue.ViewAnalytics, "", "") }, "nof0:analytics:all", 2 * long},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionConversations, "gpt-5") }, "nof0:conversations:{gpt-5}", long},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionDecision, "gpt-5") }, "nof0:decision:last:{gpt-5}", medium},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionTrader, "trader 1") }, "nof0:trader:{trader 1}:state", medium},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionAsset, "hyperliquid", "ETH") }, "nof0:market:asset:hyperliquid:{ETH}", long},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionContext, "hyperliquid", "ETH") }, "nof0:market:ctx:hyperliquid:{ETH}", medium},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionSimOrders, "t1") }, "nof0:sim:orders:{t1}", medium},
		{func() (Key, error) { return k.Projection(catalogue.ProjectionSimBalances, "t1") }, "nof0:sim:balances:{t1}", medium},
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
			"IngestedTrade model": func(id string) (Key, error) { return k.IngestedTrade(id, "t1") },
			"IngestedTrade id":    func(id string) (Key, error) { return k.IngestedTrade("gpt-5", id) },
			"AnalyticsOf":         func(id string) (Key, error) { return viewKey(k, catalogue.ViewAnalyticsOf, id, "") },
		} {
			_, err := build(id)
			require.ErrorIs(t, err, ErrBadID, "%s of %q", name, id)
		}
		for _, p := range catalogue.Projections() {
			_, err := k.Projection(p.Name, "a", "b", "c")
			require.ErrorIs(t, err, ErrBadID, "%s of too many", p.Name)
			ids := strings.Count(p.Key, ":{") + strings.Count(p.Key, "PROVIDER")
			for bad := range ids {
				all := slices.Repeat([]string{"good"}, ids)
				_, err := k.Projection(p.Name, all...)
				require.NoError(t, err, p.Name)
				all[bad] = id
				_, err = k.Projection(p.Name, all...)
				require.ErrorIs(t, err, ErrBadID, "%s of %q", p.Name, id)
				_, err = k.Projection(p.Name, all[:bad]...)
				require.ErrorIs(t, err, ErrBadID, "%s of too few", p.Name)
			}
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
			builds := []func(string) (Key, error){
				func(m string) (Key, error) { return of.IngestedTrade(m, "t") },
				func(m string) (Key, error) { return viewKey(of, catalogue.ViewAnalyticsOf, m, "") },
				func(string) (Key, error) { return viewKey(of, catalogue.ViewPositions, "", "20") },
				func(string) (Key, error) { return of.EquitySegment(competition, 0), nil },
			}
			for _, p := range catalogue.Projections() {
				switch {
				case p.OfAccounts && p.Has("MODEL"):
					builds = append(builds, func(m string) (Key, error) { return of.Projection(p.Name, m) })
				case p.OfAccounts:
					builds = append(builds, func(string) (Key, error) { return of.Projection(p.Name) })
				}
			}
			for _, build := range builds {
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
