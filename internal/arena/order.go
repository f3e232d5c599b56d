package arena

import (
	"cmp"
	"math"
	"slices"

	"nof0/internal/mapping"
	"nof0/internal/wire"
)

// The orders of rows, as the queries of repository have them: text by its bytes,
// times by their microseconds. Whoever orders rows, or checks their order, does
// it by these.

// CompareTrades orders trades: by model, then newest exit first, ties by id
// descending.
func CompareTrades(a, b wire.Trade) int {
	return cmp.Or(
		cmp.Compare(a.ModelID, b.ModelID),
		wire.CompareTimes(b.ExitTime, a.ExitTime),
		cmp.Compare(b.ID, a.ID),
	)
}

// CompareTotals orders account-totals rows: by hourly marker, then model, then
// time.
func CompareTotals(a, b wire.AccountTotal) int {
	return cmp.Or(
		cmp.Compare(a.SinceInceptionHourlyMarker, b.SinceInceptionHourlyMarker),
		cmp.Compare(a.ModelID, b.ModelID),
		wire.CompareTimes(a.Timestamp, b.Timestamp),
	)
}

// CompareDocuments orders conversation documents: newest first, ties by id
// descending, then by model descending. A thread without a message is older than
// any document.
func CompareDocuments(a, b wire.Document) int {
	return cmp.Or(
		cmp.Compare(moment(b), moment(a)),
		cmp.Compare(documentID(b), documentID(a)),
		cmp.Compare(b.Model(), a.Model()),
	)
}

// NewestDocuments returns the newest RecentConversations documents in order.
func NewestDocuments(docs []wire.Document) []wire.Document {
	docs = slices.Clone(docs)
	slices.SortStableFunc(docs, CompareDocuments)
	return docs[:min(len(docs), RecentConversations):len(docs)]
}

// moment is the time of a document in microseconds.
func moment(d wire.Document) int64 {
	if d.Thread != nil && len(d.Thread.Messages) == 0 {
		return math.MinInt64
	}
	return wire.Time(d.Timestamp()).UnixMicro()
}

// documentID is the id of a decision, or that under which a thread is stored.
func documentID(d wire.Document) string {
	if d.Decision != nil {
		return d.Decision.ID
	}
	return mapping.ThreadID(*d.Thread)
}
