package cachelayer

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/catalogue"
	"nof0/internal/testdb"
)

// startCluster starts a cluster of masters that share the slots.
func startCluster(t *testing.T, masters int) (nodes []*redisServer) {
	t.Helper()
	for _, node := range testdb.RedisCluster(t, masters, false) {
		nodes = append(nodes, look(t, node))
	}
	return nodes
}

func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 2)
	ctx := t.Context()
	one := newProcess(t, nodes[0].url()+"?cluster=true")
	two := newProcess(t, nodes[0].url()+","+nodes[1].addr)

	var keys []Key
	for i := range 40 {
		name := "nof0:view:" + strconv.Itoa(i)
		if i%2 == 0 {
			name = "nof0:positions:{m" + strconv.Itoa(i) + "}"
		}
		key := keyOf(name, time.Minute)
		key.Versions = []catalogue.Version{catalogue.Version(strconv.Itoa(i % 7)), testVersion}
		keys = append(keys, key)
	}
	pg := newSource("old")
	for _, key := range keys {
		_, err := Fetch(ctx, one.cache, key, pg.load)
		require.NoError(t, err)
	}
	require.Equal(t, len(keys), count(one.cache.metrics.fills), "no fill crosses a slot")
	for _, node := range nodes {
		require.Positive(t, node.raw.DBSize(ctx).Val(), "both nodes have keys")
	}
	for _, key := range keys {
		_, err := Fetch(ctx, two.cache, key, pg.load)
		require.NoError(t, err)
	}
	require.Equal(t, len(keys), count(two.cache.metrics.hits, levelRedis))

	pg.write("new")
	two.invalidate(t)
	one.clock.Advance(time.Second)
	for _, p := range []*process{two, one} {
		for _, key := range keys {
			got, err := Fetch(ctx, p.cache, key, pg.load)
			require.NoError(t, err)
			require.Equal(t, "new", got.Text)
		}
	}

	var held int64
	for _, node := range nodes {
		held += node.raw.DBSize(ctx).Val()
	}
	removed, err := one.cache.Drop(ctx)
	require.NoError(t, err)
	require.Equal(t, held, removed)
	for _, node := range nodes {
		require.Zero(t, node.raw.DBSize(ctx).Val())
	}
	require.Zero(t, count(one.cache.metrics.failures)+count(two.cache.metrics.failures))
}

// TestOneMasterOfAClusterRefuses holds that who meets a refusal of one master trusts nothing
// that was kept before, also what that master holds of other keys, where the process that
// could not invalidate is gone and the master that has versionOfAll took every write.
func TestOneMasterOfAClusterRefuses(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 2)
	ctx := t.Context()
	url := nodes[0].url() + "?cluster=true"
	gone, two, three := newProcess(t, url), newProcess(t, url), newProcess(t, url)
	pg := newSource("old")
	fetch := func(p *process, v catalogue.Version) string {
		t.Helper()
		key := keyOf("nof0:view:"+string(v), time.Minute)
		key.Versions = []catalogue.Version{v}
		got, err := Fetch(ctx, p.cache, key, pg.load)
		require.NoError(t, err)
		return got.Text
	}
	require.Equal(t, "old", fetch(gone, "0"))
	refuses := nodes[0]
	if refuses.raw.Exists(ctx, versionName(versionOfAll)).Val() == 1 {
		refuses = nodes[1]
	}
	var there []catalogue.Version // that it holds
	for i := range 40 {
		v := catalogue.Version(strconv.Itoa(i))
		require.Equal(t, "old", fetch(two, v))
		if refuses.raw.Exists(ctx, versionName(v)).Val() == 1 {
			there = append(there, v)
		}
	}
	require.Greater(t, len(there), 1)

	require.NoError(t, refuses.raw.ConfigSet(ctx, "min-replicas-to-write", "1").Err())
	pg.write("new")
	require.ErrorIs(t, gone.cache.Invalidate(ctx, there...), ErrUnavailable)
	two.clock.Advance(two.cache.versions.life)
	require.Equal(t, "new", fetch(two, there[0]))
	require.NoError(t, refuses.raw.ConfigSet(ctx, "min-replicas-to-write", "0").Err())
	two.clock.Advance(two.cache.versions.life)
	for _, p := range []*process{two, three} {
		for _, v := range there {
			require.Equal(t, "new", fetch(p, v), "version %s", v)
		}
	}
}

func TestClusterThatLosesANode(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 2)
	p := newProcess(t, nodes[0].url()+","+nodes[1].addr, noLocal, impatient)
	pg := newSource("one")
	require.Equal(t, "one", p.fetch(t, pg.load))
	for _, node := range nodes {
		node.Kill()
	}
	for range 20 {
		require.Equal(t, "one", p.fetch(t, pg.load))
	}
}
