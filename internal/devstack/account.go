package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user the database runs as. Postgres refuses root, so under
// root it is an unprivileged one; nil means the user of this process.
type account struct {
	name     string
	uid, gid uint32
}

// databaseAccount chooses who runs the database whose files lie (or are to lie)
// in dir: under root, the owner of what is already there, else postgres where
// that user exists, else nobody.
func databaseAccount(dir string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no other account is an answer
	}
	if info, err := os.Stat(dir); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			return ownerAccount(stat.Uid, stat.Gid), nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID != nil || errGID != nil {
			continue
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("Postgres does not run as root, and there is neither a user postgres nor a user nobody: " +
		"run as an ordinary user, or set DATABASE_URL to a server of yours")
}

func ownerAccount(uid, gid uint32) *account {
	name := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return &account{name: name, uid: uid, gid: gid}
}

// apply makes cmd run as the account, with no other groups.
func (a *account) apply(cmd *exec.Cmd) {
	if a == nil {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("error giving %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// enters reports whether the account can enter dir. The kernel is asked, not the
// mode bits: access lists and mounts have their say too.
func (a *account) enters(ctx context.Context, dir string) (bool, error) {
	if a == nil {
		return true, nil
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", ":")
	cmd.Dir = dir
	a.apply(cmd)
	err := cmd.Run()
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EACCES): // not EPERM, which is a refused change of user
		return false, nil
	default:
		return false, fmt.Errorf("error becoming user %s, as which the database is to run: %w; "+
			"run as an ordinary user, or set DATABASE_URL to a server of yours", a.name, err)
	}
}
