package cachelayer

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

// redisServer is a redis-server of the test's own, in memory only.
type redisServer struct {
	*testdb.RedisServer

	addr string
	port int
	// raw looks at Redis past everything that is tested.
	raw *redis.Client
}

// startRedis starts a server on a free port and waits until it answers.
func startRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{RedisServer: testdb.NewRedis(t, args...)}
	options, err := redis.ParseURL(s.URL())
	require.NoError(t, err)
	s.addr = options.Addr
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	s.port, err = strconv.Atoi(port)
	require.NoError(t, err)
	s.raw = redis.NewClient(&redis.Options{Addr: s.addr, DialerRetries: 1, MaxRetries: -1})
	t.Cleanup(func() { _ = s.raw.Close() })
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// url is without a database number, so that further hosts can follow.
func (s *redisServer) url() string { return "redis://" + s.addr }

// eventually waits until condition holds.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("condition never held")
		}
		time.Sleep(time.Millisecond)
	}
}
