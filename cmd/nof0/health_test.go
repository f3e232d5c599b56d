package main

import (
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	redis := testdb.NewRedis(t)
	// It listens everywhere, as an image does, and is asked from here.
	r := start(t, []string{migratedDatabase(t), "REDIS_URL=" + redis.URL(), "NOF0_HTTP_ADDR=:0"}, "serve")
	u, err := url.Parse(r.ready(t))
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(u.Host)
	require.NoError(t, err)
	environ := []string{"NOF0_HTTP_ADDR=:" + port}

	require.Equal(t, ended{out: `{"status":"ok"}` + "\n"}, nof0(t, environ, "health"))
	require.Equal(t, ended{out: `{"status":"ready"}` + "\n"}, nof0(t, environ, "health", "--ready"))
	require.Zero(t, r.stop(t).code)
	gone := nof0(t, environ, "health")
	require.Equal(t, 1, gone.code)
	require.Contains(t, gone.err, "127.0.0.1:"+port)
}

func TestWhereAServerIsReachedOnItsOwnMachine(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		":8888": "http://127.0.0.1:8888", "0.0.0.0:1": "http://127.0.0.1:1", "[::]:1": "http://[::1]:1",
		"10.0.0.7:80": "http://10.0.0.7:80", "localhost:80": "http://localhost:80", "[::1]:9": "http://[::1]:9",
	} {
		require.Equal(t, want, urlHere(addr), addr)
	}
}
