//go:build !linux

package devstack

import "syscall"

// signalWhenOrphaned does nothing: no other platform can do it. A server that
// outlives us is found and stopped by the next start.
func signalWhenOrphaned(*syscall.SysProcAttr, syscall.Signal) {}
