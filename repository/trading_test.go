package repository

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// TestStatementKeepsWhatFillsTold holds that a statement of open positions
// leaves alone what only fills know: how much was opened, and when it closed.
func TestStatementKeepsWhatFillsTold(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	registerModels(t, s, "m")
	at := time.Date(2025, 10, 26, 0, 0, 0, 0, time.UTC)
	opening := entities.Position{ModelID: "m", ID: "1", Provider: "p", Symbol: "SOL", EntryPrice: 200, Quantity: -6, StatedAt: at}
	_, err := s.Trading.Adjust(ctx, []Opening{{Position: opening}})
	require.NoError(t, err)

	stated := opening
	stated.Quantity = -2
	_, _, err = s.Positions.State(ctx, "m", []entities.Position{stated}, nil, at.Add(time.Hour))
	require.NoError(t, err)
	var stored entities.Position
	require.NoError(t, s.db.Where("id = ?", "1").Take(&stored).Error)
	require.InDelta(t, -2, stored.Quantity, 0)
	require.NotNil(t, stored.OpenedQuantity)
	require.InDelta(t, 6, *stored.OpenedQuantity, 0)

	closed := at.Add(2 * time.Hour)
	_, err = s.Trading.Fills(ctx, []Fill{{
		Trade: entities.Trade{
			ModelID: "m", ID: "t", Provider: "p", Symbol: "SOL", Side: "short", Quantity: -2,
			EntryPrice: 200, ExitPrice: 190, EntryTime: at, ExitTime: closed,
		},
		Remaining: RemainingNone, PositionID: "1",
	}})
	require.NoError(t, err)
	_, _, err = s.Positions.State(ctx, "m", []entities.Position{stated}, nil, at.Add(90*time.Minute))
	require.NoError(t, err)
	require.NoError(t, s.db.Where("id = ?", "1").Take(&stored).Error)
	require.Equal(t, entities.PositionClosed, stored.Status)
	require.NotNil(t, stored.ClosedAt)
	require.True(t, stored.ClosedAt.Equal(closed))
}
