package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endLeftover ends what an earlier, killed start left running on dataDir, and
// removes its postmaster.pid where that names a stranger. The caller holds the
// lock of the data directory, so no living start is disturbed.
func endLeftover(ctx context.Context, dataDir string, logger *slog.Logger) error {
	postmaster, err := postmasterPID(dataDir)
	if err != nil {
		return err
	}
	for _, step := range []stopStep{
		{syscall.SIGINT, 10 * time.Second},
		{syscall.SIGQUIT, 5 * time.Second},
		kill(),
	} {
		left := serversOn(ctx, dataDir, postmaster)
		if len(left) == 0 {
			return removeStalePID(dataDir, postmaster)
		}
		logger.WarnContext(ctx, "an earlier Postgres still runs on the data directory; ending it",
			"dir", dataDir, "processes", left, "signal", step.signal.String())
		for _, pid := range left {
			// SIGINT is for the postmaster; a backend whose postmaster is gone
			// ends by itself.
			if step.signal == syscall.SIGINT && pid != postmaster {
				continue
			}
			if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("error ending the Postgres (process %d) that an earlier start left on %s: %w", pid, dataDir, err)
			}
		}
		if err := awaitNone(ctx, dataDir, postmaster, step.patience); err != nil {
			return err
		}
	}
	if left := serversOn(ctx, dataDir, postmaster); len(left) > 0 {
		return fmt.Errorf("processes %v of an earlier Postgres on %s do not end, not even when killed", left, dataDir)
	}
	return removeStalePID(dataDir, postmaster)
}

func awaitNone(ctx context.Context, dataDir string, postmaster int, patience time.Duration) error {
	const interval = 20 * time.Millisecond
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for len(serversOn(ctx, dataDir, postmaster)) > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("error waiting for an earlier Postgres to end: %w", context.Cause(ctx))
		case <-deadline.C:
			return nil
		case <-ticker.C:
		}
	}
	return nil
}

// removeStalePID removes postmaster.pid when its number has gone to some other
// program: Postgres only asks whether the number is in use, and would refuse to
// start. Otherwise the file is left to Postgres, which knows what to do.
func removeStalePID(dataDir string, postmaster int) error {
	if postmaster == 0 || errors.Is(syscall.Kill(postmaster, 0), syscall.ESRCH) {
		return nil
	}
	if err := os.Remove(pidFile(dataDir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("error removing the postmaster.pid of an earlier start: %w", err)
	}
	return nil
}

// postmasterPID returns the process that dataDir says it is served by, or 0.
func postmasterPID(dataDir string) (int, error) {
	content, err := os.ReadFile(pidFile(dataDir))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("error reading the postmaster.pid of an earlier start: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return 0, nil //nolint:nilerr // cut short by a crash: Postgres deals with it
	}
	return pid, nil
}

func pidFile(dataDir string) string { return filepath.Join(dataDir, "postmaster.pid") }
