package console

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// decisionData is what the page of a decision shows.
type decisionData struct {
	Audit     wire.DecisionAudit
	Trace     string // how the model reasoned
	Answer    string // what it answered, its JSON indented
	Diff      wire.PromptDiff
	Fault     string
	DiffFault string
}

func (d decisionData) title() string {
	return fmt.Sprintf("Decision of %s", d.Audit.Decision.ModelID)
}

// decisionPage reads the page of a decision.
func decisionPage(r *reading) (any, error) {
	var d decisionData
	if _, err := r.readModels(); err != nil {
		return nil, err
	}
	of := arena.Request{View: catalogue.ViewDecision, Model: r.ask.Model, Decision: r.ask.Decision}
	diff := of
	diff.View = catalogue.ViewDecisionDiff
	if err := r.parts(part{&d.Fault, of, &d.Audit}, part{&d.DiffFault, diff, &d.Diff}); err != nil {
		return nil, err
	}
	d.Trace, d.Answer = textOf(d.Audit.Decision.CotTrace), textOf(d.Audit.Decision.LlmResponse)
	return d, nil
}

// textOf is a text as it is, and any other JSON indented.
func textOf(v jsontext.Value) string {
	switch v.Kind() {
	case 0, 'n':
		return ""
	case '"':
		if text, err := jsontext.AppendUnquote(nil, v); err == nil {
			return string(text)
		}
	}
	v = v.Clone()
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return v.String()
	}
	return v.String()
}
