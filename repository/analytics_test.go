package repository

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

func newDoc(at time.Duration, payload string) entities.ModelAnalytics {
	return entities.ModelAnalytics{
		ModelID: model1, Source: entities.AnalyticsImported, Payload: entities.JSON(payload),
		AsOf: begin.Add(at), ServerTime: new(begin.Add(at)),
	}
}

func TestAnalyticsNewerReplacesOlder(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		put := func(doc entities.ModelAnalytics) Outcome {
			outcome, err := s.Analytics.Put(t.Context(), doc)
			require.NoError(t, err)
			return outcome
		}
		assert.Equal(t, Inserted, put(newDoc(time.Hour, `{"n": 1.0}`)))
		created, updated := timestampsOf(t, s, "model_analytics")
		assert.Equal(t, Unchanged, put(newDoc(time.Hour, `{"n":1}`)))
		assert.Equal(t, Unchanged, put(newDoc(time.Hour+600*time.Nanosecond, `{"n":1}`)), "the same microsecond")
		assert.Equal(t, Conflict, put(newDoc(time.Hour, `{"n":2}`)))
		assert.Equal(t, Superseded, put(newDoc(0, `{"n":3}`)))
		_, same := timestampsOf(t, s, "model_analytics")
		assert.Equal(t, updated, same)

		stored, err := s.Analytics.Of(t.Context(), model1, entities.AnalyticsImported)
		require.NoError(t, err)
		newer := *stored // with the timestamps that were read
		newer.AsOf, newer.Payload, newer.ServerTime = begin.Add(2*time.Hour), entities.JSON(`{"n":4}`), nil
		assert.Equal(t, Updated, put(newer))
		createdAfter, updatedAfter := timestampsOf(t, s, "model_analytics")
		assert.Equal(t, created, createdAfter)
		assert.True(t, updatedAfter.After(updated))
		stored, err = s.Analytics.Of(t.Context(), model1, entities.AnalyticsImported)
		require.NoError(t, err)
		assert.JSONEq(t, `{"n":4}`, string(stored.Payload))
		assert.Nil(t, stored.ServerTime)

		_, err = s.Analytics.Put(t.Context(), newDoc(9*time.Hour, `[]`))
		require.Error(t, err, "a payload is an object")
		require.NotErrorIs(t, err, ErrUnavailable)
	})
}

func TestAnalyticsSourcesStandApart(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		computed := newDoc(9*time.Hour, `{"n":9}`)
		computed.Source = entities.AnalyticsComputed
		other := newDoc(time.Hour, `{"n":2}`)
		other.ModelID = model2
		for _, doc := range []entities.ModelAnalytics{computed, other, newDoc(time.Hour, `{"n":1}`)} {
			outcome, err := s.Analytics.Put(t.Context(), doc)
			require.NoError(t, err)
			assert.Equal(t, Inserted, outcome)
		}
		docs, err := s.Analytics.All(t.Context(), entities.AnalyticsImported)
		require.NoError(t, err)
		require.Len(t, docs, 2)
		assert.Equal(t, model1, docs[0].ModelID)
		assert.JSONEq(t, `{"n":1}`, string(docs[0].Payload))
		docs, err = s.Analytics.All(t.Context(), entities.AnalyticsComputed)
		require.NoError(t, err)
		assert.Len(t, docs, 1)
		none, err := s.Analytics.Of(t.Context(), model2, entities.AnalyticsComputed)
		require.NoError(t, err)
		assert.Nil(t, none)
	})
}

// Whoever writes first, the newest document stays, and one writer inserts.
func TestAnalyticsOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx := context.WithoutCancel(t.Context())
		const writers, rounds = 8, 5
		for range rounds {
			execute(t, s, "TRUNCATE model_analytics")
			outcomes := make([]Outcome, writers)
			for _, err := range atOnce(writers, func(i int) (err error) {
				outcomes[i], err = s.Analytics.Put(ctx, newDoc(time.Duration(i/2)*time.Hour, `{}`))
				return err
			}) {
				require.NoError(t, err)
			}
			inserted := 0
			for i, o := range outcomes {
				require.NotEqual(t, Conflict, o, "%d", i)
				if o == Inserted {
					inserted++
				}
			}
			require.Equal(t, 1, inserted)
			stored, err := s.Analytics.Of(ctx, model1, entities.AnalyticsImported)
			require.NoError(t, err)
			require.True(t, begin.Add((writers-1)/2*time.Hour).Equal(stored.AsOf))
		}
	})
}
