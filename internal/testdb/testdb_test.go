package testdb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/peterldowns/pgtestdb"
	"github.com/redis/go-redis/v9"

	"nof0/internal/devstack"
	"nof0/internal/testdb"
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run starts a server where nobody has given one, so that this package, on which
// the others' tests rest, can also be tested alone.
func run(m *testing.M) int {
	if os.Getenv("DATABASE_URL") != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "testdb-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	stack, err := devstack.Start(context.Background(), devstack.Options{DataDir: dir, Ephemeral: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stack.Close(context.Background())
	if err := os.Setenv("DATABASE_URL", stack.DatabaseURL); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

type migrator struct{}

func (migrator) Hash() (string, error) { return "one table", nil }

func (migrator) Migrate(ctx context.Context, db *sql.DB, _ pgtestdb.Config) error {
	_, err := db.ExecContext(ctx, "CREATE TABLE notes (body text NOT NULL)")
	return err
}

func TestDatabasesAreFreshAndApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 3 {
		dsn := testdb.New(t, migrator{})
		if seen[dsn] {
			t.Fatalf("%s is given twice", dsn)
		}
		seen[dsn] = true
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		var before int
		if err := conn.QueryRow(t.Context(), "WITH b AS (SELECT count(*) FROM notes), i AS (INSERT INTO notes VALUES ('x')) TABLE b").Scan(&before); err != nil {
			t.Fatal(err)
		}
		if before != 0 {
			t.Errorf("%d notes in a fresh database", before)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestALeakedPoolDoesNotKeepTheDatabase(t *testing.T) {
	t.Parallel()
	var dsn string
	t.Run("leaks", func(t *testing.T) {
		dsn = testdb.Empty(t)
		pool, err := pgxpool.New(context.Background(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		if err := pool.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database is still there")
	}
}

func TestAMissingServerFailsTheTest(t *testing.T) {
	for name, use := range map[string]func(testing.TB) string{
		"DATABASE_URL is not set": testdb.Empty,
		"redis-server on PATH":    testdb.Redis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DATABASE_URL", "")
			t.Setenv("PATH", t.TempDir())
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				use(r)
			}()
			<-done
			if !strings.Contains(r.fatal, name) {
				t.Errorf("got %q", r.fatal)
			}
		})
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB

	fatal string
}

func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestRedis(t *testing.T) {
	t.Parallel()
	server := testdb.NewRedis(t)
	if server.URL() == testdb.Redis(t) {
		t.Error("two tests share a server")
	}
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Set(t.Context(), "k", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	server.Restart()
	if n, err := client.Exists(t.Context(), "k").Result(); err != nil || n != 0 {
		t.Errorf("after a restart: %d, %v", n, err)
	}
	server.Pause()
	server.Resume()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

// The server stands in for a pooler here, which is where a request to cancel would end
// the statement.
func TestNoRequestToCancelReachesThePooler(t *testing.T) {
	t.Setenv("NOF0_TEST_POOLER_URL", os.Getenv("DATABASE_URL"))
	conn, err := pgx.Connect(t.Context(), testdb.New(t, migrator{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	direct, err := pgx.Connect(t.Context(), os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close(context.WithoutCancel(t.Context()))
	pid := conn.PgConn().PID()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), "SELECT pg_sleep(1)")
		ended <- err
	}()
	for active := false; !active; {
		const is = "SELECT state = 'active' AND query LIKE '%pg_sleep%' FROM pg_stat_activity WHERE pid = $1"
		if err := direct.QueryRow(t.Context(), is, pid).Scan(&active); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the statement was cancelled: %v", err)
	}
}
