package devstack

import "syscall"

func signalWhenOrphaned(attr *syscall.SysProcAttr, signal syscall.Signal) {
	attr.Pdeathsig = signal
}
