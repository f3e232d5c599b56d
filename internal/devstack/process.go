package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a server that runs as our child: it goes when we go.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; to be read once done is closed
}

// startProcess starts cmd in a process group of its own, so that Ctrl-C on the
// terminal reaches us alone and the order of stopping stays ours. Where the
// platform can, the child receives orphaned when this process dies, however it
// dies.
func startProcess(name string, cmd *exec.Cmd, orphaned syscall.Signal) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	signalWhenOrphaned(cmd.SysProcAttr, orphaned)

	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel counts the death of the starting thread as the death of
		// the parent, so that thread is kept until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("error starting %s: %w", name, err)
	}
	return p, nil
}

// exited reports whether the process is gone.
func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stopStep is one demand to stop, and how long it may take.
type stopStep struct {
	signal   syscall.Signal
	patience time.Duration
}

// kill is the last demand. A busy machine takes its time also to end a process.
func kill() stopStep { return stopStep{syscall.SIGKILL, 30 * time.Second} }

// stopPolitely is for servers that end at once when they are asked to.
func stopPolitely() []stopStep {
	return []stopStep{{syscall.SIGTERM, 3 * time.Second}, kill()}
}

// stop makes the demands in turn until the process is gone. The end of ctx cuts
// the patience with the first, polite one short; those after it do not depend
// on ctx, because a server left running is worse than a late return.
func (p *process) stop(ctx context.Context, steps ...stopStep) error {
	for i, step := range steps {
		hurry := ctx.Done()
		if i > 0 || i == len(steps)-1 {
			hurry = nil
		}
		if p.exited() {
			return nil
		}
		if err := p.cmd.Process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("error signalling %s (process %d): %w", p.name, p.cmd.Process.Pid, err)
		}
		timer := time.NewTimer(step.patience)
		select {
		case <-p.done:
			timer.Stop()
			return nil
		case <-hurry:
		case <-timer.C:
		}
		timer.Stop()
	}
	return fmt.Errorf("%s (process %d) does not stop, not even when killed", p.name, p.cmd.Process.Pid)
}

// poll calls ready until it says so, ctx ends or the process is gone.
// An error of ready ends the wait at once.
func (p *process) poll(ctx context.Context, ready func(context.Context) (bool, error)) error {
	const interval = 20 * time.Millisecond
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if p.exited() {
			return &exitError{name: p.name, err: p.err}
		}
		ok, err := ready(ctx)
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("error waiting for %s to answer: %w", p.name, context.Cause(ctx))
		case <-p.done:
		case <-ticker.C:
		}
	}
}

// exitError says that a server ended before it was asked to.
type exitError struct {
	name string
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return e.name + " ended by itself"
	}
	return fmt.Sprintf("%s ended by itself: %v", e.name, e.err)
}

func (e *exitError) Unwrap() error { return e.err }

// lastLines returns the end of a log file, for error messages. What cannot be
// read is left out: the error that it would illustrate matters more.
func lastLines(path string) string {
	const count = 12
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// createLog makes the file for what a server prints, or empties it. It may hold what
// statements held, and is for its owner alone, whatever an earlier version left.
func createLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return f, f.Chmod(0o600)
}
