package devstack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// serversOn returns the processes of every Postgres on dataDir, which is the
// working directory of a postmaster and of its backends: so backends are found
// that outlive their postmaster, and a stranger under its number is not.
func serversOn(_ context.Context, dataDir string, _ int) []int {
	want, err := os.Stat(dataDir)
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
		if err != nil || !os.SameFile(cwd, want) {
			continue
		}
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err == nil && isPostgres(exe) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isPostgres takes a program by its name, which the kernel marks when the file
// has been replaced since, as by an upgrade.
func isPostgres(exe string) bool {
	name := filepath.Base(exe)
	return name == "postgres" || name == "postgres (deleted)"
}
