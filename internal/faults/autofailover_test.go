//go:build autofailover

package faults

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

// autoFailover is a pair of Postgres servers and the monitor of pg_auto_failover that
// decides which of them is the primary.
type autoFailover struct {
	t       *testing.T
	dir     string
	path    string              // of the programs of Postgres
	account *syscall.Credential // that Postgres runs as, nil for this one
	ports   map[string]string
	keepers map[string]*exec.Cmd
}

const autoMonitor, autoOne, autoTwo = "monitor", "one", "two"

// startAutoFailover starts all three, with the defaults of pg_auto_failover, and waits
// until the second node is the synchronous standby of the first.
func startAutoFailover(s *system) *autoFailover {
	t := s.t
	t.Helper()
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	require.NoError(t, err)
	require.NotEmpty(t, programs, "Debian's Postgres: make faults-scaling installs it")
	dir, err := os.MkdirTemp("", "nof0-autofailover-") // that of a test lets no other account in
	require.NoError(t, err)
	a := &autoFailover{t: t, dir: dir, path: slices.Max(programs), ports: map[string]string{}, keepers: map[string]*exec.Cmd{}}
	t.Cleanup(a.remove)
	if os.Geteuid() == 0 { // as whom Postgres does not run
		postgres, err := user.Lookup("postgres")
		require.NoError(t, err)
		uid, err := strconv.Atoi(postgres.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(postgres.Gid)
		require.NoError(t, err)
		a.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	a.create(autoMonitor, "monitor")
	monitor := "postgres://autoctl_node@127.0.0.1:" + a.ports[autoMonitor] + "/pg_auto_failover?sslmode=disable"
	for _, node := range []string{autoOne, autoTwo} {
		a.create(node, "postgres", "--name", node, "--monitor", monitor, "--username", "nof0", "--dbname", "nof0")
		s.eventually(node+" is known", func() bool { return a.state(node) != "" })
	}
	s.eventually("the second node is a synchronous standby", func() bool {
		return a.state(autoOne) == "primary" && a.state(autoTwo) == "secondary"
	})
	return a
}

// program is pg_autoctl, in a group of its own.
func (a *autoFailover) program(args ...string) *exec.Cmd {
	cmd := exec.Command("pg_autoctl", args...)
	cmd.Dir = a.dir
	cmd.Env = []string{"PATH=" + a.path + ":/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + a.dir, "XDG_RUNTIME_DIR=" + a.dir, "PGHOST=" + a.dir, "PG_REGRESS_SOCK_DIR=" + a.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: a.account, Pdeathsig: syscall.SIGTERM}
	return cmd
}

func (a *autoFailover) data(node string) string { return filepath.Join(a.dir, node) }

// create makes a node or the monitor, and lets pg_autoctl keep it.
func (a *autoFailover) create(node, kind string, more ...string) {
	a.t.Helper()
	_, port, err := net.SplitHostPort(freeAddr(a.t))
	require.NoError(a.t, err)
	a.ports[node] = port
	args := []string{"create", kind, "--pgdata", a.data(node), "--pgport", port, "--hostname", "127.0.0.1", "--auth", "trust", "--no-ssl"}
	out, err := a.program(append(args, more...)...).CombinedOutput()
	require.NoError(a.t, err, "%s", out)
	log, err := os.OpenFile(a.data(node)+".log", os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(a.t, err)
	defer log.Close()
	cmd := a.program("run", "--pgdata", a.data(node))
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(a.t, cmd.Start())
	a.keepers[node] = cmd
}

// kill ends what keeps a node, and its Postgres, with -9.
func (a *autoFailover) kill(node string) {
	cmd := a.keepers[node]
	if cmd.ProcessState != nil {
		return // it was killed before
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // backends end when they see that
	_ = cmd.Wait()                                      // it was killed
}

// state is what the monitor was told of a node last, "" where it knows none.
func (a *autoFailover) state(node string) (state string) {
	a.t.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, "postgres://autoctl_node@127.0.0.1:"+a.ports[autoMonitor]+"/pg_auto_failover?sslmode=disable")
	if err != nil {
		return ""
	}
	defer db.Close(ctx)
	err = db.QueryRow(ctx, "SELECT reportedstate FROM pgautofailover.node WHERE nodename = $1 AND reportedstate = goalstate", node).Scan(&state)
	if err != nil {
		return ""
	}
	return state
}

// url is that of both nodes, of which the primary is meant.
func (a *autoFailover) url() string {
	return "postgres://nof0@127.0.0.1:" + a.ports[autoOne] + ",127.0.0.1:" + a.ports[autoTwo] + "/nof0?sslmode=disable&target_session_attrs=read-write"
}

func (a *autoFailover) remove() {
	for node := range a.keepers {
		a.kill(node)
		if a.t.Failed() {
			said, _ := os.ReadFile(a.data(node) + ".log")
			a.t.Logf("%s said:\n%s", node, said[max(0, len(said)-3000):])
		}
	}
	// Backends end a moment later, and write until then.
	await.True(a.t, func() bool { return os.RemoveAll(a.dir) == nil })
}

// TestScalingAutoFailover kills the primary of a pair that pg_auto_failover watches, with
// all that keeps it, under a load of fills: the other one is promoted without us.
func TestScalingAutoFailover(t *testing.T) {
	s := startSystem(t)
	a := startAutoFailover(s)
	s.env = append(s.env, "DATABASE_URL="+a.url())
	s.mustRun(s.bin, "migrate", "apply")
	s.failOver("pg_auto_failover promotes the synchronous standby", func() { a.kill(autoOne) })
}
