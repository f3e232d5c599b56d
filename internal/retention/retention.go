// Package retention keeps the feed of ticks short: partitions of price_ticks
// that are wholly older than what is kept are detached, written to compressed
// archives, and dropped once the archive has been read back. A crash at any
// point leaves the partition or a verified archive, or both, and the next run
// goes on from there. Restore reads an archive back in.
//
// One run works at a time, across all processes. It holds a session advisory
// lock on the connection that does the work, so that the lock is gone exactly
// when the work is: that takes a connection to Postgres itself, past any
// pooler. A lock of one transaction would not do, since a partition cannot be
// detached concurrently inside one.
//
// An archive is a zstd stream of two parts: a line of JSON that says what
// follows (see Manifest), and the rows as CSV with a line of column names, so
// that `zstd -dc FILE | tail -n +2` is CSV for any other program. Its name
// holds its checksum: the same rows make the same file, and rows that turn up
// later for a month that has left make another beside it. Each database needs
// a directory of its own.
package retention

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrRunning says that another run holds the lock.
var ErrRunning = errors.New("another retention run is under way")

// ErrPostponed says that partitions could not be had in time, since others
// were using them. They are left to the next run.
var ErrPostponed = errors.New("partitions are in use, and left to the next run")

// DefaultLockTimeout is how long a statement waits for those who use a
// partition.
const DefaultLockTimeout = 2 * time.Second

// attempts is how often a partition is tried to be detached.
const attempts = 3

// Partitioner makes the partitions of the ticks.
type Partitioner interface {
	EnsurePartitions(ctx context.Context, times []time.Time) error
	EnsurePartitionsAhead(ctx context.Context, now time.Time) error
}

// Options say what to keep, and where the rest goes.
type Options struct {
	// DSN reaches Postgres itself, not a pooler.
	DSN    string
	Prices Partitioner
	// Keep is how long ticks stay in the database.
	Keep time.Duration
	// ArchiveDir is made where it is not there.
	ArchiveDir string
	Now        time.Time
	// DryRun changes nothing and says what would be done.
	DryRun bool
	// LockTimeout is how long a statement waits for those who use a partition;
	// 0 means DefaultLockTimeout.
	LockTimeout time.Duration
	// Progress, where given, is called with how many rows have been archived.
	Progress func(done, total int)

	// step, where given, is called with what has been done, and may end the run there.
	step func(partition, done string) error
}

// State is what became of a partition.
type State string

// The states.
const (
	StateKept      State = "kept"
	StateDue       State = "due" // in a dry run
	StateArchived  State = "archived"
	StatePostponed State = "postponed"
)

// Partition is a partition and what became of it.
type Partition struct {
	Name  string    `json:"name"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"` // exclusive
	State State     `json:"state"`
	Rows  int64     `json:"rows"` // of those that are not kept
	File  string    `json:"file,omitzero"`
	Bytes int64     `json:"bytes,omitzero"` // of the file
	// Reason says why it is postponed.
	Reason string `json:"reason,omitzero"`

	attached, half bool // half detached
}

// Report lists the partitions, the oldest first.
type Report struct {
	Partitions []Partition `json:"partitions"`
}

// Run makes the partitions of this month and the two to come, and archives
// those that are wholly older than what is kept. The report holds what was
// done also on an error, which wraps ErrRunning or ErrPostponed where it is
// one of them.
func Run(ctx context.Context, o Options) (report Report, err error) {
	report.Partitions = []Partition{}
	s, err := openSession(ctx, o.DSN, o.LockTimeout)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if !o.DryRun {
		if err := o.Prices.EnsurePartitionsAhead(ctx, o.Now); err != nil {
			return report, err
		}
	}
	if report.Partitions, err = s.partitions(ctx, o.Now.Add(-o.Keep)); err != nil {
		return report, err
	}
	r := run{Options: o, session: s}
	for i := range report.Partitions {
		r.total += report.Partitions[i].Rows
	}
	postponed := 0
	for i := range report.Partitions {
		p := &report.Partitions[i]
		var err error
		switch {
		case o.DryRun:
		case p.State == StateDue:
			err = r.retire(ctx, p)
		case !p.attached || p.half:
			err = r.returnTo(ctx, p)
		}
		if inUse, ok := errors.AsType[*inUseError](err); ok {
			p.State, p.Reason = StatePostponed, inUse.Error()
			postponed++
			continue
		}
		if err != nil {
			return report, fmt.Errorf("error archiving %s: %w", p.Name, err)
		}
	}
	if postponed > 0 {
		return report, fmt.Errorf("%d %w", postponed, ErrPostponed)
	}
	return report, nil
}

// run is one run.
type run struct {
	Options
	session     *session
	done, total int64
}

// retire takes a partition through all steps that it has not been through.
func (r *run) retire(ctx context.Context, p *Partition) error {
	if err := r.session.detach(ctx, p); err != nil {
		return err
	}
	if err := r.session.announceAll(ctx, p, changeArchived); err != nil {
		return err
	}
	if err := r.stepped(p, "detached"); err != nil {
		return err
	}
	path, manifest, err := r.session.archive(ctx, r.ArchiveDir, p)
	if err != nil {
		return err
	}
	if err := r.stepped(p, "written"); err != nil {
		return err
	}
	read, size, err := Verify(path)
	if err == nil && !read.equal(manifest) {
		err = fmt.Errorf("%s holds something else than was written", path)
	}
	if err != nil {
		return fmt.Errorf("error reading the archive back: %w", err)
	}
	p.Rows, p.File, p.Bytes = manifest.Rows, path, size
	if err := r.stepped(p, "verified"); err != nil {
		return err
	}
	if err := r.session.drop(ctx, p); err != nil {
		return err
	}
	p.State = StateArchived
	r.done += p.Rows
	if r.Progress != nil {
		r.Progress(int(r.done), int(max(r.total, r.done)))
	}
	return r.stepped(p, "dropped")
}

// returnTo gives the table a partition back that was detached before more was
// to be kept.
func (r *run) returnTo(ctx context.Context, p *Partition) error {
	if p.half {
		if err := r.session.detach(ctx, p); err != nil {
			return err
		}
	}
	if err := r.Prices.EnsurePartitions(ctx, []time.Time{p.From}); err != nil {
		return err
	}
	return r.session.announceAll(ctx, p, changeRestored)
}

func (r *run) stepped(p *Partition, done string) error {
	if r.step == nil {
		return nil
	}
	return r.step(p.Name, done)
}
