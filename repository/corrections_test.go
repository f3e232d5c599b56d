package repository

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/testsize"
)

// TestVoidedFillsNeverMovedAnything tells generated stories in random orders, some
// of them without their openings, takes a fill back, and holds that positions and
// their facts are those of the story without it.
func TestVoidedFillsNeverMovedAnything(t *testing.T) {
	t.Parallel()
	for _, unnamed := range []bool{false, true} {
		t.Run(fmt.Sprint("unnamed ", unnamed), func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			compared := 0
			for seed := range testsize.Pick[uint64](4, 12) {
				random := rand.New(rand.NewPCG(seed, 5))
				told := tell(seed+3000, 8, unnamed)
				var order []int
				for _, i := range random.Perm(len(told.events)) {
					// Without its opening, what a fill without an order id is of would
					// depend on what arrived before it.
					if told.events[i].opening == nil || unnamed || random.IntN(4) > 0 {
						order = append(order, i)
					}
				}
				for _, gone := range order {
					fill := told.events[gone].fill
					if fill == nil {
						continue
					}
					without := s.retell(t, told, order, func(i int) bool { f := told.events[i].fill; return f == nil || f.Trade.ID != fill.Trade.ID })
					with := s.retell(t, told, order, func(int) bool { return true })
					if without == nil || with == nil {
						continue // a fact was refused
					}
					_, err := inTx(t.Context(), s, func(ctx context.Context, tx Repositories) ([]*entities.Position, error) {
						if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
							return nil, err
						}
						if err := tx.Trades.Replace(ctx, &fill.Trade, nil); err != nil {
							return nil, err
						}
						return tx.Trading.Unfill(ctx, []entities.Trade{fill.Trade})
					})
					require.NoError(t, err)
					require.Equal(t, without, s.storyRows(t), "%v in the order %v without %d", told, order, gone)
					compared++
				}
			}
			require.Greater(t, compared, 12)
		})
	}
}

// retell stores the events of a story, in an order, of those that are kept, and
// returns the rows that it comes to; nil where one was refused.
func (s *Store) retell(t *testing.T, told story, order []int, kept func(int) bool) map[string][]string {
	t.Helper()
	execute(t, s, "TRUNCATE positions, position_facts, trades, model_stats")
	execute(t, s, "UPDATE accounts SET positions_as_of = NULL, statement_at = NULL")
	for _, i := range order {
		if kept(i) && !told.events[i].isTaken(t, s) {
			return nil
		}
	}
	return s.storyRows(t)
}

func (s *Store) storyRows(t *testing.T) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, table := range []string{"positions", "position_facts", "trades", "model_stats"} {
		rows[table] = rowsOf(t, s, table)
	}
	return rows
}

// isTaken stores an event, and reports whether it was accepted.
func (e storyEvent) isTaken(t *testing.T, s *Store) bool {
	t.Helper()
	applied, err := inTx(t.Context(), s, func(ctx context.Context, tx Repositories) (applied []Applied, err error) {
		if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
			return nil, err
		}
		switch {
		case e.opening != nil:
			return tx.Trading.Adjust(ctx, []Opening{*e.opening})
		case e.fill != nil:
			return tx.Trading.Fills(ctx, []Fill{*e.fill})
		}
		_, _, err = tx.Positions.State(ctx, model1, append([]entities.Position{}, e.statement.open...), nil, begin.Add(e.statement.at))
		return nil, err
	})
	require.NoError(t, err)
	for _, a := range applied {
		if a.Outcome == Conflict {
			return false
		}
	}
	return true
}
