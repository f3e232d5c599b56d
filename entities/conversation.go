package entities

import "time"

// The kinds of Conversation.
const (
	ConversationThread    = "thread"
	ConversationDecisions = "decisions"
)

// Conversation is a thread of messages of a model on a topic, or the messages
// that belong to its decision cycles. The latter are never listed as a thread.
type Conversation struct {
	CompetitionID string  `gorm:"type:text;primaryKey;default:season-1;index:conversations_account,priority:1;index:conversations_competition_newest,priority:1,where:kind = 'thread'"`
	ID            string  `gorm:"type:text;primaryKey"`
	ModelID       string  `gorm:"type:text;not null;index:conversations_account,priority:2"`
	Kind          string  `gorm:"type:text;not null;check:kind IN ('thread', 'decisions')"`
	Topic         *string `gorm:"type:text"`
	// LastMessageAt is the time of the newest message.
	LastMessageAt *time.Time `gorm:"type:timestamptz;index:conversations_competition_newest,priority:2,sort:desc,where:kind = 'thread'"`
	Extra         JSON       `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Conversation) TableName() string { return "conversations" }
