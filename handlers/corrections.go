package handlers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

const (
	pathCorrections = "/admin/corrections"
	// defaultCorrections and mostCorrections are how many are listed.
	defaultCorrections = 20
	mostCorrections    = 1000
)

func correctionParameters() []parameter[arena.CorrectionQuery] {
	kinds := arena.CorrectionKinds()
	return []parameter[arena.CorrectionQuery]{
		query("kind", form[string]{
			parse: func(raw string) (string, bool) { return raw, slices.Contains(kinds, raw) },
			wrong: "is none of " + strings.Join(kinds, ", "),
		}, func(q *arena.CorrectionQuery, kind string) { q.Kind = kind }),
		query("model_id", form[string]{
			parse: func(raw string) (string, bool) { return raw, wire.CheckID(raw) == nil }, wrong: "is no id of a model",
		}, func(q *arena.CorrectionQuery, model string) { q.Model = model }),
		query("before", integer(1), func(q *arena.CorrectionQuery, id int64) { q.Before = id }),
		query("limit", integer(1), func(q *arena.CorrectionQuery, n int64) { q.Limit = int(min(n, mostCorrections)) }),
	}
}

// listCorrections shows a page of corrections.
func (o *operators) listCorrections(c *gin.Context) {
	o.answer(c, o.facts != nil, func(*token) (any, error) {
		asked := arena.CorrectionQuery{Limit: defaultCorrections}
		if err := readParameters(c, &asked, correctionParameters()); err != nil {
			return nil, err
		}
		return o.facts.Corrections(c.Request.Context(), asked)
	})
}

// correctionBody is the body of a request to correct a fact.
type correctionBody struct {
	Competition string         `json:"competition_id,omitzero" jsonschema_description:"Competition of the fact; without it, that of the parameter competition, or else the default one"`
	Kind        string         `json:"kind" enum:"trade,equity,decision"`
	Model       string         `json:"model_id"`
	FactID      string         `json:"fact_id" jsonschema_description:"Id of the trade or the decision; time of the equity row in unix seconds"`
	Action      string         `json:"action" enum:"void,replace"`
	Fact        jsontext.Value `json:"fact,omitzero" jsonschema_description:"What takes the place of the fact, as an item of ingest, with the same identity; for replace alone. The row of a trade alone leaves what its fill said of the position; {trade, remaining} says it anew"`
	Reason      string         `json:"reason" jsonschema:"minLength=1,maxLength=500"`
}

// correct voids or replaces a fact.
func (o *operators) correct(c *gin.Context) {
	o.answer(c, o.facts != nil, func(who *token) (any, error) {
		request, err := o.readCorrection(c, who)
		if err != nil {
			return nil, err
		}
		ctx, done := staying(c.Request.Context())
		defer done()
		reply, err := o.facts.Correct(ctx, request)
		if err != nil {
			return nil, err
		}
		if reply.Response != nil {
			return jsontext.Value(reply.Response.Body), nil
		}
		return &reply.CorrectionResult, nil
	})
}

// respondCorrection renders the result of a correction.
func respondCorrection(result *arena.CorrectionResult) (arena.Response, error) {
	body, err := wire.Marshal(result)
	return arena.Response{Status: http.StatusOK, Body: body}, err
}

func (o *operators) readCorrection(c *gin.Context, who *token) (r arena.CorrectionRequest, err error) {
	var options writeOptions
	if err := readParameters(c, &options, []parameter[writeOptions]{competitionParameter(), keyParameter()}); err != nil {
		return r, err
	}
	var body correctionBody
	raw, err := o.read(c, &body, "kind, model_id, fact_id, action and reason (text), competition_id (text) where it is not the default one, and fact to replace one")
	if err != nil {
		return r, err
	}
	r = arena.CorrectionRequest{
		Competition: cmp.Or(body.Competition, options.competition),
		Kind:        body.Kind, Model: body.Model, ID: body.FactID, Action: body.Action, Fact: body.Fact,
		Reason: body.Reason, By: who.who(c),
	}
	if options.key != "" {
		sum := sha256.Sum256(append([]byte("correction\n"+options.competition), raw...))
		r.Respond = respondCorrection
		r.Key = &arena.RequestKey{TokenID: who.id, Key: options.key, Digest: hex.EncodeToString(sum[:])}
	}
	return r, nil
}

// readObject reads the body of a request of operators strictly: expected says which
// members it has.
func readObject(raw []byte, into any, expected string) error {
	err := json.Unmarshal(raw, into, json.RejectUnknownMembers(true))
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return &malformedError{wire.Fault{Reason: syntactic.Error()}}
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return wire.Faults{{
			Path: string(semantic.JSONPointer), Reason: "is not what is expected here: " + expected,
		}}
	}
	return err
}
