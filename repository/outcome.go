package repository

// Outcome is what became of one row that was handed in.
type Outcome string

// The outcomes.
const (
	Inserted   Outcome = "inserted"
	Updated    Outcome = "updated"
	Unchanged  Outcome = "unchanged"  // the same row is stored already
	Superseded Outcome = "superseded" // the store holds a newer state
	Conflict   Outcome = "conflict"   // the same identity is stored with other content
	Corrected  Outcome = "corrected"  // an operator has voided the fact, or given it other content (see Corrections)
)
