package devstack

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func TestDataSurviveARestart(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	var lines []string
	o.Notify = func(line string) { lines = append(lines, line) }

	first := mustStart(t, o)
	if want := []string{"database " + first.DatabaseURL, "redis " + first.RedisURL}; !slices.Equal(lines, want) {
		t.Errorf("lines %q, want %q", lines, want)
	}
	execSQL(t, first.DatabaseURL, "CREATE TABLE kept AS SELECT 42 AS answer")
	mustClose(t, first)
	mustClose(t, first) // again changes nothing
	if reachable(first.DatabaseURL) {
		t.Error("the database answers after Close")
	}

	second := mustStart(t, o)
	if got := queryInt(t, second.DatabaseURL, "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "TimeZone": "UTC",
	} {
		if got := show(t, second.DatabaseURL, setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	info, err := os.Stat(filepath.Join(o.DataDir, "postgres", "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password's mode is %v", info.Mode())
	}
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	stack := mustStart(t, ephemeral(t))
	u, err := url.Parse(stack.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), "guess")
	if reachable(u.String()) {
		t.Error("the database takes any password")
	}
}

func TestEphemeralStacksRunSideBySideAndLeaveNothing(t *testing.T) {
	t.Parallel()
	o := ephemeral(t)
	o.Redis = RedisProcess
	first, second := mustStart(t, o), mustStart(t, o)
	if first.DatabaseURL == second.DatabaseURL || first.RedisURL == second.RedisURL {
		t.Error("two stacks share a server")
	}
	if got := show(t, first.DatabaseURL, "fsync"); got != "off" {
		t.Errorf("fsync is %q", got)
	}
	dataDir := show(t, first.DatabaseURL, "data_directory")
	mustClose(t, first)
	if _, err := os.Stat(filepath.Dir(dataDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", filepath.Dir(dataDir), err)
	}
	if !reachable(second.DatabaseURL) {
		t.Error("closing one stack stopped the other")
	}
}

func TestASecondInstanceIsRefusedByName(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	stack := mustStart(t, o)
	_, err := Start(t.Context(), o)
	var busy *BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("got %v", err)
	}
	if busy.Dir != o.DataDir || busy.PID != strconv.Itoa(os.Getpid()) {
		t.Errorf("got %+v", busy)
	}
	if !reachable(stack.DatabaseURL) {
		t.Error("the refused start disturbed the first")
	}
}

// A child that is forked and has not reached exec yet shares every file of its parent.
func TestALockThatAForkSharesIsGivenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	forked, err := syscall.Dup(int(first.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(forked) })
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); err == nil {
		t.Error("the directory has two owners")
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestAKilledPostmasterIsStartedAgain(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	stack := mustStart(t, o)
	execSQL(t, stack.DatabaseURL, "CREATE TABLE kept AS SELECT 42 AS answer")
	pid, err := postmasterPID(filepath.Join(o.DataDir, "postgres", "data"))
	if err != nil || pid == 0 {
		t.Fatalf("postmaster %d: %v", pid, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	mustClose(t, stack)

	again := mustStart(t, o)
	if got := queryInt(t, again.DatabaseURL, "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
}

func TestServersGoWhenTheirOwnerIsKilled(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	c := startChild(t, o.DataDir)
	execSQL(t, c.lines["database"], "CREATE TABLE kept AS SELECT 42 AS answer")
	c.kill()

	// At once, while the servers are still on their way out.
	stack := mustStart(t, o)
	if got := queryInt(t, stack.DatabaseURL, "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
	within(t, "the child's redis-server ends", func() bool { return !pings(c.lines["redis"]) })
	within(t, "the child's Postgres ends", func() bool { return !reachable(c.lines["database"]) })
}

// A postmaster that outlived its owner is what a platform without a
// parent-death signal leaves behind.
func TestAnOrphanedPostmasterIsEnded(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	first := mustStart(t, o)
	execSQL(t, first.DatabaseURL, "CREATE TABLE kept AS SELECT 42 AS answer")
	dataDir := show(t, first.DatabaseURL, "data_directory")

	if err := endLeftover(t.Context(), dataDir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if reachable(first.DatabaseURL) {
		t.Error("the postmaster still runs")
	}
	mustClose(t, first)
	second := mustStart(t, o)
	if got := queryInt(t, second.DatabaseURL, "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
}

func TestAStrangerUnderThePostmastersNumberIsNoObstacle(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	mustClose(t, mustStart(t, o))
	stranger := exec.CommandContext(t.Context(), "sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	stale := strconv.Itoa(stranger.Process.Pid) + "\n" + o.DataDir + "/postgres/data\n"
	path := pidFile(filepath.Join(o.DataDir, "postgres", "data"))
	if err := os.WriteFile(path, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	mustStart(t, o)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was ended: %v", err)
	}
}

func TestAnotherMajorVersionIsNotTouched(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	mustClose(t, mustStart(t, o))
	path := filepath.Join(o.DataDir, "postgres", "data", "PG_VERSION")
	if err := os.WriteFile(path, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), o)
	var version *VersionError
	if !errors.As(err, &version) || version.Want != 9 || len(version.Have) == 0 {
		t.Fatalf("got %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "9\n" {
		t.Errorf("the files were changed: %q, %v", content, err)
	}
}

func TestALostPasswordIsExplained(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	mustClose(t, mustStart(t, o))
	path := filepath.Join(o.DataDir, "postgres", "password")
	if err := os.WriteFile(path, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is not the database's") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "restore "+path) {
		t.Errorf("got %v", err)
	}
}

func TestAnUnfinishedInitialisationIsBegunAgain(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	mustClose(t, mustStart(t, o))
	data := filepath.Join(o.DataDir, "postgres", "data")
	if err := os.Rename(data, data+".new"); err != nil {
		t.Fatal(err)
	}
	stack := mustStart(t, o)
	if !reachable(stack.DatabaseURL) {
		t.Error("the database does not answer")
	}
}

func TestCancellingTheStartLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(o Options) bool{
		"during initdb":     func(o Options) bool { return exists(o.DataDir, "postgres/data.new/PG_VERSION") },
		"during the start":  func(o Options) bool { return exists(o.DataDir, "postgres/data/postmaster.pid") },
		"between the two":   nil, // by Notify
		"before everything": func(Options) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var database string
			o.Redis = RedisProcess
			o.Notify = func(line string) {
				if url, ok := strings.CutPrefix(line, "database "); ok {
					database = url
					if after == nil {
						cancel()
					}
				}
			}
			if name == "before everything" {
				cancel()
			}
			if after != nil {
				go func() {
					for !after(o) && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
			}
			stack, err := Start(ctx, o)
			if err == nil {
				t.Log("the start was faster than the cancellation; then it is a stack like any other")
				mustClose(t, stack)
				return
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if database != "" && reachable(database) {
				t.Error("the database still answers")
			}
			if left := serversOn(t.Context(), filepath.Join(o.DataDir, "postgres", "data"), 0); len(left) > 0 {
				t.Errorf("processes %v are left", left)
			}
			mustStart(t, o) // the lock is free and the data are sound
		})
	}
}

func TestGivenServersAreUsed(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.DatabaseURL, o.RedisURL, o.Redis = "postgres://given", "redis://given", RedisProcess
	stack := mustStart(t, o)
	if stack.DatabaseURL != o.DatabaseURL || stack.RedisURL != o.RedisURL {
		t.Errorf("got %s, %s", stack.DatabaseURL, stack.RedisURL)
	}
	if _, err := os.Stat(o.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory was made: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{},
		{DataDir: t.TempDir(), Redis: "cluster"},
		{DataDir: passableDir(t), PostgresBin: t.TempDir()},
	} {
		if stack, err := Start(t.Context(), o); err == nil {
			mustClose(t, stack)
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestRedisKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range []RedisKind{RedisInProcess, RedisProcess} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			o.DatabaseURL, o.Redis = "postgres://given", kind
			stack := mustStart(t, o)
			client := redisClient(t, stack.RedisURL)
			if err := client.Set(t.Context(), "brief", 1, 300*time.Millisecond).Err(); err != nil {
				t.Fatal(err)
			}
			if err := client.Set(t.Context(), "long", 1, time.Hour).Err(); err != nil {
				t.Fatal(err)
			}
			within(t, "the key expires", func() bool {
				n, err := client.Exists(t.Context(), "brief").Result()
				return err == nil && n == 0
			})
			if n, err := client.Exists(t.Context(), "long").Result(); err != nil || n != 1 {
				t.Errorf("the other key: %d, %v", n, err)
			}
			mustClose(t, stack)
			if pings(stack.RedisURL) {
				t.Error("Redis answers after Close")
			}
		})
	}
}

func TestAMissingRedisServerIsExplained(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	o := testOptions(t)
	o.DatabaseURL, o.Redis = "postgres://given", RedisProcess
	if _, err := Start(t.Context(), o); !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "install redis-server") {
		t.Errorf("got %v", err)
	}
}

func TestARedisServerFailsAndComesBack(t *testing.T) {
	t.Parallel()
	server, err := StartRedisServer(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := server.Restart(t.Context()); err == nil {
		t.Error("a running server is started again")
	}
	if err := redisClient(t, server.URL()).Set(t.Context(), "k", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if pings(server.URL()) {
		t.Error("it answers after Kill")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := redisClient(t, server.URL()).DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("keys after a restart: %d, %v", n, err)
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if pings(server.URL()) {
		t.Error("it answers while paused")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	within(t, "it answers after Resume", func() bool { return pings(server.URL()) })
}

func ephemeral(t *testing.T) Options {
	t.Helper()
	o := testOptions(t)
	o.Ephemeral = true
	return o
}

func exists(elements ...string) bool {
	_, err := os.Stat(filepath.Join(elements...))
	return err == nil
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execSQL(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func queryInt(t *testing.T, url, sql string) (n int) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func show(t *testing.T, url, setting string) (value string) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func reachable(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func pings(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	port, err := strconv.Atoi(u.Port())
	return err == nil && pong(context.Background(), port)
}
