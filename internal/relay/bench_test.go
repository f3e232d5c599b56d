package relay

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/repository"
)

// drain relays until nothing is left.
func (p *process) drain(t testing.TB, b *bundle) {
	t.Helper()
	for {
		_, err := p.relay.round(b.ctx)
		require.NoError(t, err)
		waiting, _, err := b.store.Outbox.Lag(b.ctx)
		require.NoError(t, err)
		if waiting == 0 {
			return
		}
	}
}

// A backlog, as after an outage: 1000 events of each of three models.
func BenchmarkBacklog(bench *testing.B) {
	for name, facts := range map[string]func(model string, n int) func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error){
		"trades": func(model string, n int) func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) {
			return func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
				trades := make([]entities.Trade, 1000)
				events := make([]entities.OutboxEvent, 1000)
				for i := range trades {
					trades[i] = tradeOf(model, n+i)
					payload, err := mapping.TradePayload(trades[i])
					if err != nil {
						return nil, err
					}
					events[i] = event(model, arena.EventTrade, payload)
				}
				_, err := tx.Trades.Insert(ctx, trades)
				return events, err
			}
		},
		"decisions of 20 kB": func(model string, n int) func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) {
			prompt := strings.Repeat("What now? ", 2000)
			return func(ctx context.Context, tx repository.Repositories) ([]entities.OutboxEvent, error) {
				rows := make([]entities.DecisionCycle, 1000)
				events := make([]entities.OutboxEvent, 1000)
				for i := range rows {
					rows[i] = entities.DecisionCycle{
						ModelID: model, ID: fmt.Sprint(model, "_", n+i), UserPrompt: &prompt, Success: true,
						ExecutedAt: begin.Add(time.Duration(n+i) * time.Second),
					}
					payload, err := mapping.DecisionPayload(rows[i])
					if err != nil {
						return nil, err
					}
					events[i] = event(model, arena.EventDecision, payload)
				}
				_, err := tx.Decisions.Insert(ctx, rows)
				return events, err
			}
		},
	} {
		bench.Run(name, func(bench *testing.B) {
			b := setup(bench)
			p := b.newProcess(bench)
			p.relay.o.BatchSize = 2000
			n := 0
			for bench.Loop() {
				bench.StopTimer()
				for _, model := range b.models {
					b.write(bench, model, facts(model, n))
				}
				n += 1000
				bench.StartTimer()
				p.drain(bench, b)
			}
			bench.ReportMetric(float64(3000*bench.N)/bench.Elapsed().Seconds(), "events/s")
		})
	}
}

// One event at a time, each relayed by itself.
func BenchmarkOne(bench *testing.B) {
	for name, write := range map[string]func(b *bundle, n int){
		"trade":    func(b *bundle, n int) { b.trade(bench, "ant", n) },
		"equity":   func(b *bundle, n int) { b.equity(bench, "ant", n, 10_000) },
		"position": func(b *bundle, n int) { b.position(bench, "ant", "BTC", 1, float64(n+1)) },
		"price":    func(b *bundle, n int) { b.price(bench, "BTC", n, float64(n+1)) },
		"decision": func(b *bundle, n int) { b.decision(bench, "ant", n) },
	} {
		bench.Run(name, func(bench *testing.B) {
			b := setup(bench)
			p := b.newProcess(bench)
			n := 0
			for bench.Loop() {
				bench.StopTimer()
				write(b, n)
				n++
				bench.StartTimer()
				_, err := p.relay.round(b.ctx)
				require.NoError(bench, err)
			}
		})
	}
}
