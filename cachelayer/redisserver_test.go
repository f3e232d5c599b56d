package cachelayer

import (
	"io"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// redisServer is a redis-server of the test's own, in memory only.
type redisServer struct {
	addr string
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
	// raw looks at Redis past everything that is tested.
	raw *redis.Client
}

// startRedis starts a server on a free port and waits until it answers.
func startRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	require.NoError(t, err, "redis-server must be installed")

	s := &redisServer{dir: t.TempDir(), args: args}
	// A port that was free may be taken by the time the server binds it.
	for range 5 {
		s.port = freePort(t)
		s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
		s.raw = redis.NewClient(&redis.Options{Addr: s.addr, DialerRetries: 1, MaxRetries: -1})
		if s.start(t) {
			t.Cleanup(func() {
				_ = s.raw.Close()
				s.kill()
			})
			return s
		}
		_ = s.raw.Close()
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// start runs the server and says whether it came up.
func (s *redisServer) start(t *testing.T) bool {
	t.Helper()
	s.cmd = exec.Command("redis-server", append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--loglevel", "warning",
	}, s.args...)...)
	require.NoError(t, s.cmd.Start())
	exited := make(chan struct{})
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(s.cmd)
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case <-exited:
			return false
		default:
		}
		if s.answers() {
			return true
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.kill()
	return false
}

// answers asks the server by a plain connection, since go-redis prints every dial
// that fails.
func (s *redisServer) answers() bool {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	pong := make([]byte, len("+PONG"))
	_, err = io.ReadFull(conn, pong)
	return err == nil && string(pong) == "+PONG"
}

// kill ends the server as a crash does.
func (s *redisServer) kill() { _ = s.cmd.Process.Kill() }

// restart starts it again, empty, on its port.
func (s *redisServer) restart(t *testing.T) {
	t.Helper()
	eventually(t, func() bool { return s.start(t) })
}

// freeze makes the server hang: its sockets accept and nothing answers.
func (s *redisServer) freeze(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGSTOP))
}

func (s *redisServer) thaw(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT))
}

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
