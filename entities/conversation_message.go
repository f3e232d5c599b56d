package entities

import "time"

// The roles of a ConversationMessage.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// ConversationMessage is one message of a conversation. Its identity is what
// it says, when and as whom, so that overlapping captures unite.
type ConversationMessage struct {
	CompetitionID  string    `gorm:"type:text;primaryKey;default:season-1"`
	ConversationID string    `gorm:"type:text;primaryKey"`
	Time           time.Time `gorm:"type:timestamptz;primaryKey"`
	Role           string    `gorm:"type:text;primaryKey;check:role IN ('system', 'user', 'assistant')"`
	ContentDigest  string    `gorm:"type:text;primaryKey"` // SHA-256 of Content, hex
	// Sequence orders messages of the same time.
	Sequence int64  `gorm:"type:bigint;not null"`
	Content  string `gorm:"type:text;not null"`
	Metadata JSON   `gorm:"type:jsonb"`
	Extra    JSON   `gorm:"type:jsonb"`
	Timestamps

	Conversation *Conversation `gorm:"foreignKey:CompetitionID,ConversationID;references:CompetitionID,ID;constraint:OnDelete:CASCADE"`
}

// TableName implements GORM's tabler.
func (ConversationMessage) TableName() string { return "conversation_messages" }
