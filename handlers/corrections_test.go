package handlers

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

type fakeCorrector struct {
	err   error
	asked []arena.CorrectionRequest
	pages []arena.CorrectionQuery
}

func (f *fakeCorrector) Correct(_ context.Context, r arena.CorrectionRequest) (*arena.CorrectionReply, error) {
	f.asked = append(f.asked, r)
	return &arena.CorrectionReply{CorrectionResult: arena.CorrectionResult{Outcome: "voided"}}, f.err
}

func (f *fakeCorrector) Corrections(_ context.Context, q arena.CorrectionQuery) (*arena.Corrections, error) {
	f.pages = append(f.pages, q)
	return &arena.Corrections{Corrections: []arena.Correction{}, Next: 3}, f.err
}

func (b *bundle) correct(body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", pathCorrections, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testAdminToken)
	r.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Del(pair[0])
	}
	return b.send(r, headers...)
}

func TestCorrectionsAreHandedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.correct(`{"kind":"trade","model_id":"m","fact_id":"m_1","action":"replace","fact":{"id":"m_1"},"reason":"why"}`)
	if w.Code != 200 || w.Body.String() != `{"outcome":"voided"}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	wantHeader(t, w.Header(), "Cache-Control", "no-store")
	want := arena.CorrectionRequest{
		Kind: "trade", Model: "m", ID: "m_1", Action: "replace", Fact: []byte(`{"id":"m_1"}`), Reason: "why", By: "admin API, 192.0.2.1",
	}
	if !reflect.DeepEqual(b.facts.asked, []arena.CorrectionRequest{want}) {
		t.Errorf("%+v", b.facts.asked)
	}
	b.correct(`{"kind":"decision"}`, headerKey, "k1")
	b.correct(`{"kind":"decision"} `, headerKey, "k1")
	keys := []*arena.RequestKey{b.facts.asked[1].Key, b.facts.asked[2].Key}
	if keys[0] == nil || keys[0].Key != "k1" || keys[0].TokenID == "" || keys[0].Digest == keys[1].Digest {
		t.Errorf("%+v %+v", keys[0], keys[1])
	}
}

func TestCorrectionsAreListed(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]arena.CorrectionQuery{
		"": {Limit: 20},
		"?kind=equity&model_id=a%2Fb&before=7&limit=3": {Kind: "equity", Model: "a/b", Before: 7, Limit: 3},
		"?limit=1000000": {Limit: 1000},
	} {
		b := setup(t)
		w := b.do("GET", pathCorrections+query, "Authorization", "Bearer "+testAdminToken)
		if w.Code != 200 || w.Body.String() != `{"corrections":[],"next":3}` || !slices.Equal(b.facts.pages, []arena.CorrectionQuery{want}) {
			t.Errorf("%s: %d %s %+v", query, w.Code, w.Body, b.facts.pages)
		}
	}
}

func TestCorrectionsRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ask     func(*bundle) *httptest.ResponseRecorder
		change  func(*Options)
		problem problemType
	}{
		"no token": {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{}`, "Authorization", "") }, problem: problemUnauthorized},
		"another token": {ask: func(b *bundle) *httptest.ResponseRecorder {
			return b.correct(`{}`, "Authorization", "Bearer "+testToken)
		}, problem: problemUnauthorized},
		"a list without": {ask: func(b *bundle) *httptest.ResponseRecorder { return b.do("GET", pathCorrections) }, problem: problemUnauthorized},
		"off":            {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{}`) }, change: func(o *Options) { o.AdminToken = "" }, problem: problemNoAdminToken},
		"not configured": {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{}`) }, change: func(o *Options) { o.Corrections = nil }, problem: problemNotConfigured},
		"no JSON":        {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{`) }, problem: problemMalformed},
		"no object":      {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`[]`) }, problem: problemInvalidContent},
		"a wrong type":   {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{"fact_id":1761452335}`) }, problem: problemInvalidContent},
		"a member more":  {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{"kind":"trade","void":true}`) }, problem: problemInvalidContent},
		"a member twice": {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{"kind":"trade","kind":"equity"}`) }, problem: problemMalformed},
		"no media type":  {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{}`, "Content-Type", "text/plain") }, problem: problemMediaType},
		"a wrong key":    {ask: func(b *bundle) *httptest.ResponseRecorder { return b.correct(`{}`, headerKey, "a b") }, problem: problemInvalidParameter},
		"a wrong kind": {ask: func(b *bundle) *httptest.ResponseRecorder {
			return b.do("GET", pathCorrections+"?kind=price", "Authorization", "Bearer "+testAdminToken)
		}, problem: problemInvalidParameter},
		"another method": {ask: func(b *bundle) *httptest.ResponseRecorder { return b.do("DELETE", pathCorrections) }, problem: problemMethod},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var change []func(*Options)
			if c.change != nil {
				change = append(change, c.change)
			}
			b := setup(t, change...)
			if p := problemIn(t, c.ask(b)); p.Type != c.problem {
				t.Errorf("%+v", p)
			}
			if len(b.facts.asked)+len(b.facts.pages) > 0 {
				t.Error("it is asked")
			}
		})
	}
}

func TestCorrectionsFail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for err, want := range map[error]problemType{
		fmt.Errorf("%w: trade", arena.ErrUnknownFact):    problemUnknownFact,
		&arena.RefusedError{Reason: "move it first"}:     problemRefused,
		arena.ErrKeyReused:                               problemKeyReused,
		arena.ErrBusy:                                    problemBusy,
		fmt.Errorf("%w: secret", arena.ErrUnavailable):   problemUnavailable,
		&parameterError{wire.Faults{{Reason: "unused"}}}: problemInvalidParameter,
	} {
		b.facts.err = err
		if p := problemIn(t, b.correct(`{"kind":"trade"}`)); p.Type != want || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v: %+v", err, p)
		}
	}
	b.facts.err = wire.Faults{{Path: "/fact/quantity", Reason: "is a string"}}
	if p := problemIn(t, b.correct(`{}`)); p.Type != problemInvalidContent || p.Errors[0].Path != "/fact/quantity" {
		t.Errorf("%+v", p)
	}
}
