package arena_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/wire"
)

// metricsOf returns the documents that a store lists, by model in their order, and
// holds the answer of each model to the one in the list.
func metricsOf(t *testing.T, s *arena.Store) (models []string, docs map[string]analytics.Document) {
	t.Helper()
	list, err := s.Analytics(t.Context())
	require.NoError(t, err)
	docs = map[string]analytics.Document{}
	for _, raw := range list.Analytics {
		var doc analytics.Document
		require.NoError(t, wire.Unmarshal(raw, &doc))
		one, err := s.AnalyticsOf(t.Context(), doc.ModelID)
		require.NoError(t, err)
		require.Equal(t, []jsontext.Value{raw}, one.Analytics)
		models = append(models, doc.ModelID)
		docs[doc.ModelID] = doc
	}
	return models, docs
}

// withDocument returns the documents that a source answered with, without those of
// competitors of which the store has none, which the files do not list.
func withDocument(t *testing.T, s arena.Source, all []jsontext.Value) []jsontext.Value {
	t.Helper()
	if _, isStore := s.(*arena.Store); !isStore {
		return all
	}
	return slices.DeleteFunc(all, func(raw jsontext.Value) bool {
		var doc analytics.Document
		require.NoError(t, wire.Unmarshal(raw, &doc))
		return doc.UpdatedAt.IsZero() && !doc.Coverage.IsZero()
	})
}

// Every competitor has metrics: of one without trades and decisions they are those
// of no facts, until an imported document says otherwise.
func TestEveryCompetitorHasAnalytics(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	s := arena.NewStore(b.store.Repositories, "hyperliquid", time.Now)
	for _, model := range []string{"a-quiet", "z-quiet", "buynhold_btc"} {
		b.send(t, arena.IngestModels, `{"id":"`+model+`"}`)
	}
	models, docs := metricsOf(t, s)
	require.ElementsMatch(t, []string{"a-quiet", "m", "z-quiet"}, models)
	for _, model := range models {
		want := analytics.Compute(analytics.Input{Model: model, History: analytics.HistoryWhole})
		require.Equal(t, want, docs[model])
	}
	for _, model := range []string{"buynhold_btc", "nobody"} {
		_, err := s.AnalyticsOf(t.Context(), model)
		require.ErrorIs(t, err, arena.ErrUnknownModel, model)
	}

	b.send(t, arena.IngestTrades, closing("m_1", "7", 100, 200, 1, ""))
	b.send(t, arena.IngestDecisions, `{"id":"z-quiet_5.5","model_id":"z-quiet","timestamp":5.5}`)
	b.send(t, arena.IngestAnalytics, `{"id":"a-quiet","model_id":"a-quiet","updated_at":5,"winners_losers_breakdown_table":{"win_rate":37.5}}`)
	listed, docs := metricsOf(t, s)
	slices.Sort(listed)
	require.Equal(t, []string{"a-quiet", "m", "z-quiet"}, listed)
	require.Equal(t, wire.Some(analytics.Coverage{Whole: true}), docs["m"].Coverage, "a trade is not computed yet")
	require.Equal(t, wire.Some(analytics.Coverage{TradesWhole: true}), docs["z-quiet"].Coverage, "a decision is not computed yet")
	require.InDelta(t, 37.5, docs["a-quiet"].WinnersLosers.WinRate, 0, "imported")
	require.True(t, docs["a-quiet"].Coverage.IsZero(), "imported")
}
