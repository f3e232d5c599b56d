package atlas

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// project is a git repository with a migration directory in it.
type project struct {
	t   *testing.T
	dir string
}

func newProject(t *testing.T) project {
	t.Helper()
	p := project{t, t.TempDir()}
	p.git("init", "--quiet", "--initial-branch=main")
	require.NoError(t, os.MkdirAll(p.migrations(), 0o750))
	return p
}

func (p project) migrations() string { return filepath.Join(p.dir, "atlas", "migrations") }

func (p project) git(args ...string) {
	p.t.Helper()
	args = append([]string{"-C", p.dir, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"}, args...)
	out, err := exec.CommandContext(p.t.Context(), "git", args...).CombinedOutput()
	require.NoError(p.t, err, "%s", out)
}

func (p project) write(name, content string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.migrations(), name), []byte(content), 0o600))
	require.NoError(p.t, WriteSum(p.migrations()))
}

func (p project) commit(name, content string) {
	p.t.Helper()
	p.write(name, content)
	p.git("add", ".")
	p.git("commit", "--quiet", "--message", name)
}

func (p project) lint(ref string) (LintReport, error) {
	p.t.Helper()
	bases, err := FindBases(p.t.Context(), p.migrations(), ref)
	if err != nil {
		return LintReport{}, err
	}
	files, rollbacks := os.DirFS(p.migrations()), fstest.MapFS{}
	names, err := fs.Glob(files, "*.sql")
	require.NoError(p.t, err)
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		require.NoError(p.t, err)
		undo := regexp.MustCompile(`(?i)CREATE (TABLE \w+).*`).ReplaceAll(content, []byte("DROP $1;"))
		rollbacks[name] = &fstest.MapFile{Data: undo}
	}
	return Lint(p.t.Context(), LintParams{Scratch: newScratch(p.t), Migrations: files, Rollbacks: rollbacks, Bases: bases})
}

const (
	first  = "20260101000000_first.sql"
	second = "20260102000000_second.sql"
	third  = "20260103000000_third.sql"
)

func TestHistoryOnlyGrows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(p project)
		file   string
		text   string
		looked []string
	}{
		"a new file": {
			change: func(p project) { p.write(third, "CREATE TABLE three (id int);") },
			looked: []string{third},
		},
		"a new file that is edited before it is merged": {
			change: func(p project) {
				p.commit(third, "CREATE TABLE three (id int);")
				p.write(third, "CREATE TABLE three (id bigint);")
			},
			looked: []string{third},
		},
		"an old file edited": {
			change: func(p project) { p.write(second, "CREATE TABLE two (id bigint);") },
			file:   second, text: "it was edited, and is otherwise in", looked: []string{second},
		},
		"an old file removed": {
			change: func(p project) {
				require.NoError(t, os.Remove(filepath.Join(p.migrations(), second)))
				require.NoError(t, WriteSum(p.migrations()))
			},
			file: second, text: "it was removed, and is in", looked: []string{},
		},
		"a new file before an old one": {
			change: func(p project) { p.write("20260101120000_late.sql", "CREATE TABLE late (id int);") },
			file:   "20260101120000_late.sql", text: "it is older than the newest of", looked: []string{"20260101120000_late.sql"},
		},
		"an old file edited behind the back of atlas.sum": {
			change: func(p project) {
				require.NoError(t, os.WriteFile(filepath.Join(p.migrations(), first), []byte("SELECT 1;"), 0o600))
			},
			file: first, text: "was edited after atlas.sum was written", looked: []string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.commit(first, "CREATE TABLE one (id int);")
			p.commit(second, "CREATE TABLE two (id int);")
			p.git("checkout", "--quiet", "-b", "work")
			p.git("commit", "--quiet", "--allow-empty", "--message", "work begins")
			test.change(p)

			report, err := p.lint("")

			require.NoError(t, err)
			assert.Equal(t, test.looked, report.Files)
			if test.file == "" {
				assert.Empty(t, report.Findings)
				return
			}
			require.Len(t, report.Refused(), 1)
			assert.Equal(t, RuleHistory, report.Findings[0].Rule)
			assert.Equal(t, test.file, report.Findings[0].File)
			assert.Contains(t, report.Findings[0].Text, test.text)
		})
	}
}

func TestWhatHistoryIsComparedWith(t *testing.T) {
	t.Parallel()
	const one = "CREATE TABLE one (id int);"
	clone := func(p project, args ...string) project {
		c := project{p.t, p.t.TempDir()}
		c.git(append(append([]string{"clone", "--quiet"}, args...), "file://"+p.dir, ".")...)
		return c
	}
	is := func(t *testing.T, p project) []string {
		t.Helper()
		bases, err := FindBases(t.Context(), p.migrations(), "")
		require.NoError(t, err)
		var found []string
		for _, b := range bases {
			found = append(found, b.Is)
			assert.Contains(t, b.Files, first)
		}
		return found
	}
	reason := func(t *testing.T, p project) string {
		t.Helper()
		_, err := FindBases(t.Context(), p.migrations(), "")
		var none *NoBaseError
		require.ErrorAs(t, err, &none)
		return none.Reason
	}
	old := newProject(t)
	old.commit(first, one)
	assert.Equal(t, "there is no commit before this one", reason(t, old))
	old.commit(second, "CREATE TABLE two (id int);")

	t.Run("on main, the commit before", func(t *testing.T) {
		assert.Equal(t, []string{"the commit before"}, is(t, old))
		assert.Equal(t, []string{"the commit before"}, is(t, clone(old)))
	})
	t.Run("in a shallow clone of two commits too", func(t *testing.T) {
		assert.Equal(t, []string{"the commit before"}, is(t, clone(old, "--depth=2")))
	})
	t.Run("in a shallow clone of one commit, nothing", func(t *testing.T) {
		assert.Contains(t, reason(t, clone(old, "--depth=1")), "git fetch --unshallow")
	})
	t.Run("on a branch, where it left main", func(t *testing.T) {
		work := clone(old)
		work.git("checkout", "--quiet", "-b", "work")
		work.commit(third, "CREATE TABLE three (id int);")
		assert.Equal(t, []string{"where the branch left main"}, is(t, work))
	})
	t.Run("the last tag too", func(t *testing.T) {
		released := clone(old)
		released.git("tag", "v1", "HEAD^")
		assert.Equal(t, []string{"the commit before", "the last tag"}, is(t, released))
	})
	t.Run("what is asked for", func(t *testing.T) {
		bases, err := FindBases(t.Context(), old.migrations(), "main")
		require.NoError(t, err)
		assert.Equal(t, "where it left main", bases[0].Is)
		_, err = FindBases(t.Context(), old.migrations(), "nothing")
		require.ErrorContains(t, err, "nothing")
	})
	t.Run("outside a repository, nothing", func(t *testing.T) {
		alone := project{t, t.TempDir()}
		require.NoError(t, os.MkdirAll(alone.migrations(), 0o750))
		assert.Contains(t, reason(t, alone), "is in no git repository")
	})
}
