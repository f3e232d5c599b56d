package importer

import (
	"time"

	"nof0/internal/wire"
	"nof0/repository"
)

// Report tells what became of every row of a directory.
type Report struct {
	Dir string `json:"dir"`
	// CapturedAt is the newest time that the directory mentions.
	CapturedAt time.Time    `json:"captured_at"`
	Kinds      []KindReport `json:"kinds"`
	// Derived names files that follow from the others and are not stored.
	Derived []string `json:"derived"`
	// Ignored names what no endpoint returns: other files, and members of an
	// envelope that mean nothing here.
	Ignored []string `json:"ignored"`
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
	Superseded int           `json:"superseded"`
	Rejected   int           `json:"rejected"`
	Rows       []RejectedRow `json:"rejected_rows"`
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

// RejectedRow names one refused row and why it was refused.
type RejectedRow struct {
	File   string      `json:"file"`
	Row    int         `json:"row"`    // from 0
	Offset int64       `json:"offset"` // bytes from the start of the file
	ID     string      `json:"id,omitempty"`
	Faults wire.Faults `json:"faults"`
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
	case repository.Conflict:
		k.Rejected += n
	}
}

// settle counts the outcome of one row; a conflict names it.
func (k *KindReport) settle(outcome repository.Outcome, at origin) {
	k.count(outcome, 1)
	if outcome == repository.Conflict {
		reason := "another row is stored under the same identity; a fact never changes once seen"
		switch k.Kind {
		case kindAnalytics, kindStandings:
			reason = "another row of this model and the same time is stored; which of them is right cannot be told: leave one of them out"
		case kindAccounts:
			reason = "another inception of this model, which never changes, or another count of the same time is stored"
		}
		k.Rows = append(k.Rows, at.rejected(wire.Faults{{Reason: reason}}))
	}
}

func (k *KindReport) reject(at origin, faults wire.Faults) {
	k.Rejected++
	k.Rows = append(k.Rows, at.rejected(faults))
}
