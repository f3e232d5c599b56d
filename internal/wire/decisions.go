package wire

// Decisions is the answer of /decisions/MODEL: a page of decisions without their long
// texts, newest first.
type Decisions struct {
	Decisions  []DecisionOutline `json:"decisions"`            // newest first, ties by id descending
	NextCursor string            `json:"next_cursor,omitzero"` // cursor of the next page; absent on the last
	ServerTime int64             `json:"serverTime"`
}

// Next is the cursor of the next page, "" where there is none.
func (d Decisions) Next() string { return d.NextCursor }

// DecisionOutline is a decision without its long texts.
type DecisionOutline struct {
	ID           string         `json:"id"`                     // id of the decision
	ModelID      string         `json:"model_id"`               // model
	Timestamp    float64        `json:"timestamp"`              // unix seconds with up to six decimals
	InsertedAt   Opt[float64]   `json:"inserted_at,omitzero"`   // unix seconds with up to six decimals
	CycleID      Opt[int64]     `json:"cycle_id,omitzero"`      // cycle of the run
	RunID        Opt[string]    `json:"run_id,omitzero"`        // run of the model
	Skill        Opt[string]    `json:"skill,omitzero"`         // skill
	Success      bool           `json:"success"`                // whether the answer could be read
	Error        Opt[string]    `json:"error,omitzero"`         // why it could not
	Signals      map[string]int `json:"signals"`                // how many symbols got each signal
	Symbols      []string       `json:"symbols"`                // those that the answer speaks of, by name
	Confidence   Opt[float64]   `json:"confidence,omitzero"`    // mean of those of the signals; absent where none has one
	PromptLength Opt[int]       `json:"prompt_length,omitzero"` // characters of user_prompt; absent without one
	TraceLength  Opt[int]       `json:"trace_length,omitzero"`  // characters of cot_trace; absent without one
	Link         string         `json:"link"`                   // the whole decision
}

// SearchResults is the answer of /search: a page of what was found, best match first,
// those of one rank newest first.
type SearchResults struct {
	Results    []SearchResult `json:"results"`              // best match first
	NextCursor string         `json:"next_cursor,omitzero"` // cursor of the next page; absent on the last
	ServerTime int64          `json:"serverTime"`
}

// Next is the cursor of the next page, "" where there is none.
func (r SearchResults) Next() string { return r.NextCursor }

// SearchResult is a decision that was found. Its texts are HTML: escaped, with what was
// found in mark elements.
type SearchResult struct {
	ModelID   string  `json:"model_id"`  // model
	ID        string  `json:"id"`        // id of the decision
	Timestamp float64 `json:"timestamp"` // unix seconds with up to six decimals
	Rank      float64 `json:"rank"`      // how well it matches; only compares with those of the same search
	Summary   string  `json:"summary"`   // the part of cot_trace_summary around what was found, or its begin
	Trace     string  `json:"trace"`     // the parts of cot_trace around what was found, or its begin
	Link      string  `json:"link"`      // the whole decision
}

// DecisionAudit is the answer of /decisions/MODEL/ID: a decision, and what came of it
// until the model's next one. What happened at the time of a decision or after it, and
// before the next, is said to have come of it; the signals say whether it was ordered.
type DecisionAudit struct {
	Decision     Decision    `json:"decision"`               // the document, as in /conversations
	PromptDigest Opt[string] `json:"prompt_digest,omitzero"` // SHA-256 of user_prompt, hex
	Success      bool        `json:"success"`                // whether the answer could be read
	Error        Opt[string] `json:"error,omitzero"`         // why it could not
	Signals      []Signal    `json:"signals"`                // what the answer says, by symbol

	Previous Opt[DecisionRef] `json:"previous,omitzero"` // the model's decision before; absent for the first
	Next     Opt[DecisionRef] `json:"next,omitzero"`     // the model's next decision; absent for the newest
	Diff     Opt[string]      `json:"diff,omitzero"`     // link to what changed in the prompt since the one before

	Positions []AuditedPosition `json:"positions"` // opened, adjusted or closed, by entry time
	// Trades are those that were closed, and those of positions that were opened,
	// whenever these closed: each the first 1,000 at most, by exit time.
	Trades     []AuditedTrade `json:"trades"`
	TradesLink string         `json:"trades_link"` // link to every trade that was closed until the next decision
	ServerTime int64          `json:"serverTime"`
}

// DecisionRef points to a decision.
type DecisionRef struct {
	ID        string  `json:"id"`        // id of the decision
	Timestamp float64 `json:"timestamp"` // unix seconds with up to six decimals
	Link      string  `json:"link"`      // its address below the host
}

// Signal is what an answer says of one symbol.
type Signal struct {
	Symbol     string       `json:"symbol"`              // coin
	Signal     string       `json:"signal"`              // buy_to_enter, sell_to_enter, close_position or hold; empty, or another word, where the model wrote so
	Confidence Opt[float64] `json:"confidence,omitzero"` // fraction from 0 to 1
	Leverage   Opt[float64] `json:"leverage,omitzero"`   // as the model asked for it
}

// AuditedPosition is a position that was changed between two decisions.
type AuditedPosition struct {
	ID          string          `json:"id"`                 // id of the position
	Link        string          `json:"link"`               // the positions of its symbol
	Status      string          `json:"status"`             // open or closed, as it is now
	Signal      Opt[string]     `json:"signal,omitzero"`    // what the decision says of its symbol
	Opened      bool            `json:"opened"`             // whether it was opened until the next decision
	Closed      bool            `json:"closed"`             // whether it was closed until the next decision
	ClosedAt    Opt[float64]    `json:"closed_at,omitzero"` // unix seconds with up to six decimals; absent while it is open, and where no source says when it went
	Position    Position        `json:"position"`           // as it is now, or was when it closed
	Adjustments []PositionState `json:"adjustments"`        // what was said of it until the next decision, by time
}

// PositionState is a position as it was said to be at a time.
type PositionState struct {
	Timestamp float64  `json:"timestamp"` // unix seconds with up to six decimals
	Position  Position `json:"position"`  // as it was then
}

// AuditedTrade is a trade with the decisions that it goes back to.
type AuditedTrade struct {
	Trade    Trade            `json:"trade"`              // as in /trades
	Link     string           `json:"link"`               // the trades of its symbol and exit time
	OpenedBy Opt[DecisionRef] `json:"opened_by,omitzero"` // the newest decision at its entry; absent where none is known
	ClosedBy Opt[DecisionRef] `json:"closed_by,omitzero"` // the newest decision at its exit; absent where none is known
}

// PromptDiff is the answer of /decisions/MODEL/ID/diff: what changed in the prompt since
// the decision before.
type PromptDiff struct {
	Decision       DecisionRef      `json:"decision"`                        // the one asked for
	Previous       Opt[DecisionRef] `json:"previous,omitzero"`               // the one before; absent for the first, of which nothing changed
	PromptDigest   Opt[string]      `json:"prompt_digest,omitzero"`          // SHA-256 of its prompt, hex; absent without a prompt
	PreviousDigest Opt[string]      `json:"previous_prompt_digest,omitzero"` // the same of the one before
	Added          int              `json:"added"`                           // lines
	Removed        int              `json:"removed"`                         // lines
	Hunks          []Hunk           `json:"hunks"`                           // by place; none where the prompts are the same
	ServerTime     int64            `json:"serverTime"`
}

// Hunk is a part of two texts that differs, with up to three lines around it.
type Hunk struct {
	PreviousLine int        `json:"previous_line"` // first line in the text before, from 1
	Line         int        `json:"line"`          // first line in the text, from 1
	Lines        []DiffLine `json:"lines"`         // in order
}

// DiffLine is a line of one text or of both.
type DiffLine struct {
	Change string `json:"change" enum:"same,removed,added"` // what became of it
	Text   string `json:"text"`                             // without the end of the line
}
