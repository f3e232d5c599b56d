package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"nof0/internal/atomicfile"
	"nof0/internal/wire"
)

// Names beside the files of a snapshot directory. They begin with a dot, so
// that readers pass over them.
const (
	lockName   = ".lock"
	commitName = ".commit"
)

// Edit changes files of a directory as its only writer: it waits for the
// directory's lock, which holds among processes, and when fn returns nil puts
// everything that fn staged in place. A process that is killed leaves either
// nothing of that or all of it: the next Edit finishes what was begun and
// removes what was left over. Each file is replaced atomically, so that readers
// take no lock.
func Edit(ctx context.Context, dir string, fn func(e *Editing) error) (err error) {
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	e := &Editing{dir: dir, commit: commit{Replace: map[string]string{}}}
	defer func() {
		if err != nil {
			e.discard()
		}
	}()
	if err := e.finishOther(); err != nil {
		return err
	}
	if err := fn(e); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.finish()
}

// Editing is a directory while Edit holds it.
type Editing struct {
	dir    string
	commit commit
	begun  bool // the commit is written: it will be finished, by whomever
}

// commit is what an edit does, as its file says it.
type commit struct {
	Replace map[string]string `json:"replace"` // name, the temporary file that takes its place
	Remove  []string          `json:"remove,omitempty"`
}

// Put stages the file of a kind, unless it holds the same content, apart from
// serverTime, already. It reports whether it did.
func (e *Editing) Put(kind Kind, model string, payload any) (bool, error) {
	name, err := fileName(kind, model)
	if err != nil {
		return false, err
	}
	body, err := wire.Marshal(payload)
	if err != nil {
		return false, fmt.Errorf("error rendering %s: %w", name, err)
	}
	old, err := os.ReadFile(filepath.Join(e.dir, name))
	if err == nil && sameContent(old, body) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, e.stage(name, body)
}

// Create stages the file of a kind with content that write hands over.
func (e *Editing) Create(kind Kind, model string, write func(w io.Writer) error) error {
	name, err := fileName(kind, model)
	if err != nil {
		return err
	}
	return e.create(name, write)
}

// Remove stages the removal of the file of a kind.
func (e *Editing) Remove(kind Kind, model string) error {
	name, err := fileName(kind, model)
	if err == nil {
		e.commit.Remove = append(e.commit.Remove, name)
	}
	return err
}

// Models lists the models that have a file of a kind of their own.
func (e *Editing) Models(kind Kind) (models []string, err error) {
	entries, err := os.ReadDir(e.dir)
	for _, entry := range entries {
		if k, model, ok := KindOf(entry.Name()); ok && k == kind && model != "" {
			models = append(models, model)
		}
	}
	return models, err
}

// Stage stages the file of a kind with its content. It returns the path of the
// temporary file that takes its place.
func (e *Editing) Stage(kind Kind, body []byte) (path string, err error) {
	name := FileName(kind, "")
	err = e.stage(name, body)
	return filepath.Join(e.dir, e.commit.Replace[name]), err
}

func (e *Editing) stage(name string, body []byte) error {
	return e.create(name, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

func (e *Editing) create(name string, write func(w io.Writer) error) error {
	tmp, err := atomicfile.Stage(filepath.Join(e.dir, name), write)
	if err != nil {
		return err
	}
	if old, twice := e.commit.Replace[name]; twice {
		_ = os.Remove(filepath.Join(e.dir, old)) // the next Edit would
	}
	e.commit.Replace[name] = filepath.Base(tmp)
	return nil
}

// fileName is FileName of a model that cannot lead out of the directory.
func fileName(kind Kind, model string) (string, error) {
	name := FileName(kind, model)
	if filepath.Base(name) != name {
		return "", fmt.Errorf("model %q cannot be part of a file name", model)
	}
	return name, nil
}

// sameContent compares two renderings of a payload, whose last member is
// serverTime.
func sameContent(a, b []byte) bool {
	i, j := bytes.LastIndex(a, []byte(ServerTimeMember)), bytes.LastIndex(b, []byte(ServerTimeMember))
	return i >= 0 && j >= 0 && isTail(a[i:]) && isTail(b[j:]) && bytes.Equal(a[:i], b[:j])
}

// ServerTimeMember is how the last member of a payload begins: when it was rendered,
// in ms.
const ServerTimeMember = `,"serverTime":`

// isTail reports whether a member ends a payload, and is none of its rows.
func isTail(tail []byte) bool {
	rest := bytes.TrimLeft(tail[len(ServerTimeMember):], "0123456789")
	return len(rest) == 1 && rest[0] == '}'
}

// finish puts in place what was staged. Of several files the list is written
// first, so that all are replaced once one is.
func (e *Editing) finish() error {
	changes := len(e.commit.Replace) + len(e.commit.Remove)
	if changes == 0 {
		return nil
	}
	if changes > 1 {
		body, err := wire.Marshal(e.commit)
		if err != nil {
			return fmt.Errorf("error rendering the list of replacements: %w", err)
		}
		if err := atomicfile.Write(filepath.Join(e.dir, commitName), body); err != nil {
			return err
		}
		e.begun = true
	}
	if err := e.carryOut(); err != nil {
		return err
	}
	if changes > 1 {
		return os.Remove(filepath.Join(e.dir, commitName))
	}
	return nil
}

// carryOut does what the commit says and has not been done yet.
func (e *Editing) carryOut() error {
	for name, tmp := range e.commit.Replace {
		err := os.Rename(filepath.Join(e.dir, tmp), filepath.Join(e.dir, name))
		if isDone := e.begun && errors.Is(err, fs.ErrNotExist); err != nil && !isDone {
			return fmt.Errorf("error replacing %s: %w", name, err)
		}
	}
	for _, name := range e.commit.Remove {
		if err := os.Remove(filepath.Join(e.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("error removing %s: %w", name, err)
		}
	}
	return atomicfile.SyncDir(e.dir)
}

// discard removes what was staged and will not be put in place.
func (e *Editing) discard() {
	if e.begun {
		return
	}
	for _, tmp := range e.commit.Replace {
		_ = os.Remove(filepath.Join(e.dir, tmp)) // the next Edit would
	}
}

// finishOther finishes the edit of a process that was killed, and removes the
// temporary files of those that had not come so far.
func (e *Editing) finishOther() error {
	body, err := os.ReadFile(filepath.Join(e.dir, commitName))
	switch {
	case err == nil:
		other := Editing{dir: e.dir, begun: true}
		if err := wire.Unmarshal(body, &other.commit); err != nil {
			return fmt.Errorf("error reading the list of replacements that another process left in %s: %w",
				filepath.Join(e.dir, commitName), err)
		}
		if err := other.carryOut(); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(e.dir, commitName)); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	entries, err := os.ReadDir(e.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if isTemporary(entry.Name()) {
			if err := os.Remove(filepath.Join(e.dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// isTemporary reports whether a file is one of atomicfile.Stage, which end in a number.
func isTemporary(name string) bool {
	base, hidden := strings.CutPrefix(name, ".")
	dot := strings.LastIndexByte(base, '.')
	if !hidden || dot < 0 || dot == len(base)-1 || strings.Trim(base[dot+1:], "0123456789") != "" {
		return false
	}
	base = base[:dot]
	_, _, isFile := KindOf(base)
	return isFile || slices.Contains([]string{commitName, ledgerName}, base)
}

// lockDir waits until no other writer holds the directory. The lock belongs to
// the open file, so that it is free however a process ends; the file stays,
// because removing it would let two writers lock two files of one name.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // processes of several users may share it
	if err != nil {
		return nil, fmt.Errorf("error opening the lock of the directory: %w", err)
	}
	locked := make(chan error, 1)
	go func() {
		for {
			err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
			if !errors.Is(err, syscall.EINTR) {
				locked <- err
				return
			}
		}
	}()
	select {
	case err := <-locked:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("error locking %s: %w", f.Name(), err)
		}
		return func() { unlockFile(f) }, nil
	case <-ctx.Done():
		go func() { // it will be had, and given back
			if err := <-locked; err == nil {
				unlockFile(f)
			}
		}()
		return nil, ctx.Err()
	}
}

// unlockFile gives a lock back. To close the file would not be enough: a child that
// was forked and has not reached exec yet holds the file, too.
func unlockFile(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	f.Close()
}
