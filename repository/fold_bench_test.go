package repository

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// BenchmarkFillOfAPositionWithManyFacts measures one more fill of a position of
// which many facts are known.
func BenchmarkFillOfAPositionWithManyFacts(b *testing.B) {
	for _, known := range []int{0, 100, 1_000, 10_000} {
		b.Run(fmt.Sprint(known), func(b *testing.B) {
			s := newStore(b)
			opened := newPosition("BTC", 1, func(p *entities.Position) {
				p.ModelID, p.Quantity, p.EntryTime, p.StatedAt = model1, 1e9, new(begin), begin
			})
			fill := func(n int) []Fill {
				return []Fill{{PositionID: opened.ID, Trade: newTrade(model1, fmt.Sprint("fill-", n), func(t *entities.Trade) {
					t.Symbol, t.Quantity, t.EntryTime, t.ExitTime = "BTC", 1, begin, begin.Add(time.Duration(n+1)*time.Second)
				})}}
			}
			write := func(do func(ctx context.Context, tx Repositories) error) {
				require.NoError(b, s.InTx(b.Context(), func(ctx context.Context, tx Repositories) error {
					if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
						return err
					}
					return do(ctx, tx)
				}))
			}
			write(func(ctx context.Context, tx Repositories) error {
				_, err := tx.Trading.Adjust(ctx, []Opening{{Position: opened}})
				return err
			})
			for at := 0; at < known; at += 1000 {
				var fills []Fill
				for n := at; n < min(at+1000, known); n++ {
					fills = append(fills, fill(n)...)
				}
				write(func(ctx context.Context, tx Repositories) error {
					_, err := tx.Trading.Fills(ctx, fills)
					return err
				})
			}
			n := known
			for b.Loop() {
				write(func(ctx context.Context, tx Repositories) error {
					_, err := tx.Trading.Fills(ctx, fill(n))
					return err
				})
				n++
			}
		})
	}
}
