package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

func newThread(id string) entities.Conversation {
	return entities.Conversation{ID: id, ModelID: model1, Kind: entities.ConversationThread, Topic: new("topic")}
}

// said are messages at seconds after begin; those of one second are numbered
// in their order, as a capture gives them.
func said(texts ...string) []entities.ConversationMessage {
	nth := make(map[int]int64)
	var messages []entities.ConversationMessage
	for _, text := range texts {
		var second int
		var content string
		_, _ = fmt.Sscanf(text, "%d %s", &second, &content)
		sum := sha256.Sum256([]byte(content))
		messages = append(messages, entities.ConversationMessage{
			Time: begin.Add(time.Duration(second) * time.Second), Role: entities.RoleAssistant,
			ContentDigest: hex.EncodeToString(sum[:]), Sequence: nth[second], Content: content,
		})
		nth[second]++
	}
	return messages
}

func contents(thread Thread) (texts []string) {
	for _, m := range thread.Messages {
		texts = append(texts, fmt.Sprintf("%d %s", int(m.Time.Sub(begin)/time.Second), m.Content))
	}
	return texts
}

func (r Conversations) add(ctx context.Context, s *Store, c entities.Conversation, messages []entities.ConversationMessage) (Outcome, error) {
	return inTx(ctx, s, func(ctx context.Context, tx Repositories) (Outcome, error) {
		return tx.Conversations.Append(ctx, c, slices.Clone(messages))
	})
}

func TestConversationsUnionInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		captures [][]string
		want     []string
	}{
		"overlap": {
			captures: [][]string{{"1 a", "2 b", "3 c"}, {"2 b", "3 c", "4 d"}, {"4 d", "5 e"}},
			want:     []string{"1 a", "2 b", "3 c", "4 d", "5 e"},
		},
		"several messages of one moment, cut in between": {
			captures: [][]string{{"1 x", "2 p", "2 o", "2 n"}, {"2 o", "2 n", "3 y"}, {"2 n", "3 y", "4 z"}},
			want:     []string{"1 x", "2 p", "2 o", "2 n", "3 y", "4 z"},
		},
		"the same words at another time": {
			captures: [][]string{{"1 a", "2 a"}, {"2 a", "3 a"}, {"1 a"}},
			want:     []string{"1 a", "2 a", "3 a"},
		},
		"a hole that is filled later": {
			captures: [][]string{{"1 a"}, {"5 e"}, {"2 b", "3 c"}, {}},
			want:     []string{"1 a", "2 b", "3 c", "5 e"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			var rows []string
			for _, order := range permutations(len(c.captures)) {
				execute(t, s, "TRUNCATE conversations, conversation_messages")
				for range 2 {
					for _, i := range order {
						thread := newThread("t")
						thread.Extra = doc(i)
						_, err := s.Conversations.add(t.Context(), s, thread, said(c.captures[i]...))
						require.NoError(t, err)
					}
				}
				threads, err := s.Conversations.NewestThreads(t.Context(), 10)
				require.NoError(t, err)
				require.Len(t, threads, 1)
				require.Equal(t, c.want, contents(threads[0]), "%v", order)
				got := rowsOf(t, s, "conversation_messages")
				if rows == nil {
					rows = got
				}
				require.Equal(t, rows, got, "%v", order)
			}
		})
	}
}

func TestConversationsOutcomes(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		add := func(extra string, texts ...string) Outcome {
			thread := newThread("t")
			thread.Extra = entities.JSON(extra)
			outcome, err := s.Conversations.add(t.Context(), s, thread, said(texts...))
			require.NoError(t, err)
			return outcome
		}
		assert.Equal(t, Inserted, add(`1`, "1 a", "2 b"))
		created, updated := timestampsOf(t, s, "conversations")
		assert.Equal(t, Unchanged, add(`2`, "1 a", "2 b"))
		assert.Equal(t, Unchanged, add(`2`))
		_, same := timestampsOf(t, s, "conversations")
		assert.Equal(t, updated, same)
		assert.Equal(t, Updated, add(`3`, "3 c"))
		createdAfter, updatedAfter := timestampsOf(t, s, "conversations")
		assert.Equal(t, created, createdAfter)
		assert.True(t, updatedAfter.After(updated))
		assert.Equal(t, Updated, add(`4`, "0 z"))
		threads, err := s.Conversations.NewestThreads(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, threads, 1)
		assert.Equal(t, "3", string(threads[0].Extra), "what a thread says of itself follows its newest message")
		assert.Equal(t, new(begin.Add(3*time.Second)), threads[0].LastMessageAt)
		assert.Equal(t, []string{"0 z", "1 a", "2 b", "3 c"}, contents(threads[0]))
		assert.Equal(t, int64(4), scalar[int64](t, s, `SELECT count(*) FROM conversation_messages WHERE created_at IS NOT NULL AND updated_at = created_at`))
	})
}

func TestConversationsNewestThreads(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		for i, texts := range [][]string{{"1 a"}, {"9 b", "2 c"}, {}, {"5 d"}, {"5 e"}, {}} {
			_, err := s.Conversations.add(t.Context(), s, newThread(fmt.Sprintf("thread %d", i)), said(texts...))
			require.NoError(t, err)
		}
		decisions := entities.Conversation{ID: "decisions", ModelID: model1, Kind: entities.ConversationDecisions}
		_, err := s.Conversations.add(t.Context(), s, decisions, said("10 f", "11 g"))
		require.NoError(t, err)
		want := []string{"thread 1", "thread 4", "thread 3", "thread 0", "thread 5", "thread 2"}
		for n := range len(want) + 3 {
			threads, err := s.Conversations.NewestThreads(t.Context(), n)
			require.NoError(t, err)
			var ids []string
			for _, thread := range threads {
				ids = append(ids, thread.ID)
				for _, m := range thread.Messages {
					assert.Equal(t, thread.ID, m.ConversationID)
				}
			}
			assert.Len(t, ids, min(n, len(want)))
			assert.ElementsMatch(t, want[:len(ids)], ids)
			assert.True(t, slices.Equal(want[:len(ids)], ids), "%v", ids)
		}
	})
}

func TestConversationsOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx := context.WithoutCancel(t.Context())
		const writers = 8
		outcomes := make([]Outcome, writers)
		for _, err := range atOnce(writers, func(i int) (err error) {
			var texts []string
			for n := range 6 {
				texts = append(texts, fmt.Sprintf("%d m%d", (i+n)/2, i+n))
			}
			slices.Sort(texts)
			if i%2 == 0 {
				slices.Reverse(texts)
			}
			outcomes[i], err = s.Conversations.add(ctx, s, newThread("t"), said(texts...))
			return err
		}) {
			require.NoError(t, err)
		}
		inserted := 0
		for _, o := range outcomes {
			if o == Inserted {
				inserted++
			}
		}
		assert.Equal(t, 1, inserted)
		threads, err := s.Conversations.NewestThreads(ctx, 2)
		require.NoError(t, err)
		require.Len(t, threads, 1)
		assert.Len(t, threads[0].Messages, writers+5)
		assert.Equal(t, new(begin.Add((writers+4)/2*time.Second)), threads[0].LastMessageAt)
	})
}
