package devstack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFile is the name of the lock in the data directory.
const lockFile = "lock"

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

// dirLock holds a data directory for this process.
type dirLock struct{ file *os.File }

// Close gives the directory back. To close the file would not be enough: a child that
// another goroutine has forked and that has not reached exec yet holds the file, too.
func (l dirLock) Close() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// lockDir takes the data directory for this process. The lock belongs to the
// open file, so that it is free again however the process ends. The file stays until
// RemoveData.
func lockDir(dir string) (dirLock, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return dirLock{}, fmt.Errorf("error opening the lock of the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, _ := os.ReadFile(path)
			return dirLock{}, &BusyError{Dir: dir, PID: strings.TrimSpace(string(pid))}
		}
		return dirLock{}, fmt.Errorf("error locking %s: %w", path, err)
	}
	lock := dirLock{f}
	if !isFile(f, path) {
		lock.Close()
		return lockDir(dir) // it was removed between opening and locking it
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		lock.Close()
		return dirLock{}, fmt.Errorf("error writing %s: %w", path, err)
	}
	return lock, nil
}

// isFile reports whether path still names the open file.
func isFile(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}
