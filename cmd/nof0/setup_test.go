package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/apiclient"
	"nof0/internal/season"
	"nof0/internal/testdb"
)

// mainVar makes the test binary be nof0, so that tests can run it beside the
// servers of dev.
const mainVar = "NOF0_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVar) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// ended is a run of the command line that is over.
type ended struct {
	code     int
	out, err string
}

// commandLine is that of main, but that dev shows a smaller season.
func commandLine(in string, out, err io.Writer, environ []string) *cli {
	return &cli{
		streams: streams{in: strings.NewReader(in), out: out, err: err},
		environ: environ,
		season:  season.Options{Seed: 1, Models: 4, Hours: 30},
	}
}

// nof0 runs the command line to its end, with nothing in its environment but
// what is given.
func nof0(t *testing.T, environ []string, args ...string) ended {
	t.Helper()
	var out, err bytes.Buffer
	code := commandLine("", &out, &err, environ).execute(t.Context(), args)
	return ended{code, out.String(), err.String()}
}

// mustNof0 runs the command line and expects it to succeed.
func mustNof0(t *testing.T, environ []string, args ...string) ended {
	t.Helper()
	e := nof0(t, environ, args...)
	require.Zero(t, e.code, "%s\n%s", e.out, e.err)
	return e
}

// parsed reads the result of a run with --json.
func parsed[T any](t *testing.T, e ended) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(e.out), &v), e.out)
	return v
}

// running is a run of the command line that goes on until it is stopped.
type running struct {
	out, err output
	cancel   context.CancelFunc
	done     chan struct{}
	code     int // to be read once done is closed
}

func start(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		environ = append([]string{"NOF0_HTTP_DRAIN=0s"}, environ...) // nobody balances between tests
		r.code = commandLine("", &r.out, &r.err, environ).execute(ctx, args)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

// says waits until the run has written a text beside its results.
func (r *running) says(t *testing.T, text string) { t.Helper(); r.writes(t, &r.err, text) }

// writes waits until the run has written a text to one of its streams.
func (r *running) writes(t *testing.T, to *output, text string) {
	t.Helper()
	for {
		written, grown := to.read()
		if strings.Contains(written, text) {
			return
		}
		select {
		case <-grown:
		case <-r.done:
			t.Fatalf("it ended without saying %q: %s", text, written)
		}
	}
}

// ready waits until the system says that it answers, and returns where.
func (r *running) ready(t *testing.T) string {
	t.Helper()
	for {
		text, grown := r.out.read()
		for line := range strings.Lines(text) {
			if url, ok := strings.CutPrefix(line, "ready "); ok && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(url)
			}
		}
		select {
		case <-grown:
		case <-r.done:
			err, _ := r.err.read()
			require.FailNow(t, "it ended before it was ready", "%s\n%s", text, err)
		}
	}
}

// stop interrupts the run and waits for its end.
func (r *running) stop(t *testing.T) ended {
	t.Helper()
	r.cancel()
	<-r.done
	out, _ := r.out.read()
	err, _ := r.err.read()
	return ended{r.code, out, err}
}

// output is a stream that can be read while it is written.
type output struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed by the next Write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.grown != nil {
		close(o.grown)
		o.grown = nil
	}
	return o.text.Write(p)
}

// read returns all that was written, and what is closed once there is more.
func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.grown == nil {
		o.grown = make(chan struct{})
	}
	return o.text.String(), o.grown
}

// emptyDatabase and migratedDatabase name a database of the test's own.
func emptyDatabase(t *testing.T) string { t.Helper(); return "DATABASE_URL=" + testdb.Empty(t) }

func migratedDatabase(t *testing.T) string {
	t.Helper()
	return "DATABASE_URL=" + testdb.New(t, atlastest.Migrator{})
}

// connect looks into a database past the program.
func connect(t *testing.T, variable string) *pgx.Conn {
	t.Helper()
	dsn, _ := strings.CutPrefix(variable, "DATABASE_URL=")
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// unreachable is a database where nothing listens.
const unreachable = "DATABASE_URL=postgres://user:hidden@127.0.0.1:1/nof0"

// anyPort lets any number of servers run side by side.
const anyPort = "NOF0_HTTP_ADDR=127.0.0.1:0"

// smallSeason generates a snapshot directory.
func smallSeason(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "season")
	mustNof0(t, nil, "season", "generate", dir, "--seed", "5", "--models", "4", "--hours", "12", "--start", "2025-10-17T22:00:00Z")
	return dir
}

// edit replaces the first of one text by another in a file.
func edit(t *testing.T, path, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(raw), from)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(raw), from, to, 1)), 0o600))
}

// readDir returns the files of a directory by name.
func readDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := make(map[string]string)
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(raw)
	}
	return files
}

// get asks the running system for JSON, and returns it with its source.
func get(t *testing.T, url string) (source string, content map[string]any) {
	t.Helper()
	res, err := apiclient.Client{}.Do(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%.200s", res.Body)
	require.NoError(t, json.Unmarshal(res.Body, &content), "%.200s", res.Body)
	return res.Header.Get("X-Data-Source"), content
}
