package devstack

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// RedisServer is a private redis-server that keeps nothing on disk.
type RedisServer struct {
	program string
	dir     string
	args    []string
	port    int
	proc    *process
}

// StartRedisServer starts the redis-server on PATH on a free loopback port, with
// its log in dir, and returns when it answers. Args are settings of it beside
// ours: "--cluster-enabled", "yes". A file of settings, as sentinels need, stands
// first among them.
func StartRedisServer(ctx context.Context, dir string, args ...string) (*RedisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("error finding redis-server on PATH: %w; "+
			"install it (Debian: apt-get install redis-server, macOS: brew install redis), "+
			"set REDIS_URL to a running one, or leave --redis=server out", err)
	}
	r := &RedisServer{program: program, dir: dir, args: args}
	return r, r.Restart(ctx)
}

// URL is where the server answers; a restart keeps it.
func (r *RedisServer) URL() string { return "redis://" + address(r.port) + "/0" }

// Kill ends the server as a crash would, and with it everything it holds.
func (r *RedisServer) Kill() error {
	return r.proc.stop(context.Background(), kill())
}

// Pause stops the server from answering, without closing its connections, as a
// hanging machine would.
func (r *RedisServer) Pause() error { return r.proc.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (r *RedisServer) Resume() error { return r.proc.cmd.Process.Signal(syscall.SIGCONT) }

// Restart starts an empty server on the port of the one before, which is gone.
func (r *RedisServer) Restart(ctx context.Context) error {
	if r.proc != nil && !r.proc.exited() {
		return fmt.Errorf("redis-server still runs on port %d: kill it before starting it again", r.port)
	}
	file, args := []string(nil), r.args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		file, args = args[:1], args[1:]
	}
	l := launch{
		name: "redis-server", what: "a private redis-server", dir: r.dir, log: filepath.Join(r.dir, "redis.log"), port: r.port,
		command: func(port int) (*exec.Cmd, error) {
			// The context ends the wait, not the server.
			return exec.Command(r.program, slices.Concat(file, []string{ //nolint:gosec,noctx // see above
				"--bind", loopback,
				"--port", strconv.Itoa(port),
				"--dir", r.dir,
				"--save", "",
				"--appendonly", "no",
				"--daemonize", "no",
			}, args)...), nil
		},
		ready:    func(ctx context.Context, port int) (bool, error) { return pong(ctx, port), nil },
		orphaned: syscall.SIGKILL,
		stop:     stopPolitely(),
	}
	proc, port, err := l.run(ctx)
	if err != nil {
		return err
	}
	r.proc, r.port = proc, port
	return nil
}

// Close stops the server; again is no error.
func (r *RedisServer) Close(ctx context.Context) error {
	if r.proc == nil {
		return nil
	}
	return r.proc.stop(ctx, stopPolitely()...)
}

// pong reports whether a Redis answers on the port. The client library is not
// used for it: it takes a server that is not there yet for news, and logs it.
func pong(ctx context.Context, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address(port))
	if err != nil {
		return false
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok && conn.SetDeadline(deadline) != nil {
		return false
	}
	const ask, answer = "PING\r\n", "+PONG\r\n"
	if _, err := io.WriteString(conn, ask); err != nil {
		return false
	}
	got := make([]byte, len(answer))
	_, err = io.ReadFull(conn, got)
	return err == nil && string(got) == answer
}
