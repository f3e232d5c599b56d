package cachelayer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	t.Parallel()

	for _, url := range []string{"redis://u:p@h:7000/2", "redis://u:p@h:7000?db=2", "redis://u:p@h:7000/2?cluster=false"} {
		one, err := parseURL(url)
		require.NoError(t, err, url)
		require.Nil(t, one.cluster, url)
		require.Equal(t, "h:7000", one.node.Addr)
		require.Equal(t, 2, one.node.DB)
		require.Equal(t, "u", one.node.Username)
		require.Equal(t, "p", one.node.Password)
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
		many, err := parseURL(url)
		require.NoError(t, err, url)
		require.Nil(t, many.node, url)
		require.Equal(t, addrs, many.cluster.Addrs, url)
		require.Equal(t, "u", many.cluster.Username)
		require.Equal(t, "p", many.cluster.Password)
	}

	socket, err := parseURL("unix:///run/redis.sock?db=1")
	require.NoError(t, err)
	require.Equal(t, "/run/redis.sock", socket.node.Addr)
}

func TestBadURLKeepsItsPassword(t *testing.T) {
	t.Parallel()

	for _, url := range []string{
		"http://u:secret@h:1", "redis://u:secret@h:port", "redis://u:sec#secret@h:1", "redis://u:se/secret@h:1",
		"redis://u:%zzsecret@h", "redis://u:secret@h:1/x", "redis://u:secret@h:1?nonsense=secret",
		"redis://u:secret@h:1/3?cluster=true", "redis://u:secret@a:1,b", "u:secret@h", "://secret",
	} {
		_, err := parseURL(url)
		require.ErrorIs(t, err, ErrBadURL, url)
		require.NotContains(t, err.Error(), "secret", url)
	}
}
