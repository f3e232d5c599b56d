package cachelayer

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
	"nof0/internal/catalogue"
)

var (
	ours     = Identity{Database: "ours", Config: "primary_provider=a"}
	restored = Identity{Database: "ours, restored", Config: "primary_provider=a"}
	settings = Identity{Database: "ours", Config: "primary_provider=b"}
)

// own makes a process one of an identity, and looks once.
func (p *process) own(t *testing.T, identity Identity) {
	t.Helper()
	p.client.SetIdentity(identity)
	p.cache.Clear()
	require.NoError(t, p.client.Own(t.Context()))
}

// abandon lets the time pass in which the owner may come back.
func (b *bundle) abandon(t *testing.T) {
	t.Helper()
	held := b.raw.Get(b.ctx, ownerName).Val()
	require.Contains(t, held, " "+ready+" ")
	require.NoError(t, b.raw.Set(b.ctx, ownerName, held[:len(held)-len("1764097200000")]+"1", 0).Err())
}

// TestTwoDatabasesOnOneRedis holds that two identities never show each other's
// values, whoever of them keeps Redis, and even while both believe they do.
func TestTwoDatabasesOnOneRedis(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]Identity{"another database": restored, "other settings": settings} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, noLocal)
			two := newProcess(t, b.redis.url(), noLocal)
			b.own(t, ours)
			two.own(t, other)
			require.NoError(t, b.client.Usable())
			require.ErrorIs(t, two.client.Usable(), ErrForeign)
			require.ErrorIs(t, two.client.Usable(), ErrUnavailable)

			mine, theirs := newSource("mine"), newSource("theirs")
			for range 3 {
				require.Equal(t, "mine", b.fetch(t, mine.load))
				require.Equal(t, "theirs", two.fetch(t, theirs.load))
			}
			require.Equal(t, 1, mine.loads(), "the owner's values stay")
			require.Equal(t, 3, theirs.loads(), "and the other does not use Redis")

			// A process that was stopped believes what no longer holds.
			two.client.owner.state.Store(int32(ownerSelf))
			for range 3 {
				require.Equal(t, "mine", b.fetch(t, mine.load))
				require.Equal(t, "theirs", two.fetch(t, theirs.load))
			}
		})
	}
}

// TestRedisIsTakenOver holds that what another identity has left is removed
// before Redis is used, its projections too.
func TestRedisIsTakenOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.own(t, ours)
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionTrades, "m"))
	rewrite := func(p *Projections, text string) error {
		return p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, batch *Batch) error {
			return batch.Put(key, List(docs(text)))
		})
	}
	require.NoError(t, rewrite(p, "ours"))
	require.NoError(t, p.PublishTrades(b.ctx, []TradeEvent{{ID: 1, Model: "m", Payload: []byte("{}")}}))
	old := newSource("old")
	require.Equal(t, "old", b.fetch(t, old.load))
	require.NoError(t, NewGuard(b.client, testConfig().Cache).SetAllIngested(b.ctx, map[TradeRef]string{{"m", "m_1"}: "digest"}))

	two := newProcess(t, b.redis.url())
	two.own(t, restored)
	require.ErrorIs(t, two.client.Usable(), ErrForeign, "it is kept")
	require.NoError(t, rewrite(two.projections(), "theirs"))
	require.Equal(t, []string{`"ours"`}, b.raw.LRange(b.ctx, key.Name, 0, -1).Val(), "a foreign Redis is left alone")

	b.abandon(t)
	require.NoError(t, two.client.Own(b.ctx))
	require.NoError(t, two.client.Usable())
	require.Equal(t, []string{ownerName}, b.raw.Keys(b.ctx, "nof0:*").Val())
	require.NoError(t, rewrite(two.projections(), "theirs"))

	// The first one comes back and has not noticed.
	require.ErrorIs(t, rewrite(p, "ours"), ErrUnavailable)
	require.ErrorIs(t, p.PublishTrades(b.ctx, []TradeEvent{{ID: 2, Model: "m", Payload: []byte("{}")}}), ErrUnavailable)
	require.Equal(t, []string{`"theirs"`}, b.raw.LRange(b.ctx, key.Name, 0, -1).Val())
	require.Zero(t, b.raw.Exists(b.ctx, p.keys.TradesStream().Name).Val())
	require.NoError(t, b.client.Own(b.ctx))
	require.ErrorIs(t, b.client.Usable(), ErrForeign)
	require.NoError(t, rewrite(p, "ours"), "and now it does without")
	require.Equal(t, []string{`"theirs"`}, b.raw.LRange(b.ctx, key.Name, 0, -1).Val())
}

// TestAWriteThatATakeoverOvertakes holds that a projection whose claim is from
// before a takeover is not written after it.
func TestAWriteThatATakeoverOvertakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.own(t, ours)
	two := newProcess(t, b.redis.url())
	p := b.projections()
	key := ok(p.keys.Projection(catalogue.ProjectionDecision, "m"))
	err := p.Rewrite(b.ctx, []Key{key}, func(_ context.Context, batch *Batch) error {
		b.abandon(t)
		two.own(t, restored)
		require.NoError(t, two.client.Usable())
		return batch.Put(key, String(docs("ours")[0]))
	})
	require.ErrorIs(t, err, ErrUnavailable)
	require.Zero(t, b.raw.Exists(b.ctx, key.Name).Val())
}

// TestOtherSettingsLeaveTheRelaying holds that of two settings on one database
// those that keep Redis write the projections.
func TestOtherSettingsLeaveTheRelaying(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.own(t, ours)
	two := newProcess(t, b.redis.url())
	two.own(t, settings)
	require.False(t, b.projections().Yields(b.ctx))
	require.True(t, two.projections().Yields(b.ctx))
	b.abandon(t)
	require.NoError(t, two.client.Own(b.ctx))
	require.False(t, two.projections().Yields(b.ctx))
}

// TestIdentityRenewedWhileRunning holds that nothing of the identity before is
// answered, not from memory and not by a load that began before.
func TestIdentityRenewedWhileRunning(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.own(t, ours)
	before, after := newSource("before"), newSource("after")
	require.Equal(t, "before", b.fetch(t, before.load))
	slow := newSlowLoad(before)
	require.NoError(t, b.cache.Invalidate(b.ctx, testVersion))
	late := b.fetchAside(b.ctx, slow.load)
	<-slow.begun

	b.client.SetIdentity(restored)
	b.cache.Clear()
	require.Equal(t, "after", b.fetch(t, after.load), "before anyone has looked whose Redis is")
	close(slow.letGo)
	require.Equal(t, "before", (<-late).note.Text, "it asked before")
	b.cache.Clear()
	require.Equal(t, "after", b.fetch(t, after.load))
	b.abandon(t)
	require.NoError(t, b.client.Own(b.ctx))
	require.NoError(t, b.client.Usable())
	require.Equal(t, "after", b.fetch(t, after.load))
}

// TestRedisThatWasEmptied holds that it is used again, and that processes of one
// identity agree.
func TestRedisThatWasEmptied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	all := []*process{b.process}
	for range 7 {
		all = append(all, newProcess(t, b.redis.url()))
	}
	for _, p := range all {
		p.client.SetIdentity(ours)
	}
	for range 3 {
		require.NoError(t, b.raw.FlushAll(b.ctx).Err())
		var together sync.WaitGroup
		for _, p := range all {
			together.Go(func() {
				for p.client.Own(b.ctx) == nil && (p.client.Usable() != nil || b.raw.Get(b.ctx, ownerName).Val() == "") {
				}
			})
		}
		together.Wait()
		for _, p := range all {
			require.NoError(t, p.client.Usable())
		}
		require.Equal(t, []string{ownerName}, b.raw.Keys(b.ctx, "*").Val())
	}
}

// TestOwnerOfACluster holds that a takeover reaches every node, and that the
// stream is written together with the look at the owner.
func TestOwnerOfACluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 2)
	one := newProcess(t, nodes[0].url()+"?cluster=true")
	two := newProcess(t, nodes[0].url()+","+nodes[1].addr)
	one.own(t, ours)
	p := one.projections()
	keys := map[string]Key{}
	for _, m := range []string{"a", "b", "c", "d", "e", "f"} {
		keys[m] = ok(p.keys.Projection(catalogue.ProjectionDecision, m))
	}
	require.NoError(t, p.Rewrite(t.Context(), slices.Collect(maps.Values(keys)), func(_ context.Context, batch *Batch) error {
		for m := range keys {
			if err := batch.Put(keys[m], String(docs(m)[0])); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, p.PublishTrades(t.Context(), []TradeEvent{{ID: 1, Model: "m", Payload: []byte("{}")}}))
	two.own(t, restored)
	require.ErrorIs(t, two.client.Usable(), ErrForeign)

	require.NoError(t, one.client.rdb.Del(t.Context(), ownerName).Err())
	require.NoError(t, two.client.Own(t.Context()))
	require.NoError(t, two.client.Usable())
	for _, key := range keys {
		require.Zero(t, one.client.rdb.Exists(t.Context(), key.Name).Val())
	}
	require.ErrorIs(t, p.PublishTrades(t.Context(), []TradeEvent{{ID: 2, Model: "m", Payload: []byte("{}")}}), ErrUnavailable)
	require.NoError(t, two.projections().PublishTrades(t.Context(), []TradeEvent{{ID: 3, Model: "m", Payload: []byte("{}")}}))
	require.EqualValues(t, 1, one.client.rdb.XLen(t.Context(), p.keys.TradesStream().Name).Val())
}

// TestRunKeepsRedis holds that a process takes Redis over as soon as it may, and
// keeps it.
func TestRunKeepsRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancel(b.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	b.own(t, settings)
	b.abandon(t)
	two := newProcess(t, b.redis.url())
	two.client.SetIdentity(ours)
	running.Go(func() { two.client.Run(ctx) })
	await.True(t, func() bool { return two.client.Usable() == nil })
	require.NoError(t, b.raw.FlushAll(b.ctx).Err())
	await.True(t, func() bool { return b.raw.Exists(b.ctx, ownerName).Val() == 1 && two.client.Usable() == nil })
	require.Equal(t, time.Duration(-1), b.raw.TTL(b.ctx, ownerName).Val(), "whose it is does not expire")
}
