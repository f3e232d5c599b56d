package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// fileCache remembers the decoded rows of each file until the file changes.
type fileCache struct {
	dir     string
	now     func() time.Time
	mu      sync.Mutex
	entries map[string]cacheEntry
}

type cacheEntry struct {
	stamp stamp
	// recent says that the file was so new when it was read that it could have
	// changed again without its stamp showing it.
	recent bool
	rows   any // []T of whoever reads this file
}

// stamp tells one version of a file from the next. A replaced file is another
// inode, so the identity is compared as well as time and size. Two changes in
// one tick of the file system's clock may still look the same, since inodes are
// used again.
type stamp struct {
	info    os.FileInfo
	modTime time.Time
	size    int64
}

// tick is longer than that of any file system's clock.
const tick = 2 * time.Second

func newFileCache(dir string, now func() time.Time) *fileCache {
	return &fileCache{dir: dir, now: now, entries: make(map[string]cacheEntry)}
}

// cachedRows returns the rows of a file, decoded. They are shared and must not
// be changed. Concurrent readers of a changed file wait for one decoding.
func cachedRows[T any](c *fileCache, name string, decode func(Row) (T, error)) ([]T, error) {
	info, err := os.Stat(filepath.Join(c.dir, name))
	if err != nil {
		return nil, err
	}
	now := stamp{info: info, modTime: info.ModTime(), size: info.Size()}
	age := c.now().Sub(info.ModTime())
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.entries[name]; ok && !entry.recent && entry.stamp.same(now) {
		if rows, ok := entry.rows.([]T); ok {
			return rows, nil
		}
	}
	f, err := readFile(c.dir, name)
	if err != nil {
		return nil, err
	}
	rows := make([]T, len(f.Rows))
	for i, raw := range f.Rows {
		if rows[i], err = decode(raw); err != nil {
			return nil, fmt.Errorf("%s: row %d at offset %d: %w", name, raw.Index, raw.Offset, err)
		}
	}
	c.entries[name] = cacheEntry{stamp: now, recent: age.Abs() < tick, rows: rows}
	return rows, nil
}

func (a stamp) same(b stamp) bool {
	return os.SameFile(a.info, b.info) && a.modTime.Equal(b.modTime) && a.size == b.size
}

// names lists the files of a kind by name.
func (c *fileCache) names(kind Kind) ([]string, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if k, _, ok := kindOf(e.Name()); ok && k == kind {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
