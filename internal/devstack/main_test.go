package devstack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVar makes the test binary run a stack on the directory it names, so that
// tests can kill the process that owns one.
const childVar = "NOF0_TEST_DEVSTACK_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		os.Exit(runChild(dir))
	}
	os.Exit(m.Run())
}

func runChild(dir string) int {
	stack, err := Start(context.Background(), Options{
		DataDir: dir,
		Redis:   RedisProcess,
		Notify:  func(line string) { fmt.Println(line) },
	})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready", os.Getpid())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := stack.Close(context.Background()); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// child is a stack in a process of its own.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines map[string]string
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, stdin: stdin, lines: map[string]string{}}
	t.Cleanup(c.kill)
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		key, value, _ := strings.Cut(scanner.Text(), " ")
		c.lines[key] = value
		switch key {
		case "ready":
			return c
		case "error":
			t.Fatalf("the child does not start: %s", value)
		}
	}
	t.Fatal("the child ended without a word")
	return nil
}

func (c *child) kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL)
	_ = c.cmd.Wait()
}

// within fails the test unless the condition comes true in good time.
func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	const limit = time.Minute
	for deadline := time.Now().Add(limit); ; {
		if condition() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// writeProgram writes a file that a test runs. No child may be forked meanwhile: it
// would share the open file until its exec, and a program that somebody may still
// write to cannot be run (ETXTBSY).
func writeProgram(t *testing.T, path string, content io.Reader) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, content)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// passableDir is a temporary directory that every user can go through; those of
// the testing package are their owner's alone.
func passableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "devstack-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// testOptions keeps everything of a stack under a directory of the test.
func testOptions(t *testing.T) Options {
	t.Helper()
	dir := passableDir(t)
	return Options{DataDir: filepath.Join(dir, "data"), elsewhere: filepath.Join(dir, "elsewhere")}
}

func mustStart(t *testing.T, o Options) *Stack {
	t.Helper()
	stack, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, stack) })
	return stack
}

func mustClose(t *testing.T, stack *Stack) {
	t.Helper()
	if err := stack.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
