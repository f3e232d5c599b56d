package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nof0/internal/catalogue"
)

// What becomes of ticks.
const (
	changeArchived = "archived"
	changeRestored = "restored"
)

// execer is a connection or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// announce leaves the event of ticks that have come or gone, so that views that
// were made from them are made again; none where there are no such ticks.
func announce(ctx context.Context, db execer, change string, from, to time.Time, rows int64) error {
	if rows == 0 {
		return nil
	}
	payload, err := json.Marshal(map[string]any{"change": change, "from": from.Unix(), "to": to.Unix(), "rows": rows})
	if err == nil {
		_, err = db.Exec(ctx, "INSERT INTO outbox_events (aggregate, model_id, type, payload) VALUES ($1, '', $2, $3)",
			parent, catalogue.EventPriceHistory, string(payload))
	}
	if err != nil {
		return fmt.Errorf("error announcing that ticks were %s: %w", change, err)
	}
	return nil
}

// announceAll announces all rows of a partition, which has left the table or come
// back. A run that goes on from one that was cut off says it again.
func (s *session) announceAll(ctx context.Context, p *Partition, change string) error {
	rows, err := s.count(ctx, s.conn, p.Name)
	if err != nil {
		return err
	}
	return announce(ctx, s.conn, change, p.From, p.To, rows)
}
