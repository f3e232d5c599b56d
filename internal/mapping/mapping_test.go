package mapping

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/wire"
)

func TestPositionIDNamesOneOpening(t *testing.T) {
	t.Parallel()
	base := wire.Position{Symbol: "BTC", EntryPrice: 1, Quantity: 1, EntryOid: wire.Some[int64](7), EntryTime: wire.Some(1.5)}
	id := PositionID("m", primary, base)

	later := base
	later.Quantity, later.EntryPrice, later.CurrentPrice, later.Extra = 0.5, 2, wire.Some(3.0), jsontext.Value(`{"x":1}`)
	later.EntryTime = wire.Some(9.0) // some sources round it
	require.Equal(t, id, PositionID("m", primary, later), "the same opening")
	require.Equal(t, id, Position("m", primary, later).ID)

	reopened := base
	reopened.EntryOid = wire.Some[int64](8)
	require.NotEqual(t, id, PositionID("m", primary, reopened))

	for name, oid := range map[string]wire.Opt[int64]{
		"-1": wire.Some[int64](-1), "0": wire.Some[int64](0), "absent": {}, "null": wire.Null[int64](),
	} {
		p := base
		p.EntryOid = oid
		fallback := PositionID("m", primary, p)
		require.NotEqual(t, id, fallback, name)
		same := p
		same.Quantity = 9
		require.Equal(t, fallback, PositionID("m", primary, same), name)
		p.EntryTime = wire.Some(1.500001)
		require.NotEqual(t, fallback, PositionID("m", primary, p), name)
	}
	neither := wire.Position{Symbol: "BTC", EntryPrice: 1, Quantity: 1}
	other := neither
	other.EntryPrice = 2
	require.NotEqual(t, PositionID("m", primary, neither), PositionID("m", primary, other), "the entry price tells openings apart")
}

func TestPositionIDsDoNotCollide(t *testing.T) {
	t.Parallel()
	// Names made of what joins and escapes them.
	names := []string{"a", "b", "a/b", "a%2Fb", "/", "%", "%25", "a/", "/b", "t1", "1", ".", "..", "é", "a b", "a+b", "_", "-"}
	openings := []wire.Position{
		{EntryOid: wire.Some[int64](1)},
		{EntryOid: wire.Some[int64](1500000)},
		{EntryTime: wire.Some(1.5)},
		{EntryTime: wire.Some(0.000001)},
		{EntryPrice: 1500000},
		{},
	}
	seen := make(map[string]string)
	for _, model := range names {
		for _, provider := range names {
			for _, symbol := range names {
				for i, p := range openings {
					p.Symbol = symbol
					tuple := fmt.Sprintf("%q %q %q %d", model, provider, symbol, i)
					id := PositionID(model, provider, p)
					if other, taken := seen[id]; taken {
						require.Failf(t, "collision", "%s and %s are both %q", other, tuple, id)
					}
					seen[id] = tuple
				}
			}
		}
	}
}

func TestThreadIDsDoNotCollide(t *testing.T) {
	t.Parallel()
	id := func(model string, topic wire.Opt[string]) string {
		c, _ := Thread(wire.Thread{ModelID: model, Topic: topic})
		return c.ID
	}
	seen := make(map[string]bool)
	for _, model := range []string{"a", "a/b", "a%2Fb", "a/"} {
		for _, topic := range []wire.Opt[string]{{}, wire.Some("b"), wire.Some("/"), wire.Some("a/b"), wire.Some("%2F")} {
			one := id(model, topic)
			require.False(t, seen[one], one)
			seen[one] = true
			decisions, _ := DecisionMessages(entities.DecisionCycle{ModelID: model})
			require.NotEqual(t, one, decisions.ID)
		}
	}
	require.Equal(t, id("a", wire.Opt[string]{}), id("a", wire.Null[string]()), "no topic, however it is said")
}

func TestMessagesOfTheSameTimeKeepTheirOrder(t *testing.T) {
	t.Parallel()
	_, rows := Thread(wire.Thread{ModelID: "m", Messages: []wire.Message{
		{Role: "user", Content: "a", Timestamp: 1},
		{Role: "assistant", Content: "b", Timestamp: 1},
		{Role: "user", Content: "c", Timestamp: 1.0000001}, // the same microsecond
		{Role: "user", Content: "a", Timestamp: 2},
	}})
	var got []int64
	for _, r := range rows {
		got = append(got, r.Sequence)
	}
	require.Equal(t, []int64{0, 1, 2, 0}, got)
	require.Equal(t, rows[0].ContentDigest, rows[3].ContentDigest, "of the content alone")
	require.NotEqual(t, rows[0].ContentDigest, rows[1].ContentDigest)
}

func TestADecisionCycleKnowsHowItEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer   jsontext.Value
		success  bool
		reason   string
		messages int // beside the prompt
	}{
		"decisions":  {jsontext.Value(`{"BTC":{}}`), true, "", 1},
		"no coins":   {jsontext.Value(`{}`), true, "", 1},
		"unreadable": {jsontext.Value(`{"failed_json_response_raw_text":"{"}`), false, "the model's answer was not valid JSON", 1},
		"null":       {jsontext.Value(`null`), false, "there is no answer", 0},
		"absent":     {nil, false, "there is no answer", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := Decision(wire.Decision{ID: "d", ModelID: "m", Timestamp: 2, UserPrompt: wire.Some("p"), LlmResponse: c.answer})
			require.Equal(t, c.success, row.Success)
			if c.reason == "" {
				require.Nil(t, row.Error)
			} else {
				require.Equal(t, c.reason, *row.Error)
			}
			require.NotNil(t, row.PromptDigest)
			conversation, said := DecisionMessages(row)
			require.Equal(t, entities.ConversationDecisions, conversation.Kind)
			require.Len(t, said, 1+c.messages)
			require.Equal(t, "p", said[0].Content)
			require.Equal(t, entities.RoleUser, said[0].Role)
			for i, m := range said {
				require.Equal(t, int64(i), m.Sequence)
				require.Equal(t, conversation.ID, m.ConversationID)
				require.JSONEq(t, `{"decision_id":"d"}`, string(m.Metadata))
				require.Equal(t, time.Unix(2, 0).UTC(), m.Time)
			}
		})
	}
}

func TestADecisionWithoutPromptHasNoDigest(t *testing.T) {
	t.Parallel()
	for _, prompt := range []wire.Opt[string]{{}, wire.Null[string]()} {
		row := Decision(wire.Decision{ID: "d", ModelID: "m", UserPrompt: prompt})
		require.Nil(t, row.PromptDigest)
		_, said := DecisionMessages(row)
		require.Empty(t, said)
	}
}

func TestAnalyticsAreAsOldAsTheySay(t *testing.T) {
	t.Parallel()
	captured := time.Unix(100, 0).UTC()
	payload := jsontext.Value(`{"model_id":"m"}`)
	said := Analytics(wire.AnalyticsDoc{ModelID: "m", UpdatedAt: wire.Some(5.0)}, payload, 7000, captured)
	require.Equal(t, time.Unix(5, 0).UTC(), said.AsOf)
	require.Equal(t, time.Unix(7, 0).UTC(), *said.ServerTime)
	require.Equal(t, entities.AnalyticsImported, said.Source)
	for _, silent := range []wire.Opt[float64]{{}, wire.Null[float64]()} {
		row := Analytics(wire.AnalyticsDoc{ModelID: "m", UpdatedAt: silent}, payload, 0, captured)
		require.Equal(t, captured, row.AsOf)
		require.Nil(t, row.ServerTime)
	}
}

func TestAnAccountWithoutInceptionHasNoPayload(t *testing.T) {
	t.Parallel()
	at, nav := time.Unix(1, 0), 1.0
	for _, row := range []entities.Account{{}, {InceptionAt: &at}, {InceptionNAV: &nav}} {
		_, known, err := InceptionPayload(row)
		require.NoError(t, err)
		require.False(t, known)
	}
}
