//go:build !linux

package devstack

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
)

// serversOn returns the postmaster where it is alive and, by its command line,
// serves dataDir.
func serversOn(ctx context.Context, dataDir string, postmaster int) []int {
	if postmaster == 0 {
		return nil
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(postmaster)).Output()
	if err != nil || !strings.Contains(string(out), dataDir) {
		return nil
	}
	return []int{postmaster}
}
