package wire

import "github.com/go-json-experiment/json/jsontext"

// The kinds of a ParityFinding. All but the last three are faults.
const (
	FindingValue        = "value"         // the two sides give a member different values
	FindingOnlyJSON     = "only in json"  // the store lacks a row that the JSON side has
	FindingOnlyStore    = "only in store" // the JSON side lacks a row that it claims to hold
	FindingOrder        = "order"         // a row stands in the wrong place
	FindingNotCompared  = "not compared"  // the two sides speak of different times, or one cannot be read
	FindingRefused      = "refused"       // a row of the JSON side that it cannot read and does not serve
	FindingInformation  = "information"   // a difference that is none of parity
	VerdictEqual        = "equal"
	VerdictDifferent    = "different"
	VerdictNotCompared  = "could not compare"
	ParityFindingsShown = 20 // of a domain, where not all are asked for
)

// ParityFinding is one thing that a comparison of the two sources found.
type ParityFinding struct {
	Domain string         `json:"domain"`
	View   string         `json:"view"`
	Model  string         `json:"model,omitzero"`
	ID     string         `json:"id,omitzero"`    // of the row
	Field  string         `json:"field,omitzero"` // JSON pointer into the row; absent for the row itself
	Kind   string         `json:"kind" enum:"value,only in json,only in store,order,not compared,refused,information"`
	JSON   jsontext.Value `json:"json,omitzero"`  // what the JSON files have; absent where they have nothing there
	Store  jsontext.Value `json:"store,omitzero"` // what Postgres has; absent where it has nothing there
	Reason string         `json:"reason,omitzero"`
}

// Fault reports whether the finding makes the two sides unequal.
func (f *ParityFinding) Fault() bool {
	return f.Kind != FindingNotCompared && f.Kind != FindingRefused && f.Kind != FindingInformation
}

// ParityCounts says how much was compared, in rows.
type ParityCounts struct {
	Compared    int `json:"compared"`     // rows of the JSON files
	Equal       int `json:"equal"`        // rows that are the same in Postgres
	Differences int `json:"differences"`  // findings that make the two unequal; a row may have several
	NotCompared int `json:"not_compared"` // findings of that kind
	// OnlyStore are the rows of the store that the JSON side does not claim to
	// hold: older than its cap, or newer than its file.
	OnlyStore int `json:"only_store"`
	// Moving are the findings that were different ones each time the two sides
	// were read.
	Moving int `json:"moving"`
}

// ParityRun is the report of one comparison of a domain.
type ParityRun struct {
	ID      int64        `json:"id,omitzero"` // of the report, once it is kept
	Domain  string       `json:"domain"`
	RanAt   float64      `json:"ran_at"` // when the comparison began, in unix seconds
	Verdict string       `json:"verdict" enum:"equal,different,could not compare"`
	Counts  ParityCounts `json:"counts"`
	// NotHeld names the views of which the JSON directory holds nothing.
	NotHeld []string `json:"not_held,omitzero"`
	// Findings are what differs, then what could not be compared, then the rows that
	// the JSON side refuses, which change no verdict: neither side serves them. A
	// kept report has the first 20.
	Findings []ParityFinding `json:"findings"`
	// Information lists what differs and may: the frozen figures of
	// leaderboard.json.
	Information []ParityFinding `json:"information,omitzero"`
}

// ParityRuns is the answer of /admin/parity.
type ParityRuns struct {
	Runs []ParityRun `json:"runs"`
}
