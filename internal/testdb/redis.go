package testdb

import (
	"context"
	"testing"

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
