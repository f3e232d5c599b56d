package parity

import (
	"cmp"
	"context"
	"slices"
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

func documentRow(d wire.Document) row {
	k := keyOfDocument(d)
	return row{k.model, cmp.Or(k.decision, k.thread), d}
}

// conversations compares the newest documents, and every document of the file
// by its identity.
func (r *reading) conversations(ctx context.Context) error {
	answer, asOf, err := given(ctx, r, snapshot.Conversations, arena.Source.Conversations)
	if err != nil {
		return err
	}
	ofFiles, err := fileRows(r, snapshot.Conversations, snapshot.DecodeDocument)
	if err != nil {
		return err
	}
	stored, err := r.store.Conversations(ctx)
	if err != nil {
		return err
	}
	if err := r.messageOrder(); err != nil {
		return err
	}
	all := func(wire.Document) string { return "" }
	holds := newWindows(arena.RecentConversations, all, arena.CompareDocuments, answer.Conversations)
	answers := newWindows(arena.RecentConversations, all, arena.CompareDocuments, stored.Conversations)
	ref := func(d wire.Document) repository.FactRef {
		return repository.FactRef{Kind: entities.CorrectDecision, Model: d.Model(), ID: keyOfDocument(d).decision}
	}
	return compareFacts(ctx, r, facts[documentKey, wire.Document]{
		answer: answer.Conversations, file: ofFiles, store: stored.Conversations,
		key: keyOfDocument, row: documentRow, ref: ref, compare: arena.CompareDocuments, find: r.findDocuments,
		answers: func(d wire.Document, _ bool) bool { return answers.claims(d) },
		claimed: func(d wire.Document) bool { return d.Timestamp() <= wire.Seconds(asOf) && holds.claims(d) },
		pair: func(d, other wire.Document) error {
			if d.Thread != nil && other.Thread != nil {
				return r.thread(documentRow(d), *d.Thread, *other.Thread, wire.Seconds(asOf))
			}
			return r.pairFact(ctx, ref(d), documentRow(d), documentRow(other))
		},
	})
}

// findDocuments looks up the documents of the store with the identities of others.
func (r *reading) findDocuments(ctx context.Context, like []wire.Document) ([]wire.Document, error) {
	var decisions []entities.DecisionCycle
	var threads []string
	for _, d := range like {
		if k := keyOfDocument(d); d.Decision != nil {
			decisions = append(decisions, entities.DecisionCycle{ModelID: k.model, ID: k.decision})
		} else {
			threads = append(threads, k.thread)
		}
	}
	foundDecisions, err := r.repos.Decisions.Find(ctx, decisions)
	if err != nil {
		return nil, err
	}
	ofDecisions, err := payloads(foundDecisions, func(row entities.DecisionCycle) (wire.Document, error) {
		d, err := mapping.DecisionPayload(row)
		return wire.Document{Decision: &d}, err
	})
	if err != nil {
		return nil, err
	}
	foundThreads, err := r.repos.Conversations.Find(ctx, threads)
	if err != nil {
		return nil, err
	}
	ofThreads, err := payloads(foundThreads, func(row repository.Thread) (wire.Document, error) {
		t, err := mapping.ThreadPayload(row.Conversation, row.Messages)
		return wire.Document{Thread: &t}, err
	})
	return slices.Concat(ofDecisions, ofThreads), err
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
			if err := r.only(wire.FindingOnlyJSON, field, name.of(m), "the store does not have this message"); err != nil {
				return err
			}
			continue
		}
		if err := r.member(field, name.of(m), name.of(store.Messages[at])); err != nil {
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
		if err := r.only(wire.FindingOnlyStore, "/messages", name.of(m), "the JSON side holds what is older, and not this message"); err != nil {
			return err
		}
	}
	// Those members of a thread that follow from its messages differ where the
	// messages do.
	a, b := json, store
	a.Messages, b.Messages = nil, nil
	if onlyStore > 0 {
		b.Timestamp, b.UserPrompt, b.CotTraceSummary = a.Timestamp, a.UserPrompt, a.CotTraceSummary
	}
	if err := r.member("", name.of(a), name.of(b)); err != nil {
		return err
	}
	r.counts.Compared++
	if len(r.findings) == from {
		r.counts.Equal = equal + 1
	}
	return nil
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
		name := documentRow(wire.Document{Thread: &t})
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
