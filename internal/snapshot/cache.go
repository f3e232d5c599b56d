package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// fileCache remembers the decoded rows of each file until the file changes.
type fileCache struct {
	dir     string
	mu      sync.Mutex
	entries map[string]cacheEntry
}

type cacheEntry struct {
	stamp stamp
	rows  any // []T of whoever reads this file
}

// stamp tells one version of a file from the next. A replaced file is another
// inode, so the identity is compared as well as time and size.
type stamp struct {
	info    os.FileInfo
	modTime time.Time
	size    int64
}

func newFileCache(dir string) *fileCache {
	return &fileCache{dir: dir, entries: make(map[string]cacheEntry)}
}

// cachedRows returns the rows of a file, decoded. They are shared and must not
// be changed. Concurrent readers of a changed file wait for one decoding.
func cachedRows[T any](c *fileCache, name string, decode func(jsontext.Value) (T, error)) ([]T, error) {
	info, err := os.Stat(filepath.Join(c.dir, name))
	if err != nil {
		return nil, err
	}
	now := stamp{info: info, modTime: info.ModTime(), size: info.Size()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.entries[name]; ok && entry.stamp.same(now) {
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
		if rows[i], err = decode(raw.Raw); err != nil {
			return nil, fmt.Errorf("%s: row %d at offset %d: %w", name, raw.Index, raw.Offset, err)
		}
	}
	c.entries[name] = cacheEntry{stamp: now, rows: rows}
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
