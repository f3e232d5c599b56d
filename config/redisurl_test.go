package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	t.Parallel()

	for _, url := range []string{"redis://u:p@h:7000/2", "redis://u:p@h:7000?db=2", "redis://u:p@h:7000/2?cluster=false"} {
		one, err := ParseRedisURL(url, "")
		require.NoError(t, err, url)
		require.Nil(t, one.Cluster, url)
		require.Equal(t, "h:7000", one.Node.Addr)
		require.Equal(t, 2, one.Node.DB)
		require.Equal(t, "u", one.Node.Username)
		require.Equal(t, "p", one.Node.Password)
	}

	for url, addrs := range map[string][]string{
		"redis://u:p@a:1?cluster=true":           {"a:1"},
		"redis://u:p@a:1/0?cluster=1":            {"a:1"},
		"redis://u:p@a:1?addr=b:2&addr=c:3":      {"a:1", "b:2", "c:3"},
		"redis://u:p@a:1,b:2,c:3":                {"a:1", "b:2", "c:3"},
		"redis://u:p@a:1,b:2/0":                  {"a:1", "b:2"},
		"rediss://u:p@a:1,b:2?pool_fifo=true":    {"a:1", "b:2"},
		"redis://u:p@[::1]:1,[::2]:2?addr=b%3A3": {"[::1]:1", "b:3", "[::2]:2"},
	} {
		many, err := ParseRedisURL(url, "")
		require.NoError(t, err, url)
		require.Nil(t, many.Node, url)
		require.Equal(t, addrs, many.Cluster.Addrs, url)
		require.Equal(t, "u", many.Cluster.Username)
		require.Equal(t, "p", many.Cluster.Password)
	}

	socket, err := ParseRedisURL("unix://u:p@/run/redis.sock?db=1", "")
	require.NoError(t, err)
	require.Equal(t, "/run/redis.sock", socket.Node.Addr)
}

func TestURLOfSentinels(t *testing.T) {
	t.Parallel()
	a, err := ParseRedisURL("rediss://su:sp@a:1,[::1]:2/3?master_name=m&username=u&password=p%40", "")
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "[::1]:2"}, a.Sentinel.SentinelAddrs)
	require.Equal(t, []string{"m", "su", "sp", "u", "p@"},
		[]string{a.Sentinel.MasterName, a.Sentinel.SentinelUsername, a.Sentinel.SentinelPassword, a.Sentinel.Username, a.Sentinel.Password})
	require.Equal(t, 3, a.Sentinel.DB)
	require.Empty(t, a.Sentinel.TLSConfig.ServerName, "each host has its own")
}

func TestFileOfAuthorities(t *testing.T) {
	t.Parallel()
	const good = "testdata/authority.pem"
	for _, try := range []struct{ url, file, says string }{
		{"rediss://h", good, ""},
		{"rediss://h", "", ""},
		{"", good, ""},
		{"redis://h", good, "has a use with rediss:// alone"},
		{"unix:///h", good, "has a use with rediss:// alone"},
		{"rediss://h", "testdata/none.pem", "testdata/none.pem"},
		{"rediss://h", "redisurl.go", "holds no certificate"},
	} {
		_, err := Load(Options{Env: []string{"REDIS_URL=" + try.url, "NOF0_REDIS_CA_FILE=" + try.file, "NOF0_LOG_LEVEL=loud"}})
		require.ErrorContains(t, err, "NOF0_LOG_LEVEL", "every fault is listed")
		require.Equal(t, try.says != "", strings.Contains(err.Error(), "NOF0_REDIS_CA_FILE: "), "%v", err)
		require.ErrorContains(t, err, try.says)
	}
}

func TestBadURLKeepsItsPassword(t *testing.T) {
	t.Parallel()

	for _, url := range []string{
		"http://u:secret@h:1", "redis://u:secret@h:port", "redis://u:sec#secret@h:1", "redis://u:se/secret@h:1",
		"redis://u:%zzsecret@h", "redis://u:secret@h:1/x", "redis://u:secret@h:1?nonsense=secret",
		"redis://u:secret@h:1/3?cluster=true", "redis://u:secret@a:1,b",
		"redis://secret@a:1?master_name=m&password=secret&db=secret", "u:secret@h", "://secret",
	} {
		_, err := ParseRedisURL(url, "")
		require.ErrorIs(t, err, ErrRedisURL, url)
		require.NotContains(t, err.Error(), "secret", url)
	}
}
