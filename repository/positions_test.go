package repository

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// stated is a statement of open positions.
type stated struct {
	at    time.Duration // after begin
	open  []entities.Position
	extra entities.JSON
}

func (st stated) put(ctx context.Context, s *Store) ([]Outcome, int64, error) {
	var closed int64
	outcomes, err := inTx(ctx, s, func(ctx context.Context, tx Repositories) (outcomes []Outcome, err error) {
		if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
			return nil, err
		}
		outcomes, closed, err = tx.Positions.State(ctx, model1, slices.Clone(st.open), st.extra, begin.Add(st.at))
		return outcomes, err
	})
	return outcomes, closed, err
}

// Whatever the order of statements, and however often each is repeated, the
// rows are the same in the end.
func TestPositionsStatementsInAnyOrder(t *testing.T) {
	t.Parallel()
	moved := func(price float64) func(*entities.Position) {
		return func(p *entities.Position) { p.CurrentPrice, p.UnrealizedPnl, p.Quantity = &price, nil, -price }
	}
	for name, statements := range map[string][]stated{
		"listed, gone, reopened": {
			{at: 1 * time.Hour, open: []entities.Position{newPosition("BTC", 1), newPosition("ETH", 2)}},
			{at: 2 * time.Hour, open: []entities.Position{newPosition("ETH", 2, moved(5))}},
			{at: 3 * time.Hour, open: []entities.Position{newPosition("BTC", 3), newPosition("ETH", 2, moved(6))}},
		},
		"partial, empty, other": {
			{at: 1 * time.Hour, open: []entities.Position{newPosition("BTC", 1), newPosition("ETH", 2)}, extra: entities.JSON(`{"a":1}`)},
			{at: 2 * time.Hour, open: []entities.Position{newPosition("BTC", 1, moved(7))}, extra: entities.JSON(`{"a":2}`)},
			{at: 3 * time.Hour, extra: entities.JSON(`{"a":3}`)},
			{at: 4 * time.Hour, open: []entities.Position{newPosition("XRP", 4)}},
		},
		"gone and back under the same id": {
			{at: 1 * time.Hour, open: []entities.Position{newPosition("BTC", 1)}},
			{at: 2 * time.Hour},
			{at: 3 * time.Hour, open: []entities.Position{newPosition("BTC", 1, moved(9))}},
			{at: 4 * time.Hour, open: []entities.Position{newPosition("BTC", 5)}},
		},
		"unchanged for a while, then gone": {
			{at: 1 * time.Hour, open: []entities.Position{newPosition("BTC", 1)}},
			{at: 2 * time.Hour, open: []entities.Position{newPosition("BTC", 1)}},
			{at: 3 * time.Hour, open: []entities.Position{newPosition("BTC", 1), newPosition("SOL", 8)}},
			{at: 4 * time.Hour},
		},
		"a microsecond apart": {
			{at: 1 * time.Microsecond, open: []entities.Position{newPosition("BTC", 1)}},
			{at: 2 * time.Microsecond, open: []entities.Position{newPosition("BTC", 2)}},
			{at: 3 * time.Microsecond, open: []entities.Position{newPosition("BTC", 3)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			var want, wantAccounts []string
			for _, order := range permutations(len(statements)) {
				execute(t, s, "TRUNCATE positions, position_facts")
				execute(t, s, "UPDATE accounts SET positions_as_of = NULL, statement_at = NULL, positions_extra = NULL")
				for _, i := range order {
					_, _, err := statements[i].put(t.Context(), s)
					require.NoError(t, err, "%v", order)
					require.Empty(t, openTwice(t, s), "%v", order)
				}
				for _, i := range order { // once more
					before := rowsOf(t, s, "positions")
					_, closed, err := statements[i].put(t.Context(), s)
					require.NoError(t, err, "%v", order)
					require.Zero(t, closed, "%v", order)
					require.Equal(t, before, rowsOf(t, s, "positions"), "%v", order)
				}
				got, gotAccounts := rowsOf(t, s, "positions"), rowsOf(t, s, "accounts")
				if want == nil {
					want, wantAccounts = got, gotAccounts
				}
				require.Equal(t, want, got, "%v", order)
				require.Equal(t, wantAccounts, gotAccounts, "%v", order)
			}
			newest := statements[len(statements)-1]
			open, err := s.Positions.Open(t.Context(), provider)
			require.NoError(t, err)
			require.Len(t, open, len(newest.open))
			for i, p := range open {
				want := newest.open[i]
				want.ModelID, want.Status, want.StatedAt = model1, entities.PositionOpen, begin.Add(newest.at)
				assert.True(t, sameRow(&want, &p), "%+v\n%+v", want, p)
			}
		})
	}
}

// openTwice lists what is open more than once.
func openTwice(t testing.TB, s *Store) (symbols []string) {
	t.Helper()
	require.NoError(t, s.db.WithContext(t.Context()).Raw(`SELECT symbol FROM positions WHERE status = 'open'
		GROUP BY model_id, provider, symbol HAVING count(*) > 1`).Scan(&symbols).Error)
	return symbols
}

func TestPositionsOutcomes(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		put := func(at time.Duration, open ...entities.Position) ([]Outcome, int64) {
			outcomes, closed, err := stated{at: at, open: open}.put(t.Context(), s)
			require.NoError(t, err)
			return outcomes, closed
		}
		btc, eth := newPosition("BTC", 1), newPosition("ETH", 2)
		raised := newPosition("ETH", 2, func(p *entities.Position) { p.Quantity = 0 })

		outcomes, closed := put(2*time.Hour, btc, eth)
		assert.Equal(t, []Outcome{Inserted, Inserted}, outcomes)
		assert.Zero(t, closed)
		outcomes, closed = put(2*time.Hour, btc, eth)
		assert.Equal(t, []Outcome{Unchanged, Unchanged}, outcomes)
		assert.Zero(t, closed)
		outcomes, closed = put(3*time.Hour, eth, newPosition("BTC", 9))
		assert.Equal(t, []Outcome{Unchanged, Inserted}, outcomes)
		assert.Equal(t, int64(1), closed)
		outcomes, _ = put(4*time.Hour, raised)
		assert.Equal(t, []Outcome{Updated}, outcomes)
		outcomes, closed = put(time.Hour, btc, eth, newPosition("SOL", 3))
		assert.Equal(t, []Outcome{Superseded, Superseded, Inserted}, outcomes)
		assert.Zero(t, closed)
		outcomes, _ = put(4*time.Hour, eth)
		assert.Equal(t, []Outcome{Conflict}, outcomes, "the same time, other content")
		outcomes, closed = put(5 * time.Hour)
		assert.Empty(t, outcomes)
		assert.Equal(t, int64(1), closed)
		open, err := s.Positions.Open(t.Context(), provider)
		require.NoError(t, err)
		assert.Empty(t, open)
		assert.Equal(t, int64(4), scalar[int64](t, s, "SELECT count(*) FROM positions WHERE status = 'closed' AND closed_at IS NULL"))
	})
}

func TestPositionsOfOtherModelsAndProviders(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		elsewhere := newPosition("BTC", 5, func(p *entities.Position) { p.Provider, p.ID = "other", "other/BTC/5" })
		_, _, err := stated{at: time.Hour, open: []entities.Position{newPosition("BTC", 1), elsewhere}}.put(t.Context(), s)
		require.NoError(t, err)
		_, _, err = s.Positions.State(t.Context(), model2, []entities.Position{newPosition("BTC", 1)}, nil, begin)
		require.NoError(t, err)
		_, _, err = s.Positions.State(t.Context(), model2, nil, nil, begin.Add(time.Minute))
		require.NoError(t, err)
		open, err := s.Positions.Open(t.Context(), provider)
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Equal(t, model1, open[0].ModelID)
		open, err = s.Positions.Open(t.Context(), "other")
		require.NoError(t, err)
		assert.Len(t, open, 1)
	})
}

func TestPositionsTimestamps(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		p := newPosition("BTC", 1)
		_, _, err := stated{at: time.Hour, open: []entities.Position{p}}.put(t.Context(), s)
		require.NoError(t, err)
		created, updated := timestampsOf(t, s, "positions")
		read, err := s.Positions.Open(t.Context(), provider)
		require.NoError(t, err)
		_, _, err = stated{at: 2 * time.Hour, open: read}.put(t.Context(), s) // as it was read, timestamps and all
		require.NoError(t, err)
		createdAfter, updatedAfter := timestampsOf(t, s, "positions")
		assert.Equal(t, created, createdAfter)
		assert.True(t, updatedAfter.After(updated))
	})
}

// Many writers of one model, each under the lock: whoever comes last, the
// newest statement holds, and the index lets no symbol be open twice.
func TestPositionsOfManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		const writers = 16
		ctx := context.WithoutCancel(t.Context())
		for _, err := range atOnce(writers, func(i int) error {
			_, _, err := stated{at: time.Duration(i) * time.Hour, open: []entities.Position{
				newPosition("BTC", int64(i)), newPosition("ETH", int64(i/4)),
			}}.put(ctx, s)
			return err
		}) {
			require.NoError(t, err)
		}
		open, err := s.Positions.Open(ctx, provider)
		require.NoError(t, err)
		require.Len(t, open, 2)
		assert.Equal(t, fmt.Sprintf("%s/BTC/%d", provider, writers-1), open[0].ID)
		assert.Equal(t, int64(writers+writers/4), scalar[int64](t, s, "SELECT count(*) FROM positions"))
	})
}

func TestPositionsIndexRefusesASecondOpenRow(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		_, _, err := stated{at: time.Hour, open: []entities.Position{newPosition("BTC", 1), newPosition("BTC", 2)}}.put(t.Context(), s)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrUnavailable)
		assert.Empty(t, rowsOf(t, s, "positions"))
	})
}

func TestPositionsOfAnUnknownModel(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, _, err := s.Positions.State(t.Context(), "nobody", nil, nil, begin)
	require.ErrorIs(t, err, ErrUnknownModel)
	require.NotErrorIs(t, err, ErrUnavailable)
}
