package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"time"

	"nof0/entities"
	"nof0/internal/wire"
)

// Thread is the table rows of a thread. Messages of the same time keep the
// order in which the thread gives them.
func Thread(t wire.Thread) (entities.Conversation, []entities.ConversationMessage) {
	x := newExtra(t.Extra)
	c := entities.Conversation{
		ModelID: t.ModelID,
		Kind:    entities.ConversationThread,
		Topic:   column(x, "topic", t.Topic),
	}
	c.ID = ThreadID(t)
	c.Extra = x.json()

	rows := make([]entities.ConversationMessage, len(t.Messages))
	nth := make(map[int64]int64)
	for i, m := range t.Messages {
		mx := newExtra(m.Extra)
		at := mx.seconds("timestamp", m.Timestamp)
		rows[i] = entities.ConversationMessage{
			ConversationID: c.ID,
			Time:           at,
			Role:           m.Role,
			ContentDigest:  digest(m.Content),
			Sequence:       nth[at.UnixMicro()],
			Content:        m.Content,
			Metadata:       entities.JSON(m.Metadata),
		}
		rows[i].Extra = mx.json()
		nth[at.UnixMicro()]++
	}
	return c, rows
}

// ThreadID is the id under which a thread is stored: that of its model and topic.
func ThreadID(t wire.Thread) string {
	id := "thread/" + url.PathEscape(t.ModelID)
	if topic := t.Topic.Ptr(); topic != nil {
		id += "/" + url.PathEscape(*topic)
	}
	return id
}

// ThreadPayload is the payload of a thread's table rows, with the members that
// are derived from its messages.
func ThreadPayload(c entities.Conversation, messages []entities.ConversationMessage) (wire.Thread, error) {
	t := wire.Thread{
		ModelID:  c.ModelID,
		Topic:    wire.FromPtr(c.Topic),
		Messages: make([]wire.Message, len(messages)),
	}
	for i, m := range messages {
		t.Messages[i] = wire.Message{
			Role:      m.Role,
			Content:   m.Content,
			Timestamp: wire.Seconds(m.Time),
			Metadata:  raw(m.Metadata),
		}
		if err := Overlay(m.Extra, &t.Messages[i]); err != nil {
			return t, err
		}
	}
	if err := Overlay(c.Extra, &t); err != nil {
		return t, err
	}
	t.Derive()
	return t, nil
}

// failedAnswer is the member that takes the place of decisions where the
// model's answer could not be read.
const failedAnswer = "failed_json_response_raw_text"

var decisions = newMapper[wire.Decision, entities.DecisionCycle]("Timestamp", "LlmResponse")

// Decision is the table row of a decision document.
func Decision(d wire.Decision) entities.DecisionCycle {
	x := newExtra(d.Extra)
	row := decisions.row(d, x, entities.DecisionCycle{
		ExecutedAt: x.seconds("timestamp", d.Timestamp), Decisions: entities.JSON(d.LlmResponse),
	})
	if row.UserPrompt != nil {
		sum := digest(*row.UserPrompt)
		row.PromptDigest = &sum
	}
	row.Success, row.Error = answered(row.Decisions)
	return row
}

// answered reports whether a cycle ended in decisions, and else why not.
func answered(answer entities.JSON) (success bool, reason *string) {
	var members map[string]any
	why := "the model's answer was not valid JSON"
	if len(answer) == 0 || wire.Unmarshal(answer, &members) != nil || members == nil {
		why = "there is no answer"
	} else if _, failed := members[failedAnswer]; !failed {
		return true, nil
	}
	return false, &why
}

// DecisionPayload is the payload of a decision cycle's table row.
func DecisionPayload(row entities.DecisionCycle) (wire.Decision, error) {
	return decisions.payload(row, wire.Decision{Timestamp: wire.Seconds(row.ExecutedAt), LlmResponse: raw(row.Decisions)})
}

// DecisionMessages is the conversation of a model's decision cycles and the
// prompt and answer of one cycle as messages of it.
func DecisionMessages(row entities.DecisionCycle) (entities.Conversation, []entities.ConversationMessage) {
	c := entities.Conversation{
		ID:      "decisions/" + url.PathEscape(row.ModelID),
		ModelID: row.ModelID,
		Kind:    entities.ConversationDecisions,
	}
	metadata, _ := wire.Marshal(map[string]string{"decision_id": row.ID}) // strings always render
	var messages []entities.ConversationMessage
	say := func(at time.Time, role, content string) {
		messages = append(messages, entities.ConversationMessage{
			ConversationID: c.ID,
			Time:           at,
			Role:           role,
			ContentDigest:  digest(content),
			Sequence:       int64(len(messages)),
			Content:        content,
			Metadata:       entities.JSON(metadata),
		})
	}
	if row.UserPrompt != nil {
		say(row.ExecutedAt, entities.RoleUser, *row.UserPrompt)
	}
	if len(row.Decisions) > 0 && raw(row.Decisions).Kind() != 'n' {
		say(row.ExecutedAt, entities.RoleAssistant, string(row.Decisions))
	}
	return c, messages
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
