package jsonstore

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"nof0/internal/arena"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
)

// Fresh is a source of the same directory that remembers nothing: it reads
// every file again.
func (s *Source) Fresh() *Source {
	fresh := *s
	fresh.files = newFileCache(s.files.dir, s.files.now, nil, s.files.holds)
	return &fresh
}

// Provider is the primary provider, whose rows need not name it.
func (s *Source) Provider() string { return s.provider }

// File reads the file of a kind as it lies there, its rows raw and in their
// order. The error wraps arena.ErrUnavailable, and fs.ErrNotExist where there
// is no such file.
func (s *Source) File(kind snapshot.Kind) (*snapshot.File, error) {
	f, err := snapshot.ReadFile(s.files.dir, snapshot.FileName(kind, ""))
	if err != nil {
		return nil, unavailable(err)
	}
	return f, nil
}

// Faults lists the rows of the files of a kind that are not served, as far as the
// files have been asked for; of positions, where the account totals state them, those
// whose statement cannot be read.
func (s *Source) Faults(kind snapshot.Kind) []snapshot.RowFault {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	var faults []snapshot.RowFault
	for _, name := range slices.Sorted(maps.Keys(s.files.entries)) {
		if k, _, _ := snapshot.KindOf(name); k == kind {
			faults = append(faults, s.files.entries[name].faults...)
		}
	}
	if stated, _ := s.files.entries[snapshot.FileName(kind, "")].rows.([]wire.ModelPositions); kind == snapshot.Positions && len(stated)+len(faults) == 0 {
		faults = s.files.entries[snapshot.FileName(snapshot.AccountTotals, "")].unread
	}
	return faults
}

// Check reports whether the directory can be read.
func (s *Source) Check() error {
	if _, err := os.ReadDir(s.files.dir); err != nil {
		return unavailable(err)
	}
	return nil
}

// Holds reports whether a directory has any file of a snapshot.
func Holds(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		_, _, ok := snapshot.KindOf(e.Name())
		return ok && !e.IsDir()
	}), nil
}

// AsOf is the time that the file of a kind speaks of: its own serverTime, or
// that of the directory where it states none or is missing.
func (s *Source) AsOf(kind snapshot.Kind) (time.Time, error) {
	f, err := snapshot.ReadFile(s.files.dir, snapshot.FileName(kind, ""))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return time.Time{}, unavailable(err)
	case f.ServerTime > 0:
		return wire.MillisTime(f.ServerTime), nil
	}
	return s.CapturedAt()
}

// CapturedAt is the time of the directory: the newest of the serverTimes and of
// the times of rows. It reads every file.
func (s *Source) CapturedAt() (time.Time, error) {
	var newest time.Time
	entries, err := os.ReadDir(s.files.dir)
	if err != nil {
		return newest, unavailable(err)
	}
	for _, e := range entries {
		if _, _, ok := snapshot.KindOf(e.Name()); !ok || e.IsDir() {
			continue
		}
		f, err := snapshot.ReadFile(s.files.dir, e.Name())
		if isMissing(err) {
			continue // it states nothing
		}
		if err != nil {
			return newest, unavailable(err)
		}
		for _, row := range f.Rows {
			if at := timeOf(row, f.Kind); at.After(newest) {
				newest = at
			}
		}
		if at := wire.MillisTime(f.ServerTime); at.After(newest) {
			newest = at
		}
	}
	return newest, nil
}

// timeOf is the time that a row speaks of; zero where that cannot be read.
func timeOf(r snapshot.Row, kind snapshot.Kind) time.Time {
	var probe struct {
		Timestamp     float64           `json:"timestamp"`
		ExitTime      float64           `json:"exit_time"`
		InceptionDate float64           `json:"inception_date"`
		UpdatedAt     wire.Opt[float64] `json:"updated_at"`
		InsertedAt    wire.Opt[float64] `json:"inserted_at"`
		Messages      []struct {
			Timestamp float64 `json:"timestamp"`
		} `json:"messages"`
	}
	if err := wire.Unmarshal(r.Raw, &probe); err != nil {
		return time.Time{}
	}
	if kind == snapshot.CryptoPrices {
		return wire.MillisTime(int64(probe.Timestamp))
	}
	newest := max(probe.Timestamp, probe.ExitTime, probe.InceptionDate, probe.UpdatedAt.Or(0), probe.InsertedAt.Or(0))
	for _, m := range probe.Messages {
		newest = max(newest, m.Timestamp)
	}
	if newest <= 0 || newest >= wire.MaxSeconds {
		return time.Time{}
	}
	return wire.Time(newest)
}

// IsMissing reports whether an error of a source says that the directory has no
// such file.
func IsMissing(err error) bool { return errors.Is(err, arena.ErrUnavailable) && isMissing(err) }
