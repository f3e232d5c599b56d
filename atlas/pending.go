package atlas

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
)

// planner is a driver for the one question that Atlas asks of it while it finds
// the pending files: whether a database without history is clean. Apply has
// checked that already, and Status does not ask. It keeps Status free of session
// settings, which a transaction pooler would spread to others.
type planner struct{ migrate.Driver }

func (planner) CheckClean(context.Context, *migrate.TableIdent) error { return nil }

// pendingFiles are the files that have not run, or not to their end, oldest
// first.
func pendingFiles(ctx context.Context, dir migrate.Dir, history migrate.RevisionReadWriter) ([]migrate.File, error) {
	executor, err := migrate.NewExecutor(planner{}, dir, history)
	if err != nil {
		return nil, fmt.Errorf("error preparing the list of pending migrations: %w", err)
	}
	files, err := executor.Pending(ctx)
	var (
		nonLinear *migrate.HistoryNonLinearError
		missing   *migrate.MissingMigrationError
	)
	switch {
	case err == nil:
		return files, nil
	case errors.Is(err, migrate.ErrNoPendingFiles):
		return nil, nil
	case errors.As(err, &nonLinear):
		return nonLinear.Pending, &OutOfOrderError{Files: names(nonLinear.OutOfOrder)}
	case errors.As(err, &missing):
		return nil, &HalfAppliedError{
			File:   missing.Version + "_" + missing.Description + ".sql",
			Reason: "this binary does not have the file; apply with the binary that began it",
		}
	default:
		return nil, fmt.Errorf("error finding the pending migrations: %w", err)
	}
}

// BeforeContraction stands in the place of a version for the pending files before the
// first that takes away what the previous version of the binary uses, which may be
// running. An empty database, which nobody uses, gets all of them.
const BeforeContraction = "contraction"

// upTo are the pending files up to a version; empty means all of them. A version
// that has run already leaves none.
func upTo(dir migrate.Dir, pending []migrate.File, version string) ([]migrate.File, error) {
	if version == "" {
		return pending, nil
	}
	files, err := dir.Files()
	if err != nil {
		return nil, fmt.Errorf("error listing the migration files: %w", err)
	}
	if version == BeforeContraction {
		if i := slices.IndexFunc(pending, isContraction); i >= 0 && len(pending) < len(files) {
			return pending[:i], nil
		}
		return pending, nil
	}
	if !slices.ContainsFunc(files, func(f migrate.File) bool { return f.Version() == version }) {
		e := &VersionError{Version: version}
		if len(files) > 0 {
			e.Newest = files[len(files)-1].Version()
		}
		return nil, e
	}
	after := slices.IndexFunc(pending, func(f migrate.File) bool { return f.Version() > version })
	if after < 0 {
		after = len(pending)
	}
	return pending[:after], nil
}

func names(files []migrate.File) []string {
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = file.Name()
	}
	return names
}
