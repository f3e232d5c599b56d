package importer

import (
	"time"

	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// Report says what became of every row of a directory.
type Report struct {
	Dir string `json:"dir"`
	// Competitions are those that the rows are of.
	Competitions []string `json:"competitions"`
	// CapturedAt is the newest time that the directory mentions.
	CapturedAt time.Time    `json:"captured_at"`
	Kinds      []KindReport `json:"kinds"`
	// Derived names files that follow from the others and are not stored.
	Derived []string `json:"derived"`
	// Ignored names what no endpoint returns: other files, error answers, and
	// members of an envelope that mean nothing here.
	Ignored []string `json:"ignored"`
	// Damaged names files that were skipped, since they are not what they claim to
	// be, and where.
	Damaged []string `json:"damaged"`
}

// Rejected counts the refused rows of all kinds.
func (r *Report) Rejected() int {
	n := 0
	for _, k := range r.Kinds {
		n += k.Rejected
	}
	return n
}

// KindReport counts the rows of one kind by what became of them.
type KindReport struct {
	Kind      string `json:"kind"`
	Inserted  int    `json:"inserted"`
	Updated   int    `json:"updated"`
	Unchanged int    `json:"unchanged"`
	// Superseded rows are older than what is stored.
	Superseded int                 `json:"superseded"`
	Rejected   int                 `json:"rejected"`
	Rows       []snapshot.RowFault `json:"rejected_rows"`
	// Corrected rows are superseded by what an operator has said of the fact.
	Corrected []CorrectedRow `json:"corrected_rows,omitempty"`
}

// CorrectedRow names a row of which the fact was voided, or is another one.
type CorrectedRow struct {
	File   string `json:"file"`
	Row    int    `json:"row"`    // from 0
	Offset int64  `json:"offset"` // bytes from the start of the file
	ID     string `json:"id,omitempty"`
	Why    string `json:"why"`
}

func (k *KindReport) count(outcome repository.Outcome, n int) {
	switch outcome {
	case repository.Inserted:
		k.Inserted += n
	case repository.Updated:
		k.Updated += n
	case repository.Unchanged:
		k.Unchanged += n
	case repository.Superseded, repository.Corrected:
		k.Superseded += n
	}
}

// record counts the outcome of one row; a conflict names it, by its own name where
// the id is "".
func (k *KindReport) record(outcome repository.Outcome, at origin, id string) {
	if outcome != repository.Conflict {
		k.count(outcome, 1)
		return
	}
	reason := "another row is stored under the same identity; a fact never changes once seen"
	switch k.Kind {
	case kindAnalytics, kindStandings:
		reason = "another row of this model and the same time is stored; nobody knows which of them is right: leave one of them out"
	case kindAccounts:
		reason = "another inception of this model, which never changes, or another count of the same time is stored"
	}
	fault := at.rejected(wire.Faults{{Reason: reason}})
	if id != "" {
		fault.ID = id
	}
	k.reject(fault)
}

// merge adds what became of other rows of the kind.
func (k *KindReport) merge(other *KindReport) {
	k.Inserted += other.Inserted
	k.Updated += other.Updated
	k.Unchanged += other.Unchanged
	k.Superseded += other.Superseded
	k.Rejected += other.Rejected
	k.Rows = append(k.Rows, other.Rows...)
	k.Corrected = append(k.Corrected, other.Corrected...)
}

func (k *KindReport) reject(fault snapshot.RowFault) {
	k.Rejected++
	k.Rows = append(k.Rows, fault)
}
