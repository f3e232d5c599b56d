package arena

import (
	"context"
	"time"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// statusAll asks for positions whatever became of them.
const statusAll = "all"

// positionKey is where a position stands in the history of its model.
type positionKey struct {
	Entry *int64 `json:"t"` // unix microseconds; nil where no source says it
	ID    string `json:"i"`
}

// PositionHistory returns a page of the positions of a model at the primary provider.
func (s *Store) PositionHistory(ctx context.Context, req Request) (wire.PositionHistory, error) {
	if err := s.selectable(ctx, req); err != nil {
		return wire.PositionHistory{}, err
	}
	filter := repository.PositionFilter{Model: req.Model, Provider: s.provider, Symbol: req.Symbol}
	if req.Status != statusAll {
		filter.Status = req.Status
	}
	rows, next, err := PageOf(req, func(after *positionKey, n int) ([]entities.Position, error) {
		if after != nil {
			filter.After = &repository.PositionKey{ID: after.ID}
			if after.Entry != nil {
				filter.After.EntryTime = new(micros(*after.Entry))
			}
		}
		rows, err := s.repos.Positions.History(ctx, filter, n)
		return rows, Unavailable(err)
	}, func(p entities.Position) positionKey {
		key := positionKey{ID: p.ID}
		if p.EntryTime != nil {
			key.Entry = new(p.EntryTime.UnixMicro())
		}
		return key
	})
	if err != nil {
		return wire.PositionHistory{}, err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	closings, err := s.repos.Positions.Closings(ctx, req.Model, ids)
	if err != nil {
		return wire.PositionHistory{}, Unavailable(err)
	}
	records, err := each(rows, func(row entities.Position) (wire.PositionRecord, error) {
		return recordOf(row, closings[row.ID])
	})
	return wire.PositionHistory{Positions: records, NextCursor: next, ServerTime: s.serverTime()}, err
}

// recordOf describes a position by its row and the trades that closed it, oldest first.
func recordOf(row entities.Position, closings []entities.Trade) (wire.PositionRecord, error) {
	p, err := mapping.PositionPayload(row)
	r := wire.PositionRecord{
		ID: row.ID, ModelID: row.ModelID, Provider: row.Provider, Symbol: row.Symbol, Status: row.Status,
		EntryTime: p.EntryTime, OpenedQuantity: wire.FromPtr(row.OpenedQuantity), Closings: []wire.Closing{}, Position: p,
	}
	if row.ClosedAt != nil {
		r.ClosedAt = wire.Some(wire.Seconds(*row.ClosedAt))
		if row.EntryTime != nil {
			r.HoldingSeconds = wire.Some(float64(row.ClosedAt.Sub(*row.EntryTime)/time.Microsecond) / 1e6)
		}
	}
	for _, t := range closings {
		r.RealizedNetPnl += t.RealizedNetPnl
		r.Closings = append(r.Closings, wire.Closing{
			TradeID: t.ID, ExitTime: wire.Seconds(t.ExitTime), Quantity: t.Quantity, ExitPrice: t.ExitPrice, RealizedNetPnl: t.RealizedNetPnl,
		})
	}
	return r, err
}
