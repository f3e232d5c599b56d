package devstack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// startTimeout is generous: recovery of a Postgres after a crash replays the log first.
const startTimeout = 2 * time.Minute

// launch says how a server is started.
type launch struct {
	name     string // of the program
	what     string // in messages, such as "a private redis-server"
	dir      string // its working directory
	log      string // the file for what it prints
	account  *account
	port     int // 0 is a free one
	command  func(port int) (*exec.Cmd, error)
	ready    func(ctx context.Context, port int) (bool, error)
	orphaned syscall.Signal // it gets when this process dies
	stop     []stopStep
}

// run starts the server and returns when it answers. Where somebody was faster to take
// the port, it tries another one.
func (l launch) run(ctx context.Context) (proc *process, port int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %s; its log is %s", startTimeout, l.log))
	defer cancel()
	const tries = 3
	for try := 1; ; try++ {
		if port = l.port; port == 0 {
			if port, err = FreePort(ctx); err != nil {
				return nil, 0, err
			}
		}
		if proc, err = l.exec(port); err != nil {
			return nil, 0, err
		}
		err = proc.poll(ctx, func(ctx context.Context) (bool, error) { return l.ready(ctx, port) })
		if err == nil {
			return proc, port, nil
		}
		if stopErr := proc.stop(ctx, l.stop...); stopErr != nil {
			return nil, 0, errors.Join(err, stopErr)
		}
		if _, ended := errors.AsType[*exitError](err); ended && !portIsFree(ctx, port) && try < tries {
			continue
		}
		return nil, 0, fmt.Errorf("error starting %s: %w\n%s", l.what, err, lastLines(l.log))
	}
}

func (l launch) exec(port int) (*process, error) {
	cmd, err := l.command(port)
	if err != nil {
		return nil, err
	}
	log, err := createLog(l.log)
	if err != nil {
		return nil, fmt.Errorf("error opening the log of %s: %w", l.name, err)
	}
	defer log.Close()
	if err := l.account.own(l.log); err != nil {
		return nil, err
	}
	cmd.Dir = l.dir
	cmd.Env = serverEnv()
	cmd.Stdout, cmd.Stderr = log, log
	l.account.apply(cmd)
	return startProcess(l.name, cmd, l.orphaned)
}
