package devstack

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The database of root runs as somebody else; where that user cannot enter the
// data directory, another place is taken, named, and found again.
func TestAnUnreachableHomeIsReplaced(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	o := testOptions(t)
	home := filepath.Join(filepath.Dir(o.DataDir), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	o.DataDir = filepath.Join(home, "data")
	var lines []string
	o.Notify = func(line string) { lines = append(lines, line) }

	first := mustStart(t, o)
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "database files in "+o.elsewhere) || !strings.Contains(lines[0], o.DataDir) {
		t.Errorf("got %q", lines)
	}
	execSQL(t, first.DatabaseURL, "CREATE TABLE kept AS SELECT 42 AS answer")
	mustClose(t, first)
	second := mustStart(t, o)
	if got := queryInt(t, second.DatabaseURL, "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}

	var busy *BusyError
	if removed, err := RemoveData(t.Context(), o); !errors.As(err, &busy) || len(removed) > 0 {
		t.Errorf("removed while it is used: %v, %v", removed, err)
	}
	mustClose(t, second)
	strangers := filepath.Join(o.DataDir, "a file of somebody else")
	if err := os.WriteFile(strangers, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if removed, err := RemoveData(t.Context(), o); err != nil || len(removed) != 1 || filepath.Dir(removed[0]) != o.elsewhere {
		t.Errorf("removed %v, %v", removed, err)
	}
	if entries, err := os.ReadDir(o.DataDir); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if _, err := os.Stat(o.elsewhere); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what replaced the home is still there: %v", err)
	}
}

func TestTemporaryDataGoWhereTheDatabaseCanEnter(t *testing.T) {
	onlyRoot(t)
	t.Setenv("TMPDIR", t.TempDir())                         // root's alone
	root, err := os.MkdirTemp("/var/tmp", "devstack-test-") //nolint:usetesting // that one lies under TMPDIR
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	o := Options{DataDir: filepath.Join(root, "data"), elsewhere: filepath.Join(root, "elsewhere"), Ephemeral: true}
	stack := mustStart(t, o)
	if got := show(t, stack.DatabaseURL, "data_directory"); !strings.HasPrefix(got, o.elsewhere) {
		t.Errorf("the data lie in %s", got)
	}
}

// What root does here, an ordinary user must be able to do as well: the tests
// run again, as one.
func TestAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	account, err := databaseAccount(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	dir := passableDir(t)
	binary := filepath.Join(dir, "devstack.test")
	copyProgram(t, os.Args[0], binary)
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := account.own(tmp); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.v",
		"-test.run=^(TestDataSurviveARestart|TestEphemeralStacks.*|TestServersGo.*|TestAKilled.*|TestASecondInstance.*)$")
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+tmp)
	account.apply(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if passed := bytes.Count(out, []byte("--- PASS:")); passed != 5 {
		t.Errorf("%d tests passed, want 5\n%s", passed, out)
	}
}

// onlyRoot leaves a test to root. For others there is nothing to test: their
// database runs as themselves.
func onlyRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the database as another user")
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	writeProgram(t, to, in)
}
