package main

import (
	"bytes"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
)

// dataDir is a data directory that the account of the database can enter; those
// of the testing package are their owner's alone.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nof0-dev-test-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return filepath.Join(dir, "data")
}

// devEnvironment is that of a dev of the test's own.
func devEnvironment(t *testing.T, more ...string) []string {
	t.Helper()
	environ := append([]string{"NOF0_DATA_DIR=" + dataDir(t), anyPort}, more...)
	if bin := os.Getenv("NOF0_POSTGRES_BIN"); bin != "" {
		environ = append(environ, "NOF0_POSTGRES_BIN="+bin)
	}
	return environ
}

func TestDevRunsACommandBesideTheServers(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t, "GREETING=hello")
	var out, err bytes.Buffer
	const script = `read -r line; echo "$GREETING $line"; echo "$DATABASE_URL"; echo "$REDIS_URL"; echo aside >&2; exit 7`
	code := run(t.Context(), []string{"dev", "--ephemeral", "--", "sh", "-c", script},
		streams{in: strings.NewReader("world\n"), out: &out, err: &err}, environ)

	require.Equal(t, 7, code, err.String())
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 4, "standard output is the command's alone")
	require.Equal(t, "hello world", lines[0])
	require.Regexp(t, `^postgres://\S+@127\.0\.0\.1:\d+/\S+$`, lines[1])
	require.Regexp(t, `^redis://127\.0\.0\.1:\d+`, lines[2])
	require.Equal(t, "database "+lines[1]+"\nredis "+lines[2]+"\naside\n", err.String())
}

func TestDevCommandReachesTheServers(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t, mainVar+"=1")
	e := mustNof0(t, environ, "dev", "--ephemeral", "--", os.Args[0], "migrate", "apply", "--json")
	require.NotEmpty(t, parsed[atlas.Report](t, e).Files)
}

func TestDevCommandThatCannotRun(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t)
	e := nof0(t, environ, "dev", "--ephemeral", "--", "no-such-program")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "nof0: error running no-such-program: ")
	e = nof0(t, environ, "dev", "--ephemeral", "--", "sh", "-c", "kill -KILL $$")
	require.Equal(t, 1, e.code)
	e = nof0(t, environ, "dev", "--redis=mock")
	require.Equal(t, 1, e.code)
	require.Equal(t, "nof0: \"mock\" is no kind of Redis: inprocess or server\n", e.err)
}

// TestDev holds what the command is for: the whole system on an empty machine,
// the same data after a restart, and independence of the snapshot from then on.
func TestDev(t *testing.T) {
	t.Parallel()
	snapshot := smallSeason(t)
	environ := devEnvironment(t, "NOF0_SNAPSHOT_DIR="+snapshot)

	first := start(t, environ, "dev")
	shown := everything(t, first.ready(t))
	e := first.stop(t)
	require.Zero(t, e.code, e.err)
	require.Regexp(t, `^data /\S+\nredis redis://\S+\ndatabase postgres://\S+\ningest token \S+\nadmin token \S+\nready http://\S+\n$`, e.out)
	require.NotEqual(t, "0", inserted(t, e))

	second := start(t, environ, "dev")
	require.Equal(t, shown, everything(t, second.ready(t)))
	e = second.stop(t)
	require.Zero(t, e.code, e.err)
	require.Equal(t, "0", inserted(t, e))

	require.NoError(t, os.Rename(snapshot, snapshot+"-elsewhere"))
	third := start(t, environ, "dev")
	require.Equal(t, shown, everything(t, third.ready(t)))
	e = third.stop(t)
	require.Zero(t, e.code, e.err)
	require.Contains(t, e.err, "snapshot directory "+snapshot+" is gone; serving what was imported from it\n")
}

func TestDevSaysThatThePortIsTakenBeforeItDoesAnything(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	data := dataDir(t)
	e := nof0(t, []string{"NOF0_DATA_DIR=" + data, "NOF0_HTTP_ADDR=" + taken.Addr().String()}, "dev")
	require.Equal(t, ended{code: 1, err: "nof0: error listening on " + taken.Addr().String() + ": listen tcp " +
		taken.Addr().String() + ": bind: address already in use; set NOF0_HTTP_ADDR to another address\n"}, e)
	require.NoDirExists(t, data)
}

func TestDevDataAreRemoved(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t)
	data := strings.TrimPrefix(environ[0], "NOF0_DATA_DIR=")
	require.Equal(t, ended{out: "no data in " + data + "\n"}, nof0(t, environ, "dev", "--clean-data"))
	require.Equal(t, 2, nof0(t, environ, "dev", "--clean-data", "--", "true").code)

	running := start(t, environ, "dev")
	running.ready(t)
	e := nof0(t, environ, "dev", "--clean-data")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "uses the data directory "+data)
	require.Zero(t, running.stop(t).code)
	e = mustNof0(t, environ, "dev", "--clean-data")
	require.Contains(t, e.out, "removed "+filepath.Join(data, "postgres")+"\n")
	require.NoDirExists(t, data)
}

func TestDevWithoutTheSnapshot(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	e := nof0(t, devEnvironment(t, "NOF0_SNAPSHOT_DIR="+missing), "dev", "--ephemeral")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "snapshot directory "+missing+" does not exist, and nothing was imported from it before")
}

// everything returns what each endpoint answers from the store, without the
// time of answering.
func everything(t *testing.T, at string) map[string]map[string]any {
	t.Helper()
	answers := make(map[string]map[string]any)
	for _, endpoint := range []string{
		"crypto-prices", "account-totals", "trades", "since-inception-values", "leaderboard", "analytics", "positions", "conversations",
	} {
		source, body := get(t, at+"/api/"+endpoint)
		require.Equal(t, "store", source, endpoint)
		maps.DeleteFunc(body, func(member string, _ any) bool { return member == "serverTime" })
		for member, rows := range body {
			require.NotEmpty(t, rows, "%s.%s", endpoint, member)
		}
		answers[endpoint] = body
	}
	return answers
}

// inserted reads from the report of dev how many rows were new.
func inserted(t *testing.T, e ended) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^imported \S+: (\d+) inserted, \d+ updated, 0 refused$`).FindStringSubmatch(e.err)
	require.NotNil(t, found, e.err)
	return found[1]
}
