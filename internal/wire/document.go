package wire

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Document is an element of Conversations: a Decision or a Thread.
type Document struct {
	Decision *Decision
	Thread   *Thread
}

// IsThread reports whether a raw document is in the older shape.
func IsThread(raw jsontext.Value) bool {
	var probe struct {
		Messages jsontext.Value `json:"messages"`
	}
	return json.Unmarshal(raw, &probe, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil &&
		probe.Messages != nil
}

// Parts lets Bounds see the document.
func (d *Document) Parts() map[string]any {
	if d.Thread != nil {
		return map[string]any{"": d.Thread}
	}
	return map[string]any{"": d.Decision}
}

// Model is the model that the document is of.
func (d Document) Model() string {
	if d.Thread != nil {
		return d.Thread.ModelID
	}
	return d.Decision.ModelID
}

// Timestamp is the time of the document in unix seconds; 0 for an empty thread.
func (d Document) Timestamp() float64 {
	if d.Thread != nil {
		return d.Thread.Timestamp.Or(0)
	}
	return d.Decision.Timestamp
}

// MarshalJSONTo implements json.MarshalerTo.
func (d Document) MarshalJSONTo(enc *jsontext.Encoder) error {
	if d.Thread != nil {
		return json.MarshalEncode(enc, d.Thread)
	}
	return json.MarshalEncode(enc, d.Decision)
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (d *Document) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if IsThread(raw) {
		d.Thread = new(Thread)
		return json.Unmarshal(raw, d.Thread)
	}
	d.Decision = new(Decision)
	return json.Unmarshal(raw, d.Decision)
}

// Derive sets the members that chat panels read from the last messages: the
// time of the newest, the last user prompt, the last assistant answer.
func (t *Thread) Derive() {
	t.Timestamp, t.UserPrompt, t.CotTraceSummary = Opt[float64]{}, Opt[string]{}, Opt[string]{}
	for _, m := range t.Messages {
		t.Timestamp = Some(m.Timestamp)
		switch m.Role {
		case "user":
			t.UserPrompt = Some(m.Content)
		case "assistant":
			t.CotTraceSummary = Some(m.Content)
		}
	}
}

// Sort puts the messages in order of time; those of the same time keep theirs.
func (t *Thread) Sort() {
	slices.SortStableFunc(t.Messages, func(a, b Message) int { return CompareTimes(a.Timestamp, b.Timestamp) })
}
