package devstack

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstallServers runs the script that make run and make migration begin with, on
// a machine whose Postgres is hidden and whose other programs are scripts.
func TestInstallServers(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../.ci/install-servers")
	if err != nil {
		t.Fatal(err)
	}
	// What hides directories from a process needs a right that containers withhold.
	const installed = "/usr/lib/postgresql/*/bin /usr/pgsql-*/bin"
	if !strings.Contains(string(raw), installed) {
		t.Fatalf("the script does not look into %s", installed)
	}
	script := filepath.Join(t.TempDir(), "install-servers")
	if err := os.WriteFile(script, []byte(strings.Replace(string(raw), installed, "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		root    = "#!/bin/sh\necho 0\n"
		user    = "#!/bin/sh\necho 1000\n"
		works   = "#!/bin/sh\necho ran \"$@\" >&2\n"
		fails   = "#!/bin/sh\necho no network >&2; exit 100\n"
		install = "apt-get install -y --no-install-recommends postgresql"
	)
	for name, c := range map[string]struct {
		programs map[string]string
		environ  []string
		needs    string
		status   int
		said     string // the whole of it, but for what apt-get prints
	}{
		"root on Debian":       {map[string]string{"id": root, "apt-get": works}, nil, "postgres", 0, "make: installing postgresql\nran update -qq\n"},
		"root without network": {map[string]string{"id": root, "apt-get": fails}, nil, "postgres", 1, "no network\nmake: " + install + " failed, see above. Without it, set DATABASE_URL"},
		"user without sudo":    {map[string]string{"id": user, "apt-get": works}, nil, "postgres", 1, "make: missing on this machine: postgresql. Install with:\n    as root: " + install + "\n"},
		"user who is asked":    {map[string]string{"id": user, "apt-get": works, "sudo": fails}, nil, "postgres", 1, "make: missing on this machine: postgresql. Install with:\n    sudo " + install + "\n"},
		"tests of a user":      {map[string]string{"id": user, "apt-get": works}, nil, "postgres redis compiler", 1, "    as root: " + install + " redis-server gcc libc6-dev\n"},
		"no apt-get":           {map[string]string{"id": user}, nil, "postgres", 0, "make: no Postgres on this machine; nof0 dev will download one, this once.\n"},
		"no apt-get, no Redis": {map[string]string{"id": user}, nil, "postgres redis", 1, "make: missing on this machine: postgresql redis-server."},
		"a URL":                {map[string]string{"id": user, "apt-get": fails}, []string{"DATABASE_URL=postgres://there/db"}, "postgres", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			for program, content := range c.programs {
				writeProgram(t, filepath.Join(bin, program), strings.NewReader(content))
			}
			if err := os.Symlink("/usr/bin/env", filepath.Join(bin, "env")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "/bin/bash", append([]string{script}, strings.Fields(c.needs)...)...)
			cmd.Dir = bin
			cmd.Env = append([]string{"PATH=" + bin}, c.environ...)
			out, err := cmd.CombinedOutput()
			var exited *exec.ExitError
			if err != nil && !errors.As(err, &exited) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(string(out), c.said) || c.said == "" && len(out) > 0 {
				t.Errorf("status %d, want %d; it said\n%s\nwant\n%s", got, c.status, out, c.said)
			}
		})
	}
}

// What is missing is said before anything is compiled.
func TestServersComeBeforeTheCompiler(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"run", "migration", "test", "test-pooler", "schema-check", "restore-drill", "bench", "faults"} {
		out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "-n", target).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		look, build := strings.Index(string(out), "install-servers postgres"), strings.Index(string(out), "go build")
		if look < 0 || build < look {
			t.Errorf("make %s:\n%s", target, out)
		}
	}
}
