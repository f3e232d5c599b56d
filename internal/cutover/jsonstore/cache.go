package jsonstore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"nof0/internal/snapshot"
)

// fileCache remembers the decoded rows of each file until the file changes.
type fileCache struct {
	dir     string
	now     func() time.Time
	faulty  func(file string, faults []snapshot.RowFault) // called for each version of a file; may be nil
	holds   func() (string, error)                        // SourceOptions.Competition
	mu      sync.Mutex
	entries map[string]cacheEntry
}

type cacheEntry struct {
	stamp stamp
	rows  any // []T of whoever reads this file
	// faults are the rows of the file that are not among rows.
	faults []snapshot.RowFault
	// unread is what format.unread names.
	unread []snapshot.RowFault
	own    ownership
	// held keeps the file from being removed for good, so that no other file
	// gets its inode while its rows are remembered.
	held *os.File
}

// stamp identifies a version of a file. A replaced file is another
// inode, which distinguishes them as well as time and size do.
type stamp struct {
	device, inode uint64
	modTime       int64 // unix ns
	size          int64
	// look is when the file was looked at, in units of recheck, while it is so
	// new that it could be written to in place without its time showing it; 0
	// once it is older.
	look int64
}

// tick is longer than that of any file system's clock, and recheck how long a
// change in place within it may go unseen. Files that are replaced, as all that
// this program writes are, are seen at once.
const (
	tick    = 2 * time.Second
	recheck = 250 * time.Millisecond
)

// stamp returns the stamp of a file as it is now.
func (c *fileCache) stamp(name string) (stamp, error) {
	info, err := os.Stat(filepath.Join(c.dir, name))
	if err != nil {
		return stamp{}, err
	}
	return stampOf(info, c.now()), nil
}

func stampOf(info os.FileInfo, now time.Time) stamp {
	s := identityOf(info)
	if now.Sub(info.ModTime()).Abs() < tick {
		s.look = now.UnixNano() / int64(recheck)
	}
	return s
}

// identityOf is the stamp of a file that is only ever replaced.
func identityOf(info os.FileInfo) stamp {
	s := stamp{modTime: info.ModTime().UnixNano(), size: info.Size()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(sys.Dev), sys.Ino //nolint:unconvert // of another type elsewhere
	}
	return s
}

func newFileCache(dir string, now func() time.Time, faulty func(string, []snapshot.RowFault), holds func() (string, error)) *fileCache {
	return &fileCache{dir: dir, now: now, faulty: faulty, holds: holds, entries: make(map[string]cacheEntry)}
}

// cachedRows returns the rows of a file, decoded, without those at fault. They are
// shared and must not be changed. Concurrent readers of a changed file wait for one
// decoding.
func cachedRows[T any](c *fileCache, name string, f format[T]) ([]T, error) {
	now, err := c.stamp(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries[name]
	if rows, ok := entry.rows.([]T); ok && entry.stamp == now {
		if still, err := entry.own.still(c.holds); still || err != nil {
			return rows, err
		}
	}
	file, err := os.Open(filepath.Join(c.dir, name))
	if err != nil {
		return nil, err
	}
	var own ownership
	decoded, unread, read, err := decodeFile(file, name, c.now, ownRows(f, c.holds, &own))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if entry.held != nil {
		_ = entry.held.Close() // it was only read
	}
	c.entries[name] = cacheEntry{stamp: read, rows: decoded.Values, faults: decoded.Faults, unread: unread, own: own, held: file}
	if c.faulty != nil {
		c.faulty(name, decoded.Faults)
	}
	return decoded.Values, nil
}

// decodeFile returns the rows of an open file, what format.unread names of them, and
// the stamp that the file had before it was read.
func decodeFile[T any](
	file *os.File, name string, now func() time.Time, format format[T],
) (d snapshot.Decoded[T], unread []snapshot.RowFault, read stamp, err error) {
	info, err := file.Stat()
	if err != nil {
		return d, nil, stamp{}, err
	}
	read = stampOf(info, now())
	data, err := io.ReadAll(file)
	if err != nil {
		return d, nil, read, err
	}
	f, err := snapshot.ParseFile(name, data)
	if err != nil {
		return d, nil, read, err
	}
	if d, err = snapshot.Decode(f, format.decode, format.id); err == nil && format.unread != nil {
		unread = format.unread(f, d)
	}
	return d, unread, read, err
}

// unread is what format.unread has named of a file as it was read last.
func (c *fileCache) unread(name string) []snapshot.RowFault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[name].unread
}

// names lists the files of a kind by name.
func (c *fileCache) names(kind snapshot.Kind) ([]string, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if k, _, ok := snapshot.KindOf(e.Name()); ok && k == kind {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
