package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/mirror"
	"nof0/internal/relay"
	"nof0/repository"
)

// childVar makes the test binary be a process of its own that tests can kill:
// its value says which.
const childVar = "NOF0_TEST_CHILD"

// The other settings of a child.
const (
	childDSN    = "NOF0_TEST_CHILD_DSN"
	childDir    = "NOF0_TEST_CHILD_DIR"
	childKillAt = "NOF0_TEST_CHILD_KILL_AT" // it kills itself at the nth chance
	childFrom   = "NOF0_TEST_CHILD_FROM"
)

func TestMain(m *testing.M) {
	children := map[string]func() error{"": nil, "follower": follower, "writer": writer}
	if child := children[os.Getenv(childVar)]; child != nil {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	builds = dir
	return m.Run()
}

func childNumber(name string) int {
	n, _ := strconv.Atoi(os.Getenv(name)) // not given is 0
	return n
}

// follower is what a server does beside its requests: it relays events and lets
// the JSON files follow.
func follower() error {
	ctx := context.Background()
	store, err := repository.Open(ctx, repository.Options{DSN: os.Getenv(childDSN), MaxOpen: 6, MaxIdle: 6})
	if err != nil {
		return err
	}
	chances, killAt := 0, childNumber(childKillAt)
	m := mirror.New(mirror.Options{
		Dir: os.Getenv(childDir), Store: store, PrimaryProvider: primary,
		Rendered: func(arena.Domain) {
			if chances++; chances == killAt {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		},
	})
	cfg := config.Default()
	cfg.Bounds.EarliestYear = 1970 // many tests count from there
	client, err := cachelayer.Open("", cfg.Redis, cachelayer.Options{})
	if err != nil {
		return err
	}
	r := relay.New(relay.Options{
		Store: store, Projections: cachelayer.NewProjections(client, cfg.Cache), PrimaryProvider: primary,
		TTLs: cfg.Cache, Relayed: m.Kick, Interval: 10 * time.Millisecond,
	})
	go r.Run(ctx)
	m.Follow(ctx)
	return nil
}

// writer makes one write after the other to a JSON directory and says of each
// that it is acknowledged. It begins with the one that may have been made.
func writer() error {
	w := jsonstore.NewWriter(jsonstore.WriterOptions{Dir: os.Getenv(childDir), PrimaryProvider: primary, Now: time.Now})
	for step := childNumber(childFrom); ; step++ {
		kind, item, err := writeOf(step)
		if err != nil {
			return err
		}
		results, err := w.Apply(context.Background(), kind, []any{item}, arena.Domains())
		if err != nil {
			return err
		}
		if results[0].Outcome == repository.Conflict {
			return fmt.Errorf("write %d: %s", step, results[0].Reason)
		}
		fmt.Println(step)
	}
}

// child is a running child.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func startChild(t *testing.T, out *os.File, env ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_ = cmd.Wait() // it is killed
	}()
	t.Cleanup(c.kill)
	return c
}

// ended reports whether the child is gone.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// kill kills the child with -9 and waits until it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL) // it may have done so itself
	<-c.done
}
