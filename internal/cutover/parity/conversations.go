package parity

import (
	"context"
	"strconv"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// documentKey is the identity of a document: that of a decision, or of a thread.
type documentKey struct{ model, decision, thread string }

func keyOfDocument(d wire.Document) documentKey {
	if d.Decision != nil {
		return documentKey{model: d.Decision.ModelID, decision: d.Decision.ID}
	}
	return documentKey{model: d.Thread.ModelID, thread: mapping.ThreadID(*d.Thread)}
}

func documentName(d wire.Document) row {
	if d.Decision != nil {
		return row{model: d.Decision.ModelID, id: d.Decision.ID}
	}
	return row{model: d.Thread.ModelID, id: keyOfDocument(d).thread}
}

func documentRow(d wire.Document) (row, error) {
	name := documentName(d)
	return rowOf(name.model, name.id, d)
}

// conversations compares the newest documents, and every document of the file
// by its identity.
func (r *reading) conversations(ctx context.Context) error {
	asOf, err := fromJSON(r.json.AsOf(snapshot.Conversations))
	if err != nil {
		return err
	}
	answer, err := fromJSON(r.json.Conversations(ctx))
	if err != nil {
		return err
	}
	given := answer.Conversations
	ofFiles, err := fileRows(r, snapshot.Conversations, snapshot.DecodeDocument)
	if err != nil {
		return err
	}
	stored, err := r.store.Conversations(ctx)
	if err != nil {
		return err
	}
	order(r, jsonFile, ofFiles, wire.Document.Model, documentName, arena.CompareDocuments)
	order(r, storeAnswer, stored.Conversations, wire.Document.Model, documentName, arena.CompareDocuments)
	if err := r.messageOrder(); err != nil {
		return err
	}

	answered := make(map[documentKey]wire.Document, len(stored.Conversations))
	claimed := newWindow(arena.RecentConversations, arena.CompareDocuments)
	holds := newWindow(arena.RecentConversations, arena.CompareDocuments)
	for _, d := range stored.Conversations {
		answered[keyOfDocument(d)] = d
		claimed.add(d)
	}
	seen := make(map[documentKey]bool, len(given))
	for _, d := range given {
		seen[keyOfDocument(d)] = true
		holds.add(d)
	}
	for _, d := range ofFiles {
		if k := keyOfDocument(d); !seen[k] {
			seen[k] = true
			given = append(given, d)
		}
	}
	behind, err := r.documentsBehind(ctx, given, answered)
	if err != nil {
		return err
	}
	for _, d := range given {
		other, answers := answered[keyOfDocument(d)]
		if !answers {
			other = behind[keyOfDocument(d)]
			answers = other == wire.Document{} || !claimed.claims(other)
		}
		if err := r.pairDocument(ctx, d, other, answers, wire.Seconds(asOf)); err != nil {
			return err
		}
	}
	for _, d := range stored.Conversations {
		if seen[keyOfDocument(d)] {
			continue
		}
		store, err := documentRow(d)
		if err != nil {
			return err
		}
		r.onlyStore(store, d.Timestamp() <= wire.Seconds(asOf) && holds.claims(d))
	}
	return nil
}

// pairDocument compares a document with the store's, which is empty where it does not
// have it; answers says that it is in its answer, or need not be.
func (r *reading) pairDocument(ctx context.Context, d, other wire.Document, answers bool, asOf float64) error {
	ref := repository.FactRef{Kind: entities.CorrectDecision, Model: d.Model(), ID: keyOfDocument(d).decision}
	json, err := documentRow(d)
	if err != nil {
		return err
	}
	switch {
	case other == wire.Document{}:
		return r.lacking(ctx, ref, json)
	case !answers:
		r.onlyJSON(json, "the store has it and does not answer with it")
		return nil
	case d.Thread != nil && other.Thread != nil:
		return r.thread(json, *d.Thread, *other.Thread, asOf)
	}
	store, err := documentRow(other)
	if err != nil {
		return err
	}
	return r.pairFact(ctx, ref, json, store)
}

// documentsBehind looks up the documents that the store did not answer with.
func (r *reading) documentsBehind(ctx context.Context, given []wire.Document, answered map[documentKey]wire.Document) (map[documentKey]wire.Document, error) {
	var decisions []entities.DecisionCycle
	var threads []string
	for _, d := range given {
		k := keyOfDocument(d)
		switch _, ok := answered[k]; {
		case ok:
		case d.Decision != nil:
			decisions = append(decisions, entities.DecisionCycle{ModelID: k.model, ID: k.decision})
		default:
			threads = append(threads, k.thread)
		}
	}
	behind := make(map[documentKey]wire.Document)
	foundDecisions, err := r.repos.Decisions.Find(ctx, decisions)
	if err != nil {
		return nil, err
	}
	for _, f := range foundDecisions {
		if f == nil {
			continue
		}
		d, err := mapping.DecisionPayload(*f)
		if err != nil {
			return nil, err
		}
		behind[documentKey{model: f.ModelID, decision: f.ID}] = wire.Document{Decision: &d}
	}
	foundThreads, err := r.repos.Conversations.Find(ctx, threads)
	if err != nil {
		return nil, err
	}
	for _, f := range foundThreads {
		if f == nil {
			continue
		}
		t, err := mapping.ThreadPayload(f.Conversation, f.Messages)
		if err != nil {
			return nil, err
		}
		behind[documentKey{model: f.ModelID, thread: f.ID}] = wire.Document{Thread: &t}
	}
	return behind, nil
}

// messageKey is the identity of a message within its thread.
type messageKey struct {
	at            int64 // microseconds
	role, content string
}

func keyOfMessage(m wire.Message) messageKey {
	return messageKey{wire.Time(m.Timestamp).UnixMicro(), m.Role, m.Content}
}

// thread compares two threads message by message. The JSON side may hold only
// the last of them.
func (r *reading) thread(name row, json, store wire.Thread, asOf float64) error {
	from, equal := len(r.findings), r.counts.Equal
	byKey := make(map[messageKey]int, len(store.Messages))
	for i, m := range store.Messages {
		byKey[keyOfMessage(m)] = i
	}
	taken := make(map[int]bool, len(store.Messages))
	partner := make([]int, len(json.Messages))
	for i, m := range json.Messages {
		partner[i] = -1
		if at, ok := byKey[keyOfMessage(m)]; ok {
			partner[i], taken[at] = at, true
		}
	}
	last := -1
	for i, m := range json.Messages {
		field := "/messages/" + strconv.Itoa(i)
		at := partner[i]
		if at < 0 {
			// One of the same moment and role that nobody else has is this one
			// with another content.
			for j, other := range store.Messages {
				if !taken[j] && other.Role == m.Role && wire.Time(other.Timestamp).Equal(wire.Time(m.Timestamp)) {
					at, taken[j] = j, true
					break
				}
			}
		}
		if at < 0 {
			one, err := rowOf(name.model, name.id, m)
			if err != nil {
				return err
			}
			r.put(wire.ParityFinding{
				Model: name.model, ID: name.id, Field: field, Kind: wire.FindingOnlyJSON, JSON: one.raw, Reason: "the store does not have this message",
			})
			continue
		}
		if err := r.member(name, field, m, store.Messages[at]); err != nil {
			return err
		}
		if at < last {
			r.put(wire.ParityFinding{
				Model: name.model, ID: name.id, Field: field, Kind: wire.FindingOrder,
				JSON: text("place " + strconv.Itoa(i)), Store: text("place " + strconv.Itoa(at)), Reason: "the messages stand in different orders",
			})
		}
		last = max(last, at)
	}
	onlyStore := 0
	for j, m := range store.Messages {
		if taken[j] {
			continue
		}
		onlyStore++
		if len(json.Messages) > 0 && (m.Timestamp <= json.Messages[0].Timestamp || m.Timestamp > asOf) {
			continue
		}
		one, err := rowOf(name.model, name.id, m)
		if err != nil {
			return err
		}
		r.put(wire.ParityFinding{
			Model: name.model, ID: name.id, Field: "/messages", Kind: wire.FindingOnlyStore, Store: one.raw,
			Reason: "the JSON side holds what is older, and not this message",
		})
	}
	// Those members of a thread that follow from its messages differ where the
	// messages do.
	a, b := json, store
	a.Messages, b.Messages = nil, nil
	if onlyStore > 0 {
		b.Timestamp, b.UserPrompt, b.CotTraceSummary = a.Timestamp, a.UserPrompt, a.CotTraceSummary
	}
	if err := r.member(name, "", a, b); err != nil {
		return err
	}
	r.counts.Compared++
	if len(r.findings) == from {
		r.counts.Equal = equal + 1
	}
	return nil
}

// member compares a part of a row.
func (r *reading) member(name row, field string, json, store any) error {
	x, err := rowOf(name.model, name.id, json)
	if err != nil {
		return err
	}
	y, err := rowOf(name.model, name.id, store)
	if err != nil {
		return err
	}
	found, err := diff(x.raw, y.raw)
	for _, d := range found {
		r.put(wire.ParityFinding{
			Model: name.model, ID: name.id, Field: field + string(d.field), Kind: wire.FindingValue, JSON: d.json, Store: d.store,
		})
	}
	return err
}

// messageOrder checks the messages of each thread as they lie in the file: in
// order of time.
func (r *reading) messageOrder() error {
	if !r.files {
		return nil
	}
	f, err := fromJSON(r.json.File(snapshot.Conversations))
	if err != nil {
		return err
	}
	for i := range f.Rows {
		if !wire.IsThread(f.Rows[i].Raw) {
			continue
		}
		t, err := fromJSON(wire.Decode[wire.Thread](f.Rows[i].Raw))
		if err != nil {
			return err
		}
		name := documentName(wire.Document{Thread: &t})
		for j := 1; j < len(t.Messages); j++ {
			if wire.CompareTimes(t.Messages[j].Timestamp, t.Messages[j-1].Timestamp) < 0 {
				r.put(wire.ParityFinding{
					Model: name.model, ID: name.id, Field: "/messages/" + strconv.Itoa(j), Kind: wire.FindingOrder,
					JSON: text("behind a later one"), Store: text("before it"), Reason: "the " + jsonFile + " breaks the order of messages",
				})
			}
		}
	}
	return nil
}
