package main

import (
	"bytes"
	"io/fs"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/internal/season"
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
	environ := devEnvironment(t, "GREETING=hello", "NOF0_INGEST_TOKEN=short")
	var out, err bytes.Buffer
	const script = `read -r line; echo "$GREETING $line"; echo "$DATABASE_URL"; echo "$REDIS_URL"; echo aside >&2; exit 7`
	code := commandLine("world\n", &out, &err, environ).execute(t.Context(), []string{"dev", "--ephemeral", "--", "sh", "-c", script})

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
	require.Equal(t, ended{code: 2, err: "nof0: --redis: \"mock\" is neither inprocess nor server; see `nof0 dev --help`\n"}, e)
}

func TestDevShowsNobodyThePasswordThatItWasGiven(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t, "DATABASE_URL=postgres://me:hunter2@127.0.0.1:1/mine", "REDIS_URL=redis://me:hunter3@127.0.0.1:1/0")
	e := mustNof0(t, environ, "dev", "--", "true")
	require.Contains(t, e.err, "database postgres://me:***@127.0.0.1:1/mine")
	require.Contains(t, e.err, "redis redis://me:***@127.0.0.1:1/0")
	e = nof0(t, environ, "dev")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, "me:***@")
	require.NotContains(t, e.out+e.err, "hunter")
}

func TestFilesOfDevAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t)
	data := strings.TrimPrefix(environ[0], "NOF0_DATA_DIR=")
	log := filepath.Join(data, "postgres", "postgres.log")
	mustNof0(t, environ, "dev", "--", "true")
	require.NoError(t, os.Chmod(log, 0o644)) // as an earlier version left it
	mustNof0(t, environ, "dev", "--redis=server", "--", "true")
	files := 0
	require.NoError(t, filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files++
			require.Zero(t, info.Mode().Perm()&0o077, path)
		}
		return err
	}))
	require.Greater(t, files, 100)
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
	require.Regexp(t, `^data /\S+\nredis redis://\S+\ndatabase postgres://\S+\ningest token \S+\nadmin token \S+\nready (http://\S+)\nopen http://\S+/ in a browser: .*\noperate http://\S+/system: .*\ntry http://\S+/api/equity\S+: .*\n$`, e.out)
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

// A generated season ends now and goes on: while it is served, and after a stop for
// what happened meanwhile, without a contradiction.
func TestDevPlaysTheSeasonOn(t *testing.T) {
	t.Parallel()
	environ := devEnvironment(t)
	began := time.Now()
	// A day passes in a quarter of an hour: minutes of prices within seconds.
	first := start(t, environ, "dev", "--play=6000")
	url := first.ready(t)
	_, seasons := get(t, url+"/api/competitions")
	states := map[any]any{}
	for _, c := range seasons["competitions"].([]any) {
		one := c.(map[string]any)
		states[one["id"]] = one["status"]
		require.Equal(t, one["id"] == "season-1", one["default"] == true)
		require.NotEmpty(t, one["leader"])
		_, leaders := get(t, url+"/api/leaderboard?competition="+one["id"].(string))
		require.Len(t, leaders["leaderboard"], int(one["accounts"].(float64))-1, "all but the benchmark")
	}
	require.Equal(t, map[any]any{"season-0": "ended", "season-1": "running"}, states)
	reached := func(more time.Duration) time.Time {
		for {
			_, prices := get(t, url+"/api/crypto-prices")
			newest := prices["prices"].(map[string]any)["BTC"].(map[string]any)["timestamp"].(float64)
			if at := time.UnixMilli(int64(newest)); at.After(began.Add(more)) {
				return at
			}
			require.NoError(t, t.Context().Err())
			time.Sleep(20 * time.Millisecond)
		}
	}
	reached(3 * time.Hour)
	traded := func() float64 {
		_, trades := get(t, url+"/api/trades")
		newest := 0.0
		for _, trade := range trades["trades"].([]any) {
			newest = max(newest, trade.(map[string]any)["exit_time"].(float64))
		}
		return newest
	}
	// The least of the newest equities: a busy machine lets models lag behind prices.
	grown := func() float64 {
		_, curves := get(t, url+"/api/equity?points=4")
		least := math.Inf(1)
		for _, c := range curves["equity"].([]any) {
			points := c.(map[string]any)["points"].([]any)
			least = min(least, points[len(points)-1].(map[string]any)["timestamp"].(float64))
		}
		return least
	}
	for traded() <= float64(began.Unix()) || grown() <= float64(began.Add(time.Hour).Unix()) {
		require.NoError(t, t.Context().Err())
		time.Sleep(20 * time.Millisecond)
	}
	source, _ := get(t, url+"/") // the links
	require.Empty(t, source)
	e := first.stop(t)
	require.Zero(t, e.code, e.err)
	require.Equal(t, []string{"generating a season of 30 hours and 4 models that ends now"}, said(e, "generating"))
	require.Len(t, said(e, "the season "), 1)
	require.Empty(t, said(e, "refused"))

	second := start(t, environ, "dev", "--play=6000")
	url = second.ready(t)
	second.says(t, "goes on from")
	reached(6 * time.Hour)
	e = second.stop(t)
	require.Zero(t, e.code, e.err)
	require.Empty(t, said(e, "generating"))
	goesOn := said(e, "the season ")
	require.Len(t, goesOn, 1)
	from, err := time.Parse(time.RFC3339, regexp.MustCompile(`goes on from (\S+)`).FindStringSubmatch(goesOn[0])[1])
	require.NoError(t, err)
	require.True(t, from.After(began.Add(time.Hour)), "it begins anew, at %s", from)
	require.Empty(t, said(e, "refused"))

	// Whatever else plays the same season finds it as it is.
	third := start(t, environ, "dev", "--play=off")
	url = third.ready(t)
	token := regexp.MustCompile(`(?m)^ingest token (\S+)$`)
	out, _ := third.out.read()
	played := parsed[season.Played](t, mustNof0(t, nil, "season", "play", "--url", url, "--token", token.FindStringSubmatch(out)[1], "--speed", "0", "--json"))
	require.Zero(t, played.Rejected)
	e = nof0(t, nil, "season", "play", "--url", url, "--token", "x", "--seed", "99")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "or play into an empty arena, such as that of `nof0 dev --empty`")
	require.Empty(t, said(third.stop(t), "the season "))
}

// said returns the lines of the errors that begin with a text; all of them are long.
func said(e ended, with string) (lines []string) {
	for line := range strings.Lines(e.err) {
		if strings.HasPrefix(line, with) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestDevDoesNotPlayIntoOtherData(t *testing.T) {
	t.Parallel()
	snapshot := "NOF0_SNAPSHOT_DIR=" + t.TempDir()
	for line, want := range map[string]string{
		"dev --play=60":             "--play=60: NOF0_SNAPSHOT_DIR names a snapshot, which what is made up would contradict; see `nof0 dev --help`\n",
		"dev --play=1 -- true":      "CMD runs beside the servers alone",
		"dev --empty":               "--empty shows nothing, and NOF0_SNAPSHOT_DIR",
		"dev --play=fast":           "NOF0_SNAPSHOT_DIR",
		"dev --clean-data -- serve": "--clean-data runs nothing",
	} {
		e := nof0(t, []string{snapshot}, strings.Fields(line)...)
		require.Equal(t, 2, e.code, line)
		require.Contains(t, e.err, want, line)
	}
	for _, play := range []string{"fast", "0", "-1", "NaN", "+Inf", ""} {
		e := nof0(t, nil, "dev", "--play="+play)
		require.Equal(t, ended{code: 2, err: "nof0: --play: \"" + play + "\" is neither a number above 0 nor off; see `nof0 dev --help`\n"}, e)
	}
	require.Equal(t, 2, nof0(t, nil, "dev", "--empty", "--play=1").code)
}

func TestDevEmpty(t *testing.T) {
	t.Parallel()
	running := start(t, devEnvironment(t), "dev", "--empty")
	url := running.ready(t)
	_, accounts := get(t, url+"/api/since-inception-values")
	require.Empty(t, accounts["sinceInceptionValues"])
	out, _ := running.out.read()
	token := regexp.MustCompile(`(?m)^ingest token (\S+)$`).FindStringSubmatch(out)[1]
	play := func() season.Played {
		return parsed[season.Played](t, mustNof0(t, nil, "season", "play", "--url", url, "--token", token, "--speed", "0", "--models", "3", "--hours", "5", "--json"))
	}
	played := play()
	require.Equal(t, played.Items, played.Acknowledged)
	require.Zero(t, play().Rejected, "it goes on")
	e := nof0(t, nil, "season", "play", "--url", url, "--token", token, "--speed", "0", "--models", "4")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "has 3 models, and --models asks for 4")
	require.Zero(t, running.stop(t).code)
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

func TestDevInterruptedBeforeItIsReady(t *testing.T) {
	t.Parallel()
	running := start(t, devEnvironment(t), "dev")
	for text, grown := running.out.read(); !strings.HasPrefix(text, "data "); text, grown = running.out.read() {
		<-grown
	}
	e := running.stop(t)
	require.Equal(t, 1, e.code)
	require.Equal(t, []string{"nof0: interrupted before it was ready; nothing is left running, and the next start goes on"}, said(e, "nof0: "))
}
