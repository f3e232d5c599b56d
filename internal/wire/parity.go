package wire

import "github.com/go-json-experiment/json/jsontext"

// The kinds of a ParityFinding. All but FindingNotCompared are faults.
const (
	FindingValue        = "value"         // the two sides give a member different values
	FindingOnlyJSON     = "only in json"  // the store lacks a row that the JSON side has
	FindingOnlyStore    = "only in store" // the JSON side lacks a row that it claims to hold
	FindingOrder        = "order"         // a row stands in the wrong place
	FindingNotCompared  = "not compared"  // the two sides speak of different times, or one cannot be read
	FindingInformation  = "information"   // a difference that is none of parity
	VerdictEqual        = "equal"
	VerdictDifferent    = "different"
	VerdictNotCompared  = "could not compare"
	ParityFindingsShown = 20 // of a domain, where not all are asked for
)

// ParityFinding is one thing that a comparison of the two sources found.
type ParityFinding struct {
	Domain string `json:"domain"`
	View   string `json:"view"`
	Model  string `json:"model,omitzero"`
	ID     string `json:"id,omitzero"`
	// Field is the JSON pointer into the row, "" for the row itself.
	Field string `json:"field,omitzero"`
	Kind  string `json:"kind"`
	// JSON and Store are what the two sides have; one that has nothing there is
	// left out, which is not null.
	JSON   jsontext.Value `json:"json,omitzero"`
	Store  jsontext.Value `json:"store,omitzero"`
	Reason string         `json:"reason,omitzero"`
}

// Fault reports whether the finding makes the two sides unequal.
func (f *ParityFinding) Fault() bool {
	return f.Kind != FindingNotCompared && f.Kind != FindingInformation
}

// ParityCounts says how much was compared, in rows.
type ParityCounts struct {
	Compared    int `json:"compared"`     // rows of the JSON side
	Equal       int `json:"equal"`        // of them
	Differences int `json:"differences"`  // faults, of which a row may have several
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
	ID      int64        `json:"id,omitzero"`
	Domain  string       `json:"domain"`
	RanAt   float64      `json:"ran_at"` // unix seconds
	Verdict string       `json:"verdict"`
	Counts  ParityCounts `json:"counts"`
	// NotHeld names the views of which the JSON directory holds nothing.
	NotHeld []string `json:"not_held,omitzero"`
	// Findings are the faults, then what could not be compared.
	Findings []ParityFinding `json:"findings"`
	// Information lists what differs and may: the frozen figures of
	// leaderboard.json.
	Information []ParityFinding `json:"information,omitzero"`
}

// ParityRuns is the answer of /admin/parity.
type ParityRuns struct {
	Runs []ParityRun `json:"runs"`
}
