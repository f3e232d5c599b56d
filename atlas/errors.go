package atlas

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// SumError says that the migration directory is not what its atlas.sum was
// written for.
type SumError struct {
	File   string // the file at fault; empty when atlas.sum itself is broken
	Reason string // "edited", "added" or "removed", or what is wrong with atlas.sum
	err    error
}

func (e *SumError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("atlas.sum of the migration directory cannot be trusted (%s): restore it, or rewrite it (`nof0 migrate sum`) after a review of every file", e.Reason)
	}
	return fmt.Sprintf("migration %s was %s after atlas.sum was written: restore it, or, if no database has run it yet, rewrite atlas.sum (`nof0 migrate sum`)", e.File, e.Reason)
}

func (e *SumError) Unwrap() error { return e.err }

func sumError(err error) error {
	var mismatch *migrate.ChecksumError
	switch {
	case errors.As(err, &mismatch):
		return &SumError{File: mismatch.File, Reason: mismatch.Reason.String(), err: err}
	case errors.Is(err, migrate.ErrChecksumNotFound), errors.Is(err, migrate.ErrChecksumFormat), errors.Is(err, migrate.ErrChecksumMismatch):
		return &SumError{Reason: err.Error(), err: err}
	default:
		return fmt.Errorf("error validating the migration directory: %w", err)
	}
}

// LockedError says that another process held the migration lock for as long as
// this one was willing to wait.
type LockedError struct {
	Waited time.Duration
	Holder string // who holds it, as the database says; may be empty
}

func (e *LockedError) Error() string {
	holder := "another process"
	if e.Holder != "" {
		holder = e.Holder
	}
	return fmt.Sprintf("%s is migrating this database and did not finish within %s: wait for it, or raise the wait", holder, e.Waited.Round(time.Millisecond))
}

// NotEmptyError says that a database has tables but no migration history, so
// that nobody knows which migrations it needs.
type NotEmptyError struct{ Table string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the database has tables (%s) but no migration history: use an empty database, or record what it already has with atlas migrate set", e.Table)
}

// OutOfOrderError says that files are older than a migration that already ran,
// which happens when two branches are merged.
type OutOfOrderError struct{ Files []string }

func (e *OutOfOrderError) Error() string {
	return fmt.Sprintf("%s would run after a newer migration that has already run: give it a newer version and rewrite atlas.sum (`nof0 migrate sum`)", strings.Join(e.Files, ", "))
}

// VersionError says that no migration has this version.
type VersionError struct {
	Version string
	Newest  string // the newest one there is
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("no migration has the version %q; the newest is %s", e.Version, e.Newest)
}

// NewerError says that a database has migrations that these files lack.
type NewerError struct{ Version string }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the database is at %s, which is none of these migrations: use the binary that applied it", e.Version)
}

// HalfAppliedError says that a migration stopped half-way and cannot go on.
type HalfAppliedError struct {
	File   string
	Reason string
}

func (e *HalfAppliedError) Error() string {
	return fmt.Sprintf("migration %s is applied in part and cannot go on: %s", e.File, e.Reason)
}

// StatementError says which statement of a migration file the database
// refused, and why.
type StatementError struct {
	File       string
	Number, Of int // the statement's place in the file, from 1
	Line       int // the line it begins on, from 1
	Statement  string
	RolledBack bool // whether everything the file did was undone
	Err        error
}

func (e *StatementError) Error() string {
	state := "the statements before it stay applied; mend the file from this statement on and apply again"
	if e.RolledBack {
		state = "nothing of this file was kept; mend it and apply again"
	}
	return fmt.Sprintf("%s: statement %d of %d (line %d) failed: %s; %s\n%s", e.File, e.Number, e.Of, e.Line, reason(e.Err), state, e.Statement)
}

func (e *StatementError) Unwrap() error { return e.Err }

// reason is what the database said, with the detail and hint that the plain
// error text leaves out.
func reason(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	text := fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	if pg.Detail != "" {
		text += ", " + pg.Detail
	}
	if pg.Hint != "" {
		text += ", hint: " + pg.Hint
	}
	switch pg.Code {
	case "55P03":
		text += ", since others held the lock for longer than lock_timeout: apply again when they are through, or give the file more time by -- nof0:lock_timeout"
	case "57014":
		text += ", since it ran for longer than statement_timeout, or was cancelled: make it smaller, or give the file more time by -- nof0:statement_timeout"
	}
	return text
}

// NoWayBackError says that a migration cannot be undone.
type NoWayBackError struct {
	Version string
	Reason  string
}

func (e *NoWayBackError) Error() string {
	return fmt.Sprintf("migration %s cannot be undone: %s", e.Version, e.Reason)
}

// DriftError says that two descriptions of the schema that must agree do not.
type DriftError struct {
	Have, Want  string   // what was compared
	Differences []string // statements that lead from Have to Want, or definitions that differ
	Next        string   // what to do about it
}

func (e *DriftError) Error() string {
	return fmt.Sprintf("%s and %s differ: %s\n%s", e.Have, e.Want, e.Next, strings.Join(e.Differences, "\n"))
}

// NoSchemaError says that no schema of the search path exists, so that there is
// no place for tables.
type NoSchemaError struct{ SearchPath string }

func (e *NoSchemaError) Error() string {
	return fmt.Sprintf("no schema of the search path (%s) exists in this database: CREATE SCHEMA it, or set search_path to one that does", e.SearchPath)
}

// ChangedError says that the database was migrated since what was planned.
type ChangedError struct{ Newest string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the database was migrated meanwhile: its newest migration is now %s; nothing was undone", e.Newest)
}
