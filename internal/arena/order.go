package arena

import (
	"cmp"
	"slices"
	"strings"

	"nof0/internal/wire"
)

// NewestDocuments returns the newest RecentConversations documents: newest
// first, ties by id descending.
func NewestDocuments(docs []wire.Document) []wire.Document {
	docs = slices.Clone(docs)
	slices.SortStableFunc(docs, CompareDocuments)
	return docs[:min(len(docs), RecentConversations):len(docs)]
}

// CompareDocuments orders documents: newest first, ties by id descending.
func CompareDocuments(a, b wire.Document) int {
	return cmp.Or(cmp.Compare(b.Timestamp(), a.Timestamp()), strings.Compare(documentKey(b), documentKey(a)))
}

func documentKey(d wire.Document) string {
	if d.Decision != nil {
		return d.Decision.ID
	}
	return d.Thread.ModelID + "/" + d.Thread.Topic.Or("")
}
