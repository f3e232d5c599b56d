package arena

import (
	"cmp"
	"context"
	"html"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"nof0/internal/analytics"
	"nof0/internal/catalogue"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// documentKey is where a document stands in the order of NewestDocuments.
type documentKey struct {
	At    int64  `json:"t"` // unix microseconds; that of a thread without a message is before all others
	ID    string `json:"i"`
	Model string `json:"m"`
}

func (k documentKey) compare(o documentKey) int {
	return cmp.Or(cmp.Compare(k.At, o.At), cmp.Compare(k.ID, o.ID), cmp.Compare(k.Model, o.Model))
}

// keyedDocument is a document and where it stands.
type keyedDocument struct {
	wire.Document
	key documentKey
}

func (d keyedDocument) place() documentKey { return d.key }

func newestFirst(a, b keyedDocument) int { return b.key.compare(a.key) }

func documentsOf(page []keyedDocument) []wire.Document {
	docs := make([]wire.Document, len(page))
	for i := range page {
		docs[i] = page[i].Document
	}
	return docs
}

// decisionsFilter selects what a request does, behind a key.
func decisionsFilter(req Request, after *documentKey) repository.DecisionFilter {
	f := repository.DecisionFilter{Model: req.Model, Span: req.Series.span()}
	if after != nil {
		f.After = &repository.DecisionKey{ID: after.ID, ModelID: after.Model}
		if after.At != math.MinInt64 {
			f.After.Time = micros(after.At)
		}
	}
	return f
}

// ConversationsPage implements Source.
func (s *Store) ConversationsPage(ctx context.Context, req Request) (wire.Conversations, error) {
	if err := s.selectable(ctx, req); err != nil {
		return wire.Conversations{}, err
	}
	page, next, err := PageOf(req, func(after *documentKey, n int) ([]keyedDocument, error) {
		return s.documents(ctx, decisionsFilter(req, after), n)
	}, keyedDocument.place)
	return wire.Conversations{Conversations: documentsOf(page), NextCursor: next, ServerTime: s.serverTime()}, err
}

// documents are the first n documents that a filter selects.
func (s *Store) documents(ctx context.Context, f repository.DecisionFilter, n int) ([]keyedDocument, error) {
	docs := []keyedDocument{}
	if f.After == nil || !f.After.Time.IsZero() {
		rows, err := s.repos.Decisions.Page(ctx, f, n)
		if err != nil {
			return nil, Unavailable(err)
		}
		for _, row := range rows {
			d, err := mapping.DecisionPayload(row)
			if err != nil {
				return nil, err
			}
			docs = append(docs, keyedDocument{wire.Document{Decision: &d}, documentKey{row.ExecutedAt.UnixMicro(), row.ID, row.ModelID}})
		}
	}
	threads, err := s.repos.Conversations.Page(ctx, f, n)
	if err != nil {
		return nil, Unavailable(err)
	}
	for _, row := range threads {
		t, err := mapping.ThreadPayload(row.Conversation, row.Messages)
		if err != nil {
			return nil, err
		}
		key := documentKey{math.MinInt64, row.ID, row.ModelID}
		if row.LastMessageAt != nil {
			key.At = row.LastMessageAt.UnixMicro()
		}
		docs = append(docs, keyedDocument{wire.Document{Thread: &t}, key})
	}
	slices.SortFunc(docs, newestFirst)
	return docs[:min(n, len(docs))], nil
}

// SelectDocuments returns the page of documents that a request asks for, of all that
// there are.
func SelectDocuments(all []wire.Document, req Request) (page []wire.Document, next string, err error) {
	var selected []keyedDocument
	span := req.Series
	for _, d := range all {
		at := moment(d)
		if req.Model != "" && d.Model() != req.Model ||
			!span.From.IsZero() && at < span.From.UnixMicro() ||
			!span.To.IsZero() && (at > span.To.UnixMicro() || at == math.MinInt64) {
			continue
		}
		selected = append(selected, keyedDocument{d, documentKey{at, documentID(d), d.Model()}})
	}
	slices.SortFunc(selected, newestFirst)
	behind := func(d keyedDocument, after documentKey) bool { return d.key.compare(after) < 0 }
	rows, next, err := pageOfList(req, selected, behind, keyedDocument.place)
	return documentsOf(rows), next, err
}

// Decisions returns a page of the decisions of a model, without their long texts.
func (s *Store) Decisions(ctx context.Context, req Request) (wire.Decisions, error) {
	if err := s.selectable(ctx, req); err != nil {
		return wire.Decisions{}, err
	}
	rows, next, err := PageOf(req, func(after *documentKey, n int) ([]repository.Outline, error) {
		rows, err := s.repos.Decisions.Outlines(ctx, decisionsFilter(req, after), n)
		return rows, Unavailable(err)
	}, func(o repository.Outline) documentKey { return documentKey{o.ExecutedAt.UnixMicro(), o.ID, o.ModelID} })
	out := wire.Decisions{Decisions: make([]wire.DecisionOutline, len(rows)), NextCursor: next, ServerTime: s.serverTime()}
	for i, row := range rows {
		document, err := mapping.DecisionPayload(row.DecisionCycle)
		if err != nil {
			return wire.Decisions{}, err
		}
		out.Decisions[i] = wire.DecisionOutline{
			ID: row.ID, ModelID: row.ModelID, Timestamp: document.Timestamp, InsertedAt: document.InsertedAt,
			CycleID: document.CycleID, RunID: document.RunID, Skill: document.Skill,
			Success: row.Success, Error: wire.FromPtr(row.Error),
			Signals: map[string]int{}, Symbols: []string{},
			PromptLength: wire.FromPtr(row.PromptLength), TraceLength: wire.FromPtr(row.TraceLength),
			Link: s.decisionLink(row.ModelID, row.ID, ""),
		}
		addSignals(&out.Decisions[i], analytics.SignalsIn(document.LlmResponse))
	}
	return out, err
}

// addSignals adds to an outline what an answer says.
func addSignals(o *wire.DecisionOutline, signals []wire.Signal) {
	sum, n := 0.0, 0
	for _, signal := range signals {
		o.Signals[signal.Signal]++
		o.Symbols = append(o.Symbols, signal.Symbol)
		if c, ok := signal.Confidence.Get(); ok {
			sum, n = sum+c, n+1
		}
	}
	if n > 0 {
		o.Confidence = wire.Some(sum / float64(n))
	}
}

// Search returns a page of the decisions in whose chain of thought or summary the words
// of a query are.
func (s *Store) Search(ctx context.Context, req Request) (wire.SearchResults, error) {
	refuse := func(reason string) error { return &ParameterError{Name: "q", Reason: reason} }
	switch n := utf8.RuneCountInString(req.Query); {
	case strings.TrimSpace(req.Query) == "":
		return wire.SearchResults{}, refuse("is missing or blank; say what to look for")
	case n > catalogue.MaxQuery:
		return wire.SearchResults{}, refuse("is longer than 200 characters")
	case !utf8.ValidString(req.Query) || strings.ContainsRune(req.Query, 0):
		return wire.SearchResults{}, refuse("is not UTF-8, or holds a NUL")
	}
	if err := s.selectable(ctx, req); err != nil {
		return wire.SearchResults{}, err
	}
	searchable, err := s.repos.Decisions.Searchable(ctx, req.Query)
	if err == nil && !searchable {
		err = refuse("has no word to look for: words such as the and of are in every text, and what is only excluded finds nothing")
	}
	if err != nil {
		return wire.SearchResults{}, Unavailable(err)
	}
	rows, next, err := PageOf(req, func(after *foundKey, n int) ([]repository.Found, error) {
		search := repository.Search{Query: req.Query, Model: req.Model, Span: req.Series.span()}
		if after != nil {
			search.After = &repository.Found{
				Rank: after.Rank, ExecutedAt: micros(after.At), ID: after.ID, ModelID: after.Model, Until: micros(after.Until),
			}
		}
		rows, err := s.repos.Decisions.Search(ctx, search, n)
		return rows, Unavailable(err)
	}, func(f repository.Found) foundKey {
		return foundKey{documentKey{f.ExecutedAt.UnixMicro(), f.ID, f.ModelID}, f.Rank, f.Until.UnixMicro()}
	})
	out := wire.SearchResults{Results: make([]wire.SearchResult, len(rows)), NextCursor: next, ServerTime: s.serverTime()}
	for i, row := range rows {
		out.Results[i] = wire.SearchResult{
			ModelID: row.ModelID, ID: row.ID, Timestamp: wire.Seconds(row.ExecutedAt), Rank: row.Rank,
			Summary: marked(row.Summary), Trace: marked(row.Trace), Link: s.decisionLink(row.ModelID, row.ID, ""),
		}
	}
	return out, err
}

// foundKey is where a decision stands among those that a search has ranked.
type foundKey struct {
	documentKey

	Rank  float64 `json:"r"`
	Until int64   `json:"u"` // unix microseconds of the newest that was ranked
}

// marked is a text as HTML, with what was found in mark elements.
func marked(text string) string {
	return strings.NewReplacer(repository.MarkBegin, "<mark>", repository.MarkEnd, "</mark>").Replace(html.EscapeString(text))
}
