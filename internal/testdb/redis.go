package testdb

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"nof0/internal/await"
	"nof0/internal/devstack"
)

// RedisServer is a redis-server of the test's own, to be killed, paused and
// started again.
type RedisServer struct {
	t      testing.TB
	server *devstack.RedisServer
}

// NewRedis starts the redis-server on PATH, with settings beside its own; it
// ends with the test.
func NewRedis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	server, err := devstack.StartRedisServer(t.Context(), t.TempDir(), args...)
	if err != nil {
		t.Fatalf("this test needs a redis-server: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &RedisServer{t: t, server: server}
}

// Redis returns the URL of a redis-server of the test's own.
func Redis(t testing.TB) string {
	t.Helper()
	return NewRedis(t).URL()
}

// URL is where the server answers; it stays the same after a restart.
func (r *RedisServer) URL() string { return r.server.URL() }

// Kill ends the server as a crash would.
func (r *RedisServer) Kill() {
	r.t.Helper()
	r.must(r.server.Kill())
}

// Restart starts an empty server where the killed one was.
func (r *RedisServer) Restart() {
	r.t.Helper()
	r.must(r.server.Restart(r.t.Context()))
}

// Pause makes the server hang: connections stay open and nothing answers.
func (r *RedisServer) Pause() {
	r.t.Helper()
	r.must(r.server.Pause())
}

// Resume undoes Pause.
func (r *RedisServer) Resume() {
	r.t.Helper()
	r.must(r.server.Resume())
}

func (r *RedisServer) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// Sentinels starts sentinels that watch a master, which has a replica, by the name nof0. It
// returns their addresses when they know of each other and of the replica.
func Sentinels(t testing.TB, master *RedisServer, number int) (addrs []string) {
	t.Helper()
	for range number {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		settings := "sentinel monitor nof0 127.0.0.1 " + strconv.Itoa(master.Port()) + " " + strconv.Itoa(number/2+1) +
			"\nsentinel down-after-milliseconds nof0 3000\nsentinel failover-timeout nof0 3000\n"
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, NewRedis(t, file, "--sentinel").Addr())
	}
	for _, addr := range addrs {
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: addr})
		await.True(t, func() bool {
			state, err := sentinel.Master(context.Background(), "nof0").Result()
			return err == nil && state["num-slaves"] != "0" && state["num-other-sentinels"] == strconv.Itoa(number-1)
		}, "the sentinels know each other")
		_ = sentinel.Close()
	}
	return addrs
}

// RedisCluster starts masters that share the slots, and after them as many replicas, of the
// nth master the nth, where they are asked for.
func RedisCluster(t testing.TB, masters int, replicas bool) (nodes []*RedisServer) {
	t.Helper()
	const slots = 16384
	ctx := context.Background()
	number := masters
	if replicas {
		number *= 2
	}
	raw := make([]*redis.Client, number)
	for i := range number {
		bus := strconv.Itoa(FreePort(t))
		node := NewRedis(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-require-full-coverage", "no", "--cluster-node-timeout", "1000")
		raw[i] = redis.NewClient(&redis.Options{Addr: node.Addr(), MaxRetries: -1})
		t.Cleanup(func() { _ = raw[i].Close() })
		nodes = append(nodes, node)
		if err := raw[i].Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			t.Fatal(err)
		}
		if i < masters {
			if err := raw[i].ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if i > 0 {
			if err := raw[0].Do(ctx, "cluster", "meet", "127.0.0.1", node.Port(), bus).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole := func(node *redis.Client) func() bool {
		return func() bool {
			info := node.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:16384") &&
				strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(number)+"\r")
		}
	}
	for _, node := range raw {
		await.True(t, whole(node), "the nodes know each other")
	}
	for i, node := range raw[masters:] {
		id := raw[i].ClusterMyID(ctx).Val()
		await.True(t, func() bool { return node.ClusterReplicate(ctx, id).Err() == nil }, "a replica knows its master")
		await.True(t, func() bool {
			return strings.Contains(node.Info(ctx, "replication").Val(), "master_link_status:up")
		}, "a replica follows")
	}
	return nodes
}

// Addr is host:port of the server.
func (r *RedisServer) Addr() string {
	o, err := redis.ParseURL(r.URL())
	r.must(err)
	return o.Addr
}

// Port is that of the server.
func (r *RedisServer) Port() int {
	_, port, _ := net.SplitHostPort(r.Addr())
	n, err := strconv.Atoi(port)
	r.must(err)
	return n
}

// FreePort is a port of loopback that nobody listens on, and that the kernel gives to
// nobody until the test binds it.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := devstack.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
