package cachelayer

import (
	"testing"

	"github.com/redis/go-redis/v9"

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
	return look(t, testdb.NewRedis(t, args...))
}

// look makes a client that looks at a server.
func look(t *testing.T, server *testdb.RedisServer) *redisServer {
	t.Helper()
	s := &redisServer{RedisServer: server, addr: server.Addr(), port: server.Port()}
	s.raw = redis.NewClient(&redis.Options{Addr: s.addr, DialerRetries: 1, MaxRetries: -1})
	t.Cleanup(func() { _ = s.raw.Close() })
	return s
}

// url is without a database number, so that further hosts can follow.
func (s *redisServer) url() string { return "redis://" + s.addr }
