package repository

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/entities"
)

// The competition of whoever names none is the configured one, else the running one
// that started last, else the one that ended, else the one that is to come.
func TestDefaultCompetition(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDSN(t))
	first, err := s.Competitions.Default(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, entities.FirstCompetition, first.ID)

	_, err = s.Competitions.Default(t.Context(), "season-9")
	require.ErrorIs(t, err, ErrUnknownCompetition)
	none, err := s.Competitions.Get(t.Context(), "season-9")
	require.NoError(t, err)
	require.Nil(t, none)

	at := func(day int) *time.Time {
		day1 := begin.AddDate(0, 0, day)
		return &day1
	}
	for _, c := range []struct {
		given     entities.Competition
		isDefault string
	}{
		{entities.Competition{ID: "to-come", Status: entities.CompetitionUpcoming, StartsAt: at(90)}, entities.FirstCompetition},
		{entities.Competition{ID: "calm", Status: entities.CompetitionRunning, StartsAt: at(30)}, "calm"},
		{entities.Competition{ID: "wild", Status: entities.CompetitionRunning, StartsAt: at(31)}, "wild"},
		{entities.Competition{ID: "wild", Status: entities.CompetitionEnded, StartsAt: at(31)}, "calm"},
		{entities.Competition{ID: "calm", Status: entities.CompetitionEnded, StartsAt: at(30)}, entities.FirstCompetition},
		{entities.Competition{ID: entities.FirstCompetition, Status: entities.CompetitionEnded}, "wild"},
	} {
		c.given.Name = c.given.ID
		require.NoError(t, s.db.Exec("INSERT INTO competitions (id, name, status, starts_at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
			c.given.ID, c.given.Name, c.given.Status, c.given.StartsAt).Error)
		got, err := s.Competitions.Default(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, c.isDefault, got.ID)
	}
	configured, err := s.Competitions.Default(t.Context(), "to-come")
	require.NoError(t, err)
	require.Equal(t, "to-come", configured.ID)
	all, err := s.Competitions.All(t.Context())
	require.NoError(t, err)
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	require.Equal(t, []string{entities.FirstCompetition, "calm", "wild", "to-come"}, ids)
}

// Transactions are bound to the competition of the store that begins them.
func TestTransactionsOfACompetition(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	append1 := func(s *Store, event entities.OutboxEvent) {
		event.Aggregate, event.Type, event.ModelID, event.Payload = "trade", "trade", model1, entities.JSON("{}")
		require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			return tx.Outbox.Append(ctx, []entities.OutboxEvent{event})
		}))
	}
	append1(s, entities.OutboxEvent{})
	append1(s.In("calm"), entities.OutboxEvent{})
	append1(s.In("calm").In(""), entities.OutboxEvent{})
	append1(s.In("calm"), entities.OutboxEvent{CompetitionID: "wild"})
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		events, err := tx.Outbox.Claim(ctx, []string{model1}, 10)
		var of []string
		for _, e := range events {
			of = append(of, e.CompetitionID)
		}
		require.Equal(t, []string{"season-1", "calm", "season-1", "wild"}, of)
		return err
	}))
}

// Who holds an account in a competition takes part in it; who holds none at all, in the
// first one.
func TestParticipants(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, err := s.Models.Register(t.Context(), []entities.Model{
		{ID: "new", DisplayName: "new", Kind: entities.ModelCompetitor}, {ID: "nowhere", DisplayName: "nowhere", Kind: entities.ModelCompetitor},
	})
	require.NoError(t, err)
	_, err = s.In("calm").Accounts.Register(t.Context(), []entities.Account{{ModelID: model1, Provider: provider}, {ModelID: "new", Provider: provider}})
	require.NoError(t, err)
	for competition, want := range map[string][]string{
		entities.FirstCompetition: {model1, model2, "nowhere"}, "calm": {model1, "new"}, "wild": nil,
	} {
		participants, err := s.In(competition).Models.Participants(t.Context())
		require.NoError(t, err)
		var ids []string
		for _, m := range participants {
			ids = append(ids, m.ID)
		}
		require.ElementsMatch(t, want, ids, competition)
	}
}

// A second competition takes keys that name it, which the contraction leaves alone.
func TestOneCompetitionUntilTheContraction(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	migrator := atlas.New(s.pool, atlas.Options{})
	planned, err := migrator.PlanDown(t.Context(), "20261126012501")
	require.NoError(t, err)
	_, err = migrator.DownAsPlanned(t.Context(), planned)
	require.NoError(t, err)

	renamed := entities.Competition{ID: entities.FirstCompetition, Name: "Alpha Arena", Status: entities.CompetitionRunning, Rules: entities.JSON(`{"leverage":20}`)}
	both := []entities.Competition{renamed, {ID: "calm", Name: "Calm", Status: entities.CompetitionRunning}}
	outcomes, err := s.Competitions.Put(t.Context(), []entities.Competition{renamed})
	require.NoError(t, err)
	require.Equal(t, []Outcome{Updated}, outcomes)
	_, err = s.Competitions.Put(t.Context(), both)
	require.ErrorIs(t, err, ErrOneCompetition)
	calm, err := s.Competitions.Get(t.Context(), "calm")
	require.NoError(t, err)
	require.Nil(t, calm)

	_, err = migrator.Apply(t.Context())
	require.NoError(t, err)
	outcomes, err = s.Competitions.Put(t.Context(), both)
	require.NoError(t, err)
	require.Equal(t, []Outcome{Unchanged, Inserted}, outcomes)
}
