package devstack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// BusyError says that another process uses the data directory.
type BusyError struct {
	Dir string
	PID string // empty where the other has not written it yet
}

func (e *BusyError) Error() string {
	who := "another nof0 dev"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("%s uses the data directory %s: stop it, or set NOF0_DATA_DIR to a directory of your own", who, e.Dir)
}

// lockDir takes the data directory for this process. The lock belongs to the
// open file, so that it is free again however the process ends; the file stays,
// because removing it would let two processes lock two files of one name.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("error opening the lock of the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, _ := os.ReadFile(path)
			return nil, &BusyError{Dir: dir, PID: strings.TrimSpace(string(pid))}
		}
		return nil, fmt.Errorf("error locking %s: %w", path, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("error writing %s: %w", path, err)
	}
	return f, nil
}
