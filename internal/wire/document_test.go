package wire

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func TestIsThread(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		threadRow:                    true,
		decisionRow:                  false,
		`{"messages":null}`:          true, // damaged, but it is meant to be one
		`{"messages":1}`:             true,
		`{"Messages":[]}`:            false,
		`{"x":{"messages":[]}}`:      false,
		`{}`:                         false,
		`[]`:                         false,
		`null`:                       false,
		``:                           false,
		`{"messages":[],`:            false,
		`{"a":1,"a":1,"messages":1}`: true,
	} {
		require.Equal(t, want, IsThread(jsontext.Value(text)), text)
	}
}

func TestDocumentsComeBackInTheirShape(t *testing.T) {
	t.Parallel()
	body := `{"conversations":[` + threadRow + `,` + decisionRow + `],"serverTime":7}`
	var payload Conversations
	require.NoError(t, Unmarshal([]byte(body), &payload))
	require.Len(t, payload.Conversations, 2)
	require.NotNil(t, payload.Conversations[0].Thread)
	require.Nil(t, payload.Conversations[0].Decision)
	require.NotNil(t, payload.Conversations[1].Decision)
	require.Nil(t, payload.Conversations[1].Thread)
	got, err := Marshal(payload)
	require.NoError(t, err)
	require.Equal(t, value(t, []byte(body)), value(t, got))
}

func TestDerive(t *testing.T) {
	t.Parallel()
	say := func(role, content string, at float64) Message {
		return Message{Role: role, Content: content, Timestamp: at}
	}
	for name, c := range map[string]struct {
		messages []Message
		want     Thread
	}{
		"empty":   {nil, Thread{}},
		"system":  {[]Message{say("system", "s", 1)}, Thread{Timestamp: Some(1.0)}},
		"a user":  {[]Message{say("user", "u", 1)}, Thread{Timestamp: Some(1.0), UserPrompt: Some("u")}},
		"a reply": {[]Message{say("assistant", "", 1)}, Thread{Timestamp: Some(1.0), CotTraceSummary: Some("")}},
		"the last of each": {
			[]Message{say("user", "u1", 1), say("assistant", "a1", 2), say("user", "u2", 3), say("assistant", "a2", 4), say("system", "s", 5)},
			Thread{Timestamp: Some(5.0), UserPrompt: Some("u2"), CotTraceSummary: Some("a2")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What the source said of them must not stay.
			got := Thread{Messages: c.messages, Timestamp: Some(9.0), UserPrompt: Some("x"), CotTraceSummary: Null[string]()}
			got.Derive()
			c.want.Messages = c.messages
			require.Equal(t, c.want, got)
			require.InDelta(t, c.want.Timestamp.Or(0), Document{Thread: &got}.Timestamp(), 0)
		})
	}
}
