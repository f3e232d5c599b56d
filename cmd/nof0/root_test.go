package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"imprt x":                        "nof0: nof0 has no command \"imprt\", did you mean import?; see `nof0 --help`\n",
		"migrate aply":                   "nof0: nof0 migrate has no command \"aply\", did you mean apply?; see `nof0 migrate --help`\n",
		"cache fill":                     "nof0: nof0 cache has no command \"fill\"; see `nof0 cache --help`\n",
		"serve now":                      "nof0: nof0 serve takes no arguments, and was given [\"now\"]; see `nof0 serve --help`\n",
		"serve --port 1":                 "nof0: unknown flag: --port; see `nof0 serve --help`\n",
		"import":                         "nof0: nof0 import takes one argument, and was given 0: nof0 import DIR [flags]; see `nof0 import --help`\n",
		"migrate diff a b":               "nof0: nof0 migrate diff takes one argument, and was given 2: nof0 migrate diff NAME [flags]; see `nof0 migrate diff --help`\n",
		"season generate x --hours many": "nof0: --hours: \"many\" is no int; see `nof0 season generate --help`\n",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, ended{code: 2, err: want}, nof0(t, nil, strings.Fields(line)...))
		})
	}
}

func TestMissingSettings(t *testing.T) {
	t.Parallel()
	const (
		noDatabase = "  DATABASE_URL: is not set: set DATABASE_URL to a Postgres, or run `nof0 dev`, which starts a private one\n"
		noRedis    = "  REDIS_URL: is not set: set REDIS_URL to a Redis, or run `nof0 dev`, which starts a private one\n"
		noTarget   = "  NOF0_MIGRATE_DATABASE_URL: is not set: set DATABASE_URL, or NOF0_MIGRATE_DATABASE_URL where DATABASE_URL goes through a pooler\n"
	)
	for line, want := range map[string]ended{
		"serve":          {code: 1, err: "nof0: the configuration has 2 faults:\n" + noDatabase + noRedis},
		"cache warm":     {code: 1, err: "nof0: the configuration has 2 faults:\n" + noDatabase + noRedis},
		"cache drop":     {code: 1, err: "nof0: the configuration has 1 fault:\n" + noRedis},
		"migrate status": {code: 1, err: "nof0: the configuration has 1 fault:\n" + noTarget},
		"migrate apply":  {code: 1, err: "nof0: the configuration has 1 fault:\n" + noTarget},
		"migrate diff x": {code: 1, err: "nof0: the configuration has 1 fault:\n" + noDatabase},
		"import x":       {code: 2, err: "nof0: the configuration has 1 fault:\n" + noDatabase},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, nof0(t, nil, strings.Fields(line)...))
		})
	}
}

func TestUnreachableServersAreNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	const noRedis = "REDIS_URL=redis://127.0.0.1:1"
	for line, code := range map[string]int{
		"serve": 1, "serve --migrate": 1, "cache warm": 1, "migrate status": 1, "migrate apply": 1, "migrate diff x": 1, "import .": 2,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			e := nof0(t, []string{unreachable, noRedis, "NOF0_POSTGRES_START_WAIT=0s"}, strings.Fields(line+dirFlag(line))...)
			require.Equal(t, code, e.code)
			require.Contains(t, e.err, "127.0.0.1:1")
			require.Contains(t, e.err, "Is Postgres running there? DATABASE_URL says")
			require.NotContains(t, e.err, "hidden")
			require.Empty(t, e.out)
		})
	}
	t.Run("cache drop", func(t *testing.T) {
		t.Parallel()
		e := nof0(t, []string{noRedis}, "cache", "drop")
		require.Equal(t, 1, e.code)
		require.Contains(t, e.err, "127.0.0.1:1")
		require.Contains(t, e.err, "Is Redis running there? REDIS_URL says")
	})
}

// dirFlag points the commands that work on the sources at them.
func dirFlag(line string) string {
	if strings.HasPrefix(line, "migrate diff") {
		return " --dir ../../atlas"
	}
	return ""
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	t.Parallel()
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		e := mustNof0(t, nil, append(path, "--help")...)
		require.True(t, strings.HasPrefix(e.out, cmp.Or(cmd.Long, cmd.Short)+"\n\nUsage:\n"), e.out)
		require.Contains(t, e.out, "Examples:\n  ", cmd.CommandPath())
		require.Contains(t, e.out, cmd.CommandPath()+" ", cmd.CommandPath())
		for _, member := range cmd.Commands() {
			check(member)
		}
	}
	check((&cli{}).root())
}

func TestNothingAskedShowsTheHelp(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "migrate", "cache", "season"} {
		e := mustNof0(t, nil, strings.Fields(line)...)
		require.Contains(t, e.out, "Available Commands:")
		require.Empty(t, e.err)
	}
	require.Equal(t, ended{out: "nof0 version dev\n"}, nof0(t, nil, "--version"))
}

func TestVersion(t *testing.T) {
	t.Parallel()
	e := mustNof0(t, nil, "version")
	require.Regexp(t, `\Anof0 dev\ncommit \S+\ndate \S+\ngo1\.\S+\n\z`, e.out)
	var b map[string]string
	require.NoError(t, json.Unmarshal([]byte(mustNof0(t, nil, "version", "--json").out), &b))
	require.Equal(t, "dev", b["version"])
	require.Len(t, b, 4)
	for member, value := range b {
		require.NotEmpty(t, value, member)
	}
}

// TestAServerThatAnswersIsNotAskedFor holds the advice on an error to what the
// server said: one that answers is running.
func TestAServerThatAnswersIsNotAskedFor(t *testing.T) {
	t.Parallel()
	database := migratedDatabase(t)
	dsn, err := url.Parse(strings.TrimPrefix(database, "DATABASE_URL="))
	require.NoError(t, err)
	with := func(change func(u *url.URL)) string {
		u := *dsn
		change(&u)
		return "DATABASE_URL=" + u.String()
	}
	locker, err := pgx.Connect(t.Context(), dsn.String())
	require.NoError(t, err)
	t.Cleanup(func() { locker.Close(context.Background()) }) // the subtests run once this has ended
	_, err = locker.Exec(t.Context(), "BEGIN; LOCK TABLE trades, price_ticks, parity_runs, rollout_switches IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	hasty := []string{database, "NOF0_POSTGRES_STATEMENT_TIMEOUT=300ms"}
	readOnly := with(func(u *url.URL) {
		q := u.Query()
		q.Set("default_transaction_read_only", "on")
		u.RawQuery = q.Encode()
	})
	redis, err := url.Parse(testdb.NewRedis(t).URL())
	require.NoError(t, err)
	redisWith := func(change func(u *url.URL)) []string {
		u := *redis
		change(&u)
		return []string{"REDIS_URL=" + u.String()}
	}
	season := t.TempDir()
	mustNof0(t, nil, "season", "generate", season, "--models", "2", "--hours", "3")
	trades := t.TempDir() // the trades alone, of which no partition is to be made
	require.NoError(t, os.WriteFile(filepath.Join(trades, "trades.json"), []byte(`{"trades":[{"id":"m_1","model_id":"m","symbol":"BTC","side":"long",
		"quantity":1,"entry_time":1761000000,"exit_time":1761000100,"entry_price":1,"exit_price":2,"realized_net_pnl":1}]}`), 0o600))
	for name, c := range map[string]struct {
		environ []string
		args    []string
		says    string
	}{
		"import into a locked table":      {hasty, []string{"import", season}, "did not end in time"},
		"parity with a locked table":      {hasty, []string{"parity", "--snapshot", season}, "did not end in time"},
		"import of trades alone":          {hasty, []string{"import", trades}, "Others hold a table that this needs"},
		"export of a locked table":        {hasty, []string{"export", filepath.Join(t.TempDir(), "new")}, "Others hold a table that this needs"},
		"switches in a locked table":      {hasty, []string{"rollout"}, "did not end in time"},
		"a wrong password":                {[]string{with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong") })}, []string{"export", t.TempDir()}, "refuses the user or the password"},
		"no such user":                    {[]string{with(func(u *url.URL) { u.User = url.UserPassword("nobody", "wrong") })}, []string{"rollout"}, "refuses the user or the password"},
		"no such database":                {[]string{with(func(u *url.URL) { u.Path = "/gone" })}, []string{"import", season}, "has no such database"},
		"no such database to migrate":     {[]string{with(func(u *url.URL) { u.Path = "/gone" })}, []string{"migrate", "status"}, "has no such database"},
		"a timeout of the role":           {[]string{with(func(u *url.URL) { u.RawQuery += "&statement_timeout=300ms" })}, []string{"parity", "--snapshot", season}, "what the role, the database or DATABASE_URL sets"},
		"a wrong password of Redis":       {redisWith(func(u *url.URL) { u.User = url.UserPassword("nobody", "wrong") }), []string{"cache", "drop"}, "Redis is running there and refuses"},
		"no such database of Redis":       {redisWith(func(u *url.URL) { u.Path = "/99" }), []string{"cache", "drop"}, "Redis is running there and refuses"},
		"a database that takes no writes": {[]string{readOnly}, []string{"import", season}, "takes no writes there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := nof0(t, c.environ, c.args...)
			require.NotZero(t, e.code)
			require.Contains(t, e.err, c.says)
			require.NotContains(t, e.err, "running there?")
		})
	}
}

// Every command refuses what makes no sense with status 2 and says where to read on.
func TestEveryUsageErrorExitsWithTwoAndAHint(t *testing.T) {
	t.Parallel()
	takesAny := []string{"nof0 dev", "nof0 analytics recompute", "nof0 rollout"} // no number of arguments of their own
	var lines []string
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		path := strings.TrimPrefix(cmd.CommandPath(), "nof0")
		lines = append(lines, path+" --no-such-flag", path+" -Z", path+" --json=perhaps")
		switch {
		case cmd.HasSubCommands():
			lines = append(lines, path+" no-such-command")
		case strings.Contains(cmd.Use, " DIR") && !strings.Contains(cmd.Use, "--"), strings.Contains(cmd.Use, " NAME"), strings.Contains(cmd.Use, " FILE"):
			lines = append(lines, path, path+" one two")
		case !slices.Contains(takesAny, cmd.CommandPath()):
			lines = append(lines, path+" surplus")
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "bool" {
				lines = append(lines, path+" --"+f.Name) // without its value
			}
			if !slices.Contains([]string{"string", "stringArray"}, f.Value.Type()) {
				lines = append(lines, path+" --"+f.Name+"=neither")
			}
		})
		for _, member := range cmd.Commands() {
			visit(member)
		}
	}
	visit((&cli{}).root())
	lines = append(lines,
		"analytics verify", "rollout nothing", "rollout prices read", "rollout prices read=store read=json", "rollout prices other=x",
		"parity --domain nothing", "dev serve", "dev --redis=mock", "completion nothing", "completion bash surplus", "--config",
	)
	require.Greater(t, len(lines), 100)
	for _, line := range lines {
		e := nof0(t, nil, strings.Fields(line)...)
		require.Equal(t, 2, e.code, "%s: %s%s", line, e.out, e.err)
		require.Regexp(t, "\\Anof0: .*; see `nof0[a-z ]* --help`\n\\z", e.err, line)
		require.Empty(t, e.out, line)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	database := migratedDatabase(t)
	mustNof0(t, []string{database}, "import", smallSeason(t))
	const noFiles = ":4\n"
	for line, want := range map[string]string{
		"rollout|":                             "prices\ntrades\npositions\naccounts\nanalytics\nconversations\n" + noFiles,
		"rollout|prices|":                      "read=json\nread=shadow\nread=store\nwrite=both\nwrite=json\nwrite=store\n" + noFiles,
		"rollout|prices|read=json|":            "write=both\nwrite=json\nwrite=store\n" + noFiles,
		"rollout|prices|read=json|write=json|": noFiles,
		"parity|--domain|":                     "prices\ntrades\npositions\naccounts\nanalytics\nconversations\n" + noFiles,
		"analytics|recompute|":                 "buynhold_btc\nclaude-sonnet-4-5\ndeepseek-chat-v3.1\ngemini-2.5-pro\n" + noFiles,
		"analytics|recompute|buynhold_btc|":    "claude-sonnet-4-5\ndeepseek-chat-v3.1\ngemini-2.5-pro\n" + noFiles, // what is given is not offered again
		"import|":                              ":16\n",                                                             // directories
		"import|dir|":                          noFiles,
		"serve|":                               noFiles,
		"dev|--redis|":                         "inprocess\nserver\n" + noFiles,
	} {
		e := mustNof0(t, []string{database}, append([]string{"__complete"}, strings.Split(line, "|")...)...)
		got := strings.Split(strings.TrimSuffix(e.out, "\n"), "\n")
		if strings.HasPrefix(line, "analytics") {
			slices.Sort(got[:len(got)-1])
		}
		require.Equal(t, want, strings.Join(got, "\n")+"\n", line)
	}
	// Without a database there are no models, and no complaint.
	for _, environ := range [][]string{nil, {unreachable}} {
		require.Equal(t, noFiles, mustNof0(t, environ, "__complete", "analytics", "recompute", "").out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, mustNof0(t, nil, "completion", shell).out, "__complete")
	}
}
