package atlas

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// Status is where a database stands against the migration files.
type Status struct {
	Current    string       `json:"current"`                // newest version in the database; empty on a fresh one
	Next       string       `json:"next"`                   // the version that Apply would run first; empty when there is none
	Applied    []Applied    `json:"applied"`                // what the database has, oldest first
	Pending    []string     `json:"pending"`                // files that Apply would run
	OutOfOrder []string     `json:"out_of_order,omitempty"` // files that Apply would refuse as older than what already ran
	Unknown    []Applied    `json:"unknown,omitempty"`      // what the database has and this binary has not: the database is newer
	Half       *HalfApplied `json:"half_applied,omitempty"` // a migration that stopped half-way, or nil
}

// Applied is one migration in the history of a database.
type Applied struct {
	Version    string        `json:"version"`
	Name       string        `json:"name"`
	At         time.Time     `json:"at"`
	Took       time.Duration `json:"took_ns"` // of its last statement, as the history keeps it
	Statements int           `json:"statements"`
	Operator   string        `json:"operator"`
}

// contractionPrefix marks a migration that takes away what the previous version
// of the binary uses.
const contractionPrefix = "contract_"

// Contraction reports whether the migration takes away what the previous
// version of the binary uses.
func (a Applied) Contraction() bool { return strings.HasPrefix(a.Name, contractionPrefix) }

func isContraction(f migrate.File) bool { return strings.HasPrefix(f.Desc(), contractionPrefix) }

// HalfApplied is a migration that stopped half-way. Only one that runs outside
// a transaction can.
type HalfApplied struct {
	Version   string `json:"version"`
	Name      string `json:"name"`
	Done      int    `json:"done"` // statements that ran
	Of        int    `json:"of"`
	Statement string `json:"statement"` // the one that failed; empty when the process was stopped
	Reason    string `json:"reason"`    // what the database said
}

// Older reports whether the database lacks migrations that this binary needs. It
// works on one where nothing but contractions is pending.
func (s Status) Older() bool {
	needs := slices.ContainsFunc(s.Pending, func(name string) bool { return !isContraction(migrate.NewLocalFile(name, nil)) })
	return needs || len(s.OutOfOrder) > 0 || s.Half != nil
}

// Newer reports whether the database has migrations that this binary lacks.
func (s Status) Newer() bool { return len(s.Unknown) > 0 }

// Contractions are the unknown migrations on whose result this binary must not
// start.
func (s Status) Contractions() []Applied {
	var found []Applied
	for _, unknown := range s.Unknown {
		if unknown.Contraction() {
			found = append(found, unknown)
		}
	}
	return found
}

// Status reads where the database stands. It changes nothing, takes no lock and
// makes no session setting, so it may go through a transaction pooler.
//
// Errors: *SumError, or that of the connection.
func (m *Migrator) Status(ctx context.Context) (Status, error) {
	dir, err := openDir(m.opts.Migrations)
	if err != nil {
		return Status{}, err
	}
	files, err := dir.Files()
	if err != nil {
		return Status{}, err
	}
	found, err := appliedTo(ctx, m.db)
	if err != nil {
		return Status{}, err
	}

	status := Status{Applied: []Applied{}}
	for _, revision := range found {
		applied := Applied{
			Version:    revision.Version,
			Name:       revision.Description,
			At:         revision.ExecutedAt,
			Took:       revision.ExecutionTime,
			Statements: revision.Applied,
			Operator:   revision.OperatorVersion,
		}
		status.Current = revision.Version
		status.Applied = append(status.Applied, applied)
		if !slices.ContainsFunc(files, func(f migrate.File) bool { return f.Version() == revision.Version }) {
			status.Unknown = append(status.Unknown, applied)
		}
		if revision.Applied < revision.Total && !revision.Type.Has(migrate.RevisionTypeResolved) {
			status.Half = &HalfApplied{
				Version:   revision.Version,
				Name:      revision.Description,
				Done:      revision.Applied,
				Of:        revision.Total,
				Statement: revision.ErrorStmt,
				Reason:    revision.Error,
			}
		}
	}

	pending, err := pendingFiles(ctx, dir, readHistory{revisions: found})
	var (
		outOfOrder *OutOfOrderError
		stuck      *HalfAppliedError
	)
	switch {
	case errors.As(err, &outOfOrder):
		status.OutOfOrder = outOfOrder.Files
	case errors.As(err, &stuck):
		// Half and Unknown say so already.
	case err != nil:
		return Status{}, err
	}
	status.Pending = names(pending)
	if len(pending) > 0 {
		status.Next = pending[0].Version()
	}
	return status, nil
}

// readHistory is a migration history that was read before.
type readHistory struct {
	migrate.NopRevisionReadWriter
	revisions []*migrate.Revision
}

// ReadRevisions implements migrate.RevisionReadWriter.
func (h readHistory) ReadRevisions(context.Context) ([]*migrate.Revision, error) {
	return h.revisions, nil
}
