package faults

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/await"
	"nof0/internal/devstack"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/testsize"
)

const token = "faults-of-the-system"

// sized is the size of something in full and in the short form.
func sized(inFull, short int) int {
	if testsize.Full() {
		return inFull
	}
	return short
}

// system is the real program on servers of its own, each of which can be
// killed.
type system struct {
	t     *testing.T
	stack *devstack.Stack
	redis *testdb.RedisServer
	url   string
	env   []string
	bin   string
	// servers are those that serve has started, by their URLs.
	servers map[string]*exec.Cmd

	mu      sync.Mutex
	process *exec.Cmd
	log     *os.File
	stopped bool
}

// startSystem starts a durable Postgres, a Redis, and the API.
func startSystem(t *testing.T) *system {
	t.Helper()
	bin, err := program()
	require.NoError(t, err)
	return startSystemOf(t, bin, "NOF0_HTTP_DRAIN=0s")
}

// startSystemOf is startSystem of a program that is built already, perhaps an older one,
// which refuses variables that it does not know.
func startSystemOf(t *testing.T, bin string, env ...string) *system {
	t.Helper()
	return startSystemOn(t, t.TempDir(), testdb.NewRedis(t), bin, env...)
}

func startSystemOn(t *testing.T, dir string, redis *testdb.RedisServer, bin string, env ...string) *system {
	t.Helper()
	s := &system{t: t, redis: redis, bin: bin, servers: map[string]*exec.Cmd{}}
	o := devstack.Options{DataDir: dir, RedisURL: s.redis.URL(), Logger: slog.New(slog.DiscardHandler)}
	stack, err := devstack.Start(t.Context(), o)
	require.NoError(t, err)
	s.stack = stack
	t.Cleanup(func() {
		_ = stack.Close(context.Background())                  // it may have been killed
		_, err := devstack.RemoveData(context.Background(), o) // under root the files lie elsewhere
		require.NoError(t, err)
	})

	s.log, err = os.Create(filepath.Join(t.TempDir(), "api.log"))
	require.NoError(t, err)
	addr := freeAddr(t)
	s.url = "http://" + addr
	s.env = slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"DATABASE_URL=" + stack.DatabaseURL, "REDIS_URL=" + s.redis.URL(),
		"NOF0_HTTP_ADDR=" + addr, "NOF0_INGEST_TOKEN=" + token, "NOF0_LOG_LEVEL=warn",
		"GOGC=400", // the machine is shared with everything that it talks to
	}, env)
	migrate := exec.CommandContext(t.Context(), s.bin, "migrate", "apply")
	migrate.Env = s.env
	out, err := migrate.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Cleanup(s.stop)
	s.startAPI()
	s.awaitAPI()
	return s
}

// program is built once for all tests of this package, into builds.
var (
	builds  string
	program = sync.OnceValues(func() (string, error) {
		bin := filepath.Join(builds, "nof0")
		return bin, goBuild("", "-o", bin, "nof0/cmd/nof0")
	})
)

// goBuild builds in a directory as `make build` does, so that what it has
// compiled is found in the cache.
func goBuild(dir string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-tags", "nomsgpack", "-ldflags", "-s -w"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func freeAddr(t *testing.T) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(testdb.FreePort(t))
}

// startAPI runs the program, again each time that it ends, until stop.
func (s *system) startAPI() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	cmd := exec.Command(s.bin, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Errorf("the API does not start: %v", err)
		return
	}
	s.process = cmd
	go func() {
		_ = cmd.Wait() // it is killed again and again
		// Postgres may be away just now, and then it ends at once.
		time.AfterFunc(50*time.Millisecond, s.startAPI)
	}()
}

func (s *system) killAPI() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.process.Process.Signal(syscall.SIGKILL) // it may have ended by itself
}

func (s *system) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.killAPI()
	if s.t.Failed() {
		out, _ := os.ReadFile(s.log.Name())
		s.t.Logf("the API said:\n%s", out[max(0, len(out)-4000):])
	}
}

// awaitAPI waits until the API answers.
func (s *system) awaitAPI() {
	s.t.Helper()
	s.await(s.url)
}

// await waits until a server answers.
func (s *system) await(server string) {
	s.t.Helper()
	s.eventually("the API answers", func() bool {
		res, err := http.Get(server + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// eventually waits for a condition.
func (s *system) eventually(what string, condition func() bool) {
	s.t.Helper()
	await.True(s.t, condition, what)
}

// killPostgres kills the database and starts it again.
func (s *system) killPostgres() {
	s.t.Helper()
	require.NoError(s.t, s.stack.KillPostgres())
	// Backends outlive their postmaster by a moment and hold its memory.
	s.eventually("Postgres starts again", func() bool { return s.stack.RestartPostgres(s.t.Context()) == nil })
}

// play plays a plan; acknowledged is called with what was acknowledged.
func (s *system) play(plan *season.Plan, acknowledged func([]season.Event, []apiclient.Result)) (season.Played, error) {
	return season.Play(s.t.Context(), plan.Events(), season.PlayOptions{
		URL: s.url, Token: token, Batch: 50, Workers: 20, KeepTrying: 5 * time.Minute, MaxPause: 200 * time.Millisecond,
		Run: plan.Name(), Acknowledged: acknowledged, Client: &http.Client{Transport: impatient{}},
	})
}

// impatient does not wait as long as the API asks for: these outages are short,
// and there are many of them.
type impatient struct{}

func (impatient) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		res.Header.Del("Retry-After")
	}
	return res, err
}

func (s *system) database() *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.stack.DatabaseURL)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *system) count(db *pgx.Conn, query string, args ...any) int {
	s.t.Helper()
	var n int
	require.NoError(s.t, db.QueryRow(s.t.Context(), query, args...).Scan(&n))
	return n
}

func (s *system) redisClient() *redis.Client {
	s.t.Helper()
	o, err := redis.ParseURL(s.redis.URL())
	require.NoError(s.t, err)
	client := redis.NewClient(o)
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// figuref prints what a test measured.
func (s *system) figuref(format string, args ...any) {
	s.t.Helper()
	fmt.Fprintf(os.Stderr, "%s: %s\n", s.t.Name(), fmt.Sprintf(format, args...))
}
