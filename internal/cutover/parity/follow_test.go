package parity_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/atomicfile"
	"nof0/internal/cutover/parity"
	"nof0/internal/mapping"
	"nof0/internal/testsize"
	"nof0/internal/wire"
	"nof0/repository"
)

// follow writes what the store answers into the files, again and again, some
// time behind it.
func follow(ctx context.Context, t *testing.T, b *bundle, behind time.Duration) {
	t.Helper()
	store := b.answers()
	for ctx.Err() == nil {
		for name, render := range map[string]func() (any, error){
			"trades.json":         func() (any, error) { return store.Trades(ctx) },
			"crypto-prices.json":  func() (any, error) { return store.CryptoPrices(ctx) },
			"account-totals.json": func() (any, error) { return store.AccountTotals(ctx, 0) },
			"positions.json":      func() (any, error) { return store.Positions(ctx, 0) },
		} {
			payload, err := render()
			if ctx.Err() != nil {
				return
			}
			require.NoError(t, err)
			body, err := wire.Marshal(payload)
			require.NoError(t, err)
			wait(ctx, behind/4)
			require.NoError(t, atomicfile.Write(filepath.Join(b.dir, name), body))
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// write keeps writing facts and state.
func write(ctx context.Context, t *testing.T, b *bundle) {
	t.Helper()
	totals, err := b.answers().AccountTotals(ctx, 0)
	require.NoError(t, err)
	trades, err := b.answers().Trades(ctx)
	require.NoError(t, err)
	open, err := b.answers().Positions(ctx, 0)
	require.NoError(t, err)
	for n := 1; ctx.Err() == nil; n++ {
		now := time.Now()
		total, trade := totals.AccountTotals[len(totals.AccountTotals)-1], trades.Trades[0]
		total.Timestamp, total.DollarEquity = wire.Seconds(now), float64(n)
		trade.ID, trade.ExitTime = fmt.Sprintf("%s_more%d", trade.ModelID, n), wire.Seconds(now)
		model := open.AccountTotals[n%len(open.AccountTotals)]
		err := b.store.InTx(ctx, func(ctx context.Context, tx repository.Repositories) error {
			if _, err := tx.Accounts.Lock(ctx, []string{total.ModelID, trade.ModelID, model.ModelID}); err != nil {
				return err
			}
			if _, err := tx.Trades.Insert(ctx, []entities.Trade{mapping.Trade(trade, provider)}); err != nil {
				return err
			}
			if _, err := tx.Equity.Insert(ctx, []entities.AccountEquitySnapshot{mapping.Equity(total)}); err != nil {
				return err
			}
			var rows []repository.Opening
			for _, p := range model.Positions {
				p.CurrentPrice = wire.Some(float64(n))
				row := mapping.Position(model.ModelID, provider, p)
				row.StatedAt = now
				rows = append(rows, repository.Opening{Position: row})
			}
			if _, err := tx.Trading.Adjust(ctx, rows); err != nil {
				return err
			}
			return tx.Prices.RaiseLatest(ctx, []entities.PriceLatest{{
				Provider: provider, Symbol: "BTC", ObservedAt: now, Price: float64(n),
			}})
		})
		if ctx.Err() == nil {
			require.NoError(t, err)
		}
		wait(ctx, 5*time.Millisecond)
	}
}

// TestFilesThatFollowAreNotDifferent compares under load, while the files follow
// the database by some hundred milliseconds, and finds a difference then too.
func TestFilesThatFollowAreNotDifferent(t *testing.T) {
	t.Parallel()
	b := small(t)
	domains := []arena.Domain{arena.DomainPrices, arena.DomainTrades, arena.DomainPositions, arena.DomainAccounts}
	while(t, func(ctx context.Context) { write(ctx, t, b) })
	while(t, func(ctx context.Context) { follow(ctx, t, b, 400*time.Millisecond) })
	o := b.options(domains...)
	o.Confirm = parity.DefaultConfirm()
	for range testsize.Pick(1, 3) {
		report, err := parity.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, wire.VerdictEqual, report.Verdict, "%+v", findings(report))
	}
	o.Store = always(stuck{b.answers()})
	report, err := parity.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, wire.VerdictDifferent, report.Verdict)
	require.Equal(t, "/exit_price", domain(t, report, arena.DomainTrades).Findings[0].Field)
}

// stuck is a store that tells one price of every trade.
type stuck struct{ *arena.Store }

func (s stuck) Trades(ctx context.Context) (wire.Trades, error) {
	answer, err := s.Store.Trades(ctx)
	for i := range answer.Trades {
		answer.Trades[i].ExitPrice = -1
	}
	return answer, err
}
