package repository

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/entities"
	"nof0/internal/testdb"
)

// TestFillsOfAnOlderVersion migrates a database on which a version without facts
// has opened, reduced and closed positions, and then lets late facts arrive: the
// fills that it had taken in count among them.
func TestFillsOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	const beforeFacts = "20261125190000"
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	position := func(quantity float64) entities.Position {
		return newPosition("SOL", 7, func(p *entities.Position) {
			p.ModelID, p.Quantity, p.EntryTime, p.StatedAt = model1, quantity, new(at(100)), begin
			p.CurrentPrice, p.UnrealizedPnl = nil, nil
		})
	}
	fill := func(id string, exit int, quantity float64) Fill {
		return Fill{PositionID: position(1).ID, Trade: newTrade(model1, id, func(trade *entities.Trade) {
			trade.Symbol, trade.EntryOid, trade.EntryTime, trade.ExitTime, trade.Quantity = "SOL", new(int64(7)), at(100), at(exit), quantity
		})}
	}
	type stored struct {
		exit     int
		quantity float64
	}
	for name, c := range map[string]struct {
		quantity       float64
		opened, closed any
		fills          []stored
		late           func(tx Repositories, ctx context.Context) error
		want           string
	}{
		"a late addition before a fill": {3, 5, nil, []stored{{200, 2}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Adjust(ctx, []Opening{{Position: position(8), ObservedAt: new(at(150))}})
			return err
		}, "open 6"},
		"a late addition between fills": {-2.25, 5, nil, []stored{{200, -1.5}, {300, -1.25}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Adjust(ctx, []Opening{{Position: position(-9), ObservedAt: new(at(250))}})
			return err
		}, "open -7.75"},
		"a late fill before a fill": {3, 5, nil, []stored{{200, 2}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Fills(ctx, []Fill{fill("late", 150, 1)})
			return err
		}, "open 2"},
		"a fill after the fills": {0.3, 2.4, nil, []stored{{200, 2}, {210, 0.1}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Fills(ctx, []Fill{fill("next", 300, 0.1)})
			return err
		}, "open 0.2"},
		"a late addition to what a fill has closed": {3, 5, at(300), []stored{{200, 2}, {300, 3}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Adjust(ctx, []Opening{{Position: position(8), ObservedAt: new(at(150))}})
			return err
		}, "closed"},
		"a fill taken back": {3, 5, at(300), []stored{{200, 2}, {300, 3}}, func(tx Repositories, ctx context.Context) error {
			if err := tx.Trading.Adopt(ctx, []Fill{fill("old-1", 300, 3)}); err != nil {
				return err
			}
			_, err := tx.Trading.Unfill(ctx, []entities.Trade{fill("old-1", 300, 3).Trade})
			return err
		}, "open 3"},
		"what an import stated, with trades that it brought": {4, nil, nil, []stored{{200, 2}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Fills(ctx, []Fill{fill("next", 300, 1)})
			return err
		}, "open 3"},
		"a size that its fills do not explain": {3, 5, at(400), []stored{{200, 2}, {300, 1}}, func(tx Repositories, ctx context.Context) error {
			_, err := tx.Trading.Fills(ctx, []Fill{fill("next", 500, 1)})
			return err
		}, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := testdb.Empty(t)
			db, err := sql.Open("pgx", dsn)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			migrator := atlas.New(db, atlas.Options{})
			_, err = migrator.ApplyTo(t.Context(), beforeFacts)
			require.NoError(t, err)
			exec := func(query string, args ...any) {
				_, err := db.ExecContext(t.Context(), query, args...)
				require.NoError(t, err)
			}
			exec(`INSERT INTO models (id, display_name, kind) VALUES ($1, $1, 'competitor')`, model1)
			exec(`INSERT INTO accounts (model_id, provider) VALUES ($1, $2)`, model1, provider)
			p := position(c.quantity)
			status := entities.PositionOpen
			if c.closed != nil {
				status = entities.PositionClosed
			}
			exec(`INSERT INTO positions (model_id, id, provider, symbol, status, entry_oid, entry_time, entry_price, quantity, margin, opened_quantity, closed_at, stated_at)
				VALUES ($1, $2, $3, 'SOL', $4, 7, $5, 100, $6, 12.3, $7, $8, $9)`, model1, p.ID, provider, status, at(100), c.quantity, c.opened, c.closed, begin)
			for i, f := range c.fills {
				side := "long"
				if f.quantity < 0 {
					side = "short"
				}
				exec(`INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_oid, entry_time, entry_price, exit_time, exit_price, realized_net_pnl)
					VALUES ($1, $2, $3, 'SOL', $4, $5, 7, $6, 100, $7, 101, 1)`, model1, fmt.Sprint("old-", i), provider, side, f.quantity, at(100), at(f.exit))
			}
			_, err = migrator.Apply(t.Context())
			require.NoError(t, err)
			s := openStore(t, dsn)
			for range 2 { // what comes again changes nothing
				require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
					if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
						return err
					}
					return c.late(tx, ctx)
				}))
				require.Equal(t, c.want, scalar[string](t, s, `SELECT status || CASE status WHEN 'open' THEN ' ' || quantity ELSE '' END FROM positions`))
				require.Equal(t, int64(1), scalar[int64](t, s, `SELECT count(*) FROM positions`))
			}
		})
	}
}

// TestAFillOfABinaryWithoutFacts lets a version without facts take in a fill of a
// position of which facts are kept, as it does beside this one in a deploy.
func TestAFillOfABinaryWithoutFacts(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	opened := newPosition("SOL", 7, func(p *entities.Position) {
		p.ModelID, p.Quantity, p.StatedAt, p.CurrentPrice, p.Margin = model1, 5, begin, nil, nil
	})
	adjust := func(quantity float64, at *time.Time) {
		require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
				return err
			}
			next := opened
			next.Quantity = quantity
			_, err := tx.Trading.Adjust(ctx, []Opening{{Position: next, ObservedAt: at}})
			return err
		}))
	}
	adjust(5, nil)
	_, err := insertTrades(t.Context(), s, newTrade(model1, "old", func(trade *entities.Trade) {
		trade.Symbol, trade.EntryOid, trade.Quantity, trade.ExitTime = "SOL", new(int64(7)), 2, begin.Add(time.Hour)
	}))
	require.NoError(t, err)
	execute(t, s, "UPDATE positions SET quantity = 3")

	adjust(8, new(begin.Add(time.Minute)))

	require.InDelta(t, 6, scalar[float64](t, s, "SELECT quantity FROM positions"), 0)
	require.Zero(t, scalar[int](t, s, "SELECT count(*) FROM position_facts WHERE kind = 'found'"))
}
