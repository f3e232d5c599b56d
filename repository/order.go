package repository

import (
	"cmp"

	"nof0/entities"
)

// The orders of lists. Text is compared by its bytes, as the rest of the system
// does, whatever the collation of the database: every list that leaves it, and
// every page of one, is ordered by these and by nothing else.
const (
	byModel = `model_id COLLATE "C"`
	// asListed orders what has one row per model, as lists of models are: it needs
	// the columns of models.
	asListed        = `kind = 'benchmark', listed_at, listing, id COLLATE "C"`
	bySymbol        = `symbol COLLATE "C"`
	newestTrades    = `exit_time DESC, id COLLATE "C" DESC`
	newestDecisions = `executed_at DESC, id COLLATE "C" DESC, model_id COLLATE "C" DESC`
	newestThreads   = `last_message_at DESC NULLS LAST, id COLLATE "C" DESC`
	// inThread orders messages as CompareMessages does, those of a conversation
	// together.
	inThread = `conversation_id, time, sequence, role COLLATE "C", content_digest COLLATE "C"`
)

// CompareMessages orders the messages of a conversation: by time, those of one
// moment by sequence, then role, then digest.
func CompareMessages(a, b entities.ConversationMessage) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Sequence, b.Sequence),
		cmp.Compare(a.Role, b.Role), cmp.Compare(a.ContentDigest, b.ContentDigest))
}
