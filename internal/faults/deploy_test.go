package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
)

// Migrations that a next version of the program could have.
var (
	nextColumn = map[string]string{"29990101000000_note.sql": `ALTER TABLE "trades" ADD COLUMN "note" text NULL;
ALTER TABLE "account_equity_snapshots" ADD COLUMN "note" text NOT NULL DEFAULT 'none';
ALTER TABLE "model_analytics" ADD COLUMN "note" text NULL;
`}
	nextIndex = map[string]string{"29990101000001_note_index.sql": `-- atlas:txmode none

CREATE INDEX CONCURRENTLY "trades_note" ON "trades" ("note");
ALTER TABLE "trades" ADD CONSTRAINT "trades_note_short" CHECK (length("note") < 100) NOT VALID;
ALTER TABLE "trades" VALIDATE CONSTRAINT "trades_note_short";
`}
	nextTicks = map[string]string{"29990101000002_ticks_index.sql": `CREATE INDEX "price_ticks_at" ON ONLY "price_ticks" ("observed_at");
`}
)

// buildNext builds the program with more migrations than it has, and with other
// sources: a name with a slash is a path below the root of the module.
func buildNext(t *testing.T, more ...map[string]string) string {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("..", "..", "atlas"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "migrations"), atlas.Migrations()))
	replace := map[string]string{
		filepath.Join(source, "migrations", "atlas.sum"): filepath.Join(dir, "migrations", "atlas.sum"),
	}
	for _, files := range more {
		for name, content := range files {
			path, in := filepath.Join(dir, "migrations", name), filepath.Join(source, "migrations", name)
			if strings.Contains(name, "/") {
				path, in = filepath.Join(dir, strings.ReplaceAll(name, "/", "-")), filepath.Join(source, "..", name)
			}
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			replace[in] = path
		}
	}
	require.NoError(t, atlas.WriteSum(filepath.Join(dir, "migrations")))
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	bin := filepath.Join(dir, "nof0")
	require.NoError(t, goBuild("", "-overlay", filepath.Join(dir, "overlay.json"), "-o", bin, "nof0/cmd/nof0"))
	return bin
}

// run runs a program to its end beside the system.
func (s *system) run(bin string, args ...string) (out, errs string, code int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), bin, args...)
	var stdout, stderr strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		require.NoError(s.t, err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func (s *system) mustRun(bin string, args ...string) string {
	s.t.Helper()
	out, errs, code := s.run(bin, args...)
	require.Zero(s.t, code, "%s\n%s", out, errs)
	return out
}

// serve starts one more server, and returns its URL once it answers, and what
// stops it.
func (s *system) serve(bin string) (server string, stop func()) {
	s.t.Helper()
	server = s.launch(bin)
	s.await(server)
	return server, func() {
		cmd := s.servers[server]
		require.NoError(s.t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(s.t, cmd.Wait(), "a server that is asked to stop exits with 0")
	}
}

// launch starts one more server, and returns its URL before it answers.
func (s *system) launch(bin string) (server string) {
	s.t.Helper()
	return s.launchAt(bin, freeAddr(s.t))
}

// launchAt is launch at an address.
func (s *system) launchAt(bin, addr string) (server string) {
	s.t.Helper()
	cmd := exec.Command(bin, "serve")
	cmd.Env = append(slices.Clone(s.env), "NOF0_HTTP_ADDR="+addr)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() { _ = cmd.Process.Kill() }) // where it was not stopped
	server = "http://" + addr
	s.servers[server] = cmd
	return server
}

// paths are what is read meanwhile. Account totals are not among them: while an
// hour is written to, they are refused rather than sent half old and half new.
var paths = []string{"/api/crypto-prices", "/api/leaderboard", "/api/since-inception-values", "/api/trades", "/api/positions", "/api/analytics", "/api/conversations"}

// TestRollingDeploy deploys a next version and takes it back under load: two
// processes migrate at once, old and new ones serve at once, and no request
// fails.
func TestRollingDeploy(t *testing.T) {
	s := startSystem(t)
	next := buildNext(t, nextColumn, nextIndex, nextTicks)
	some := int64(sized(3_000, 150))

	_, errs, code := s.run(next, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "the schema is older than this binary: 29990101000000_note.sql, 29990101000001_note_index.sql, 29990101000002_ticks_index.sql to apply; run `nof0 migrate apply`")

	requests := startTraffic(t, s.url, paths...)
	requests.more(some)
	applied := s.migrateTwiceAtOnce(next)
	require.ElementsMatch(t, []int{0, 3}, applied, "one applies, the other finds nothing to do")
	requests.more(some)

	newServer, stopNew := s.serve(next)
	requests.add(newServer)
	requests.more(some)
	requests.drain()
	s.stop() // the old one
	requests.more(some)

	oldServer, stopOld := s.serve(s.bin) // rolled back, on the newer schema
	requests.add(oldServer)
	requests.drain()
	stopNew()
	requests.more(some)
	requests.clean()
	stopOld()
	s.figuref("3 migrations by two deploys at once, to the next version and back: %d requests, 0 failed, longest wait %s",
		requests.requests.Load(), requests.wait())

	db := s.database()
	_, err := db.Exec(t.Context(), `UPDATE atlas_schema_revisions SET description = 'contract_note' WHERE version = '29990101000000'`)
	require.NoError(t, err)
	_, errs, code = s.run(s.bin, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "migration 29990101000000_contract_note took away what this binary uses")
}

// migrateTwiceAtOnce returns how many files each of two processes applied.
func (s *system) migrateTwiceAtOnce(bin string) []int {
	s.t.Helper()
	const deploys = 2
	type result struct {
		out, errs string
		code      int
	}
	results := make(chan result, deploys)
	for range deploys {
		go func() {
			out, errs, code := s.run(bin, "migrate", "apply", "--json")
			results <- result{out, errs, code}
		}()
	}
	var applied []int
	for range deploys {
		var report atlas.Report
		r := <-results
		require.Zero(s.t, r.code, "%s\n%s", r.out, r.errs)
		require.NoError(s.t, json.Unmarshal([]byte(r.out), &report))
		require.Equal(s.t, "29990101000002", report.To)
		applied = append(applied, len(report.Files))
	}
	return applied
}

// TestAMigrationIsKilled kills the process that migrates with -9 in the middle
// of a file without a transaction. The state is reported, and the next process
// goes on where it ended.
func TestAMigrationIsKilled(t *testing.T) {
	s := startSystem(t)
	next := buildNext(t, map[string]string{"29990101000000_note.sql": `-- atlas:txmode none
-- nof0:lock_timeout 10m

ALTER TABLE "symbols" ADD COLUMN "note" text NULL;
CREATE INDEX CONCURRENTLY "trades_exit" ON "trades" ("exit_time");
ALTER TABLE "symbols" ADD COLUMN "remark" text NULL;
`})
	db, other := s.database(), s.database()
	// A concurrent build waits for those who write.
	_, err := other.Exec(t.Context(), `BEGIN; LOCK TABLE trades IN ROW EXCLUSIVE MODE`)
	require.NoError(t, err)

	migrating := exec.CommandContext(t.Context(), next, "migrate", "apply")
	migrating.Env = s.env
	require.NoError(t, migrating.Start())
	s.eventually("the index is being built", func() bool {
		return s.count(db, `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'`) == 1
	})
	require.NoError(t, migrating.Process.Kill())
	require.Error(t, migrating.Wait())

	var status atlas.Status
	require.NoError(t, json.Unmarshal([]byte(s.mustRun(next, "migrate", "status", "--json")), &status))
	require.NotNil(t, status.Half)
	require.Equal(t, []int{1, 3}, []int{status.Half.Done, status.Half.Of})
	require.Contains(t, s.mustRun(next, "migrate", "status"), "29990101000000 stopped half-way, after 1 of 3 statements: the process was stopped")
	_, errs, code := s.run(next, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "migration 29990101000000 stopped half-way; mend its cause, then run `nof0 migrate apply`")

	_, err = other.Exec(t.Context(), `COMMIT`)
	require.NoError(t, err)
	require.Contains(t, s.mustRun(next, "migrate", "apply"), "29990101000000_note.sql")
	require.Equal(t, 1, s.count(db, `SELECT count(*) FROM pg_index WHERE indexrelid = 'trades_exit'::regclass AND indisvalid`))
	require.Equal(t, 2, s.count(db, `SELECT count(*) FROM information_schema.columns WHERE table_name = 'symbols' AND column_name IN ('note', 'remark')`))
	status = atlas.Status{}
	require.NoError(t, json.Unmarshal([]byte(s.mustRun(next, "migrate", "status", "--json")), &status))
	require.Nil(t, status.Half)
	require.False(t, status.Older())
}

// TestThePreviousBinaryOnThisSchema deploys the program of today, under load and with
// full tables, beside the newest one that was committed before the newest migration
// was, or else that of the base that lint compares with: the migrations run while it
// serves and imports, both serve at once, and what it uses is taken away when it has
// gone.
func TestThePreviousBinaryOnThisSchema(t *testing.T) {
	commit, why := previousCommit(t)
	if commit == "" {
		s := startSystem(t)
		s.figuref("NOT CHECKED: no previous binary can be built: %s", why)
		return
	}
	today, err := program()
	require.NoError(t, err)
	s := startSystemOf(t, buildCommit(t, commit))
	dir := filepath.Join(t.TempDir(), "season")
	s.mustRun(s.bin, "season", "generate", dir, "--seed", "5", "--models", "4", "--hours", "12")
	s.mustRun(s.bin, "import", dir)
	many := sized(1_000_000, 2_000)
	s.multiply(many)
	some := int64(sized(2_000, 100))

	requests := startTraffic(t, s.url, paths...)
	requests.more(some)
	began := time.Now()
	s.mustRun(today, "migrate", "apply")
	took := time.Since(began)
	s.mustRun(s.bin, "import", dir)
	requests.more(some)
	newServer, stop := s.serve(today)
	requests.add(newServer)
	requests.more(some)
	requests.drain()
	s.stop()
	s.mustRun(today, "migrate", "apply", "--contract")
	requests.more(some)
	s.mustRun(today, "import", dir)
	requests.clean()
	stop()
	s.figuref("from %s (%s), %d rows more in each table of facts: migrated in %s, %d requests, 0 failed, longest wait %s",
		commit, why, many, took.Round(time.Millisecond), requests.requests.Load(), requests.wait())
}

// multiply adds so many rows to each table of facts of accounts, each like one that is
// there, of models that nobody has registered.
func (s *system) multiply(rows int) {
	s.t.Helper()
	db := s.database()
	for table, differ := range map[string]string{
		"account_equity_snapshots": `'observed_at', (one.t).observed_at + i * interval '1 second'`,
		"positions":                `'id', 'bulk' || i, 'status', 'closed'`,
		"position_facts":           `'ref', 'bulk' || i`,
		"trades":                   `'id', 'bulk' || i`,
		"decision_cycles":          `'id', 'bulk' || i`,
		"conversation_messages":    `'content_digest', 'bulk' || i`,
	} {
		if table != "conversation_messages" {
			differ += `, 'model_id', 'bulk' || i % 100`
		}
		_, err := db.Exec(s.t.Context(), fmt.Sprintf(`INSERT INTO %[1]s SELECT r.* FROM (SELECT t FROM %[1]s t LIMIT 1) one, generate_series(1, $1) i,
			jsonb_populate_record(one.t, jsonb_build_object(%[2]s)) r`, table, differ), rows)
		require.NoError(s.t, err, table)
	}
}

// previousCommit returns a commit of the program with fewer migrations, and why
// this one; where there is none, why not.
func previousCommit(t *testing.T) (commit, why string) {
	t.Helper()
	newest := slices.Max(slices.Collect(maps.Keys(shippedFiles(t))))
	added := git(t, "log", "--diff-filter=A", "-1", "--format=%H", "--", "atlas/migrations/"+newest)
	if added == "" && git(t, "rev-parse", "HEAD") != "" {
		return git(t, "rev-parse", "--short", "HEAD"), newest + " is not committed yet"
	}
	for before := range strings.FieldsSeq(git(t, "log", "--format=%h", added+"^")) {
		// A file that was renamed before it was released is none of today's.
		if shipsNothingElse(t, before) && hasProgram(t, before) {
			return before, "the last one without " + newest
		}
	}
	bases, err := atlas.FindBases(t.Context(), filepath.Join("..", "..", "atlas", "migrations"), "")
	if err != nil {
		return "", err.Error()
	}
	if !hasProgram(t, bases[0].Commit) {
		return "", fmt.Sprintf("%s has no program", bases[0])
	}
	return bases[0].Commit, bases[0].Is + ", which has every migration of today"
}

func shippedFiles(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("..", "..", "atlas", "migrations"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".sql" {
			names[e.Name()] = true
		}
	}
	return names
}

// shipsNothingElse says whether a commit has no migration that is not there today.
func shipsNothingElse(t *testing.T, commit string) bool {
	t.Helper()
	today := shippedFiles(t)
	for name := range strings.FieldsSeq(git(t, "ls-tree", "--full-tree", "--name-only", commit, "atlas/migrations/")) {
		if filepath.Ext(name) == ".sql" && !today[filepath.Base(name)] {
			return false
		}
	}
	return true
}

func hasProgram(t *testing.T, commit string) bool {
	t.Helper()
	return git(t, "ls-tree", "--full-tree", "--name-only", commit, "cmd/nof0/main.go") != ""
}

// git asks the repository of the project; empty where it has no answer.
func git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", filepath.Join("..", "..")}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// buildCommit builds the program as it was. Where a module of that time is not
// on this machine and cannot be fetched, it is built with those of today.
func buildCommit(t *testing.T, commit string) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "sources.tar")
	require.NoError(t, exec.CommandContext(t.Context(), "git", "-C", filepath.Join("..", ".."), "archive", "--output", archive, commit).Run())
	require.NoError(t, exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", dir).Run())
	bin := filepath.Join(dir, "previous")
	first := goBuild(dir, "-o", bin, "./cmd/nof0")
	if first == nil {
		return bin
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	require.NoError(t, goBuild(dir, "-o", bin, "./cmd/nof0"),
		"the program of %s cannot be built, neither with its own modules:\n%s\nnor with those of today", commit, first)
	return bin
}
