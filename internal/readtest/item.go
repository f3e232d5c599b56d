package readtest

import (
	"fmt"
	"slices"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// Write is one of the writes of every kind, with and without registration.
type Write struct {
	Kind          arena.IngestKind
	Model, Symbol string // that it is of
}

func (w Write) String() string { return fmt.Sprintf("%s of %s %s", w.Kind, w.Model, w.Symbol) }

// Item is something new of a write's kind, in the form of an item of its route.
func (c *Checker) Item(w Write) any {
	c.n++
	row := c.Facts.Equity[slices.IndexFunc(c.Facts.Equity, func(r wire.AccountTotal) bool {
		return r.ModelID == c.Facts.Competitors[0] && r.SinceInceptionHourlyMarker == 3
	})]
	at := row.Timestamp + float64(c.n)
	equity := map[string]any{
		"model_id": w.Model, "timestamp": at, "dollar_equity": 9000.5 + float64(c.n), "positions": map[string]any{},
		"since_inception_hourly_marker": row.SinceInceptionHourlyMarker, "since_inception_minute_marker": row.SinceInceptionMinuteMarker.Or(200),
	}
	last := c.Facts.Equity[len(c.Facts.Equity)-1].Timestamp
	switch w.Kind {
	case arena.IngestPrices:
		return map[string]any{"symbol": w.Symbol, "price": 100.25 + float64(c.n), "timestamp": int64(last*1000) + int64(c.n)}
	case arena.IngestPositions:
		return map[string]any{"model_id": w.Model, "position": map[string]any{
			"symbol": fmt.Sprint("OPEN", c.n), "entry_oid": 7_000_000 + c.n, "entry_price": 200, "quantity": 6, "entry_time": last,
		}}
	case arena.IngestTrades:
		return map[string]any{"trade": map[string]any{
			"id": fmt.Sprintf("%s_behind-%d", w.Model, c.n), "model_id": w.Model, "symbol": w.Symbol, "side": "long", "quantity": 2,
			"entry_oid": 8_000_000 + c.n, "entry_time": at, "exit_time": last + float64(c.n), "entry_price": 200, "exit_price": 190.5, "realized_net_pnl": -1.25,
		}, "equity": equity}
	case arena.IngestEquity:
		return equity
	case arena.IngestConversations:
		return map[string]any{"model_id": w.Model, "messages": []any{map[string]any{"role": "user", "content": fmt.Sprint("behind ", c.n), "timestamp": last + float64(c.n)}}}
	case arena.IngestDecisions:
		return map[string]any{"id": fmt.Sprintf("%s_%d.5", w.Model, int64(last)+int64(c.n)), "model_id": w.Model, "timestamp": last + float64(c.n), "user_prompt": "p"}
	case arena.IngestAnalytics:
		return map[string]any{"id": w.Model, "model_id": w.Model, "updated_at": last + 1000 + float64(c.n), "n": c.n}
	case arena.IngestTraderState:
		return map[string]any{"trader_id": w.Model, "allocation_pct": c.n}
	case arena.IngestMarketAssets:
		return map[string]any{"symbol": w.Symbol, "max_leverage": c.n}
	case arena.IngestModels:
		return map[string]any{"id": w.Model, "display_name": fmt.Sprint("behind ", c.n)}
	case arena.IngestCompetitions:
		return map[string]any{"id": entities.FirstCompetition, "name": fmt.Sprint("behind ", c.n)}
	case arena.IngestSymbols:
		return map[string]any{"symbol": w.Symbol, "size_step": float64(c.n)}
	}
	c.t.Fatalf("no item of %s", w.Kind)
	return nil
}

// WriteOf returns one of every kind, alternately of what is known and of what the
// write makes known, in the nth round.
func (c *Checker) WriteOf(n int) Write {
	kinds := catalogue.Writes()
	i, round := n/2%len(kinds), n/2/len(kinds)
	w := Write{Kind: kinds[i].Kind, Model: c.Facts.Competitors[(i+round)%3], Symbol: "BTC"}
	if n%2 == 1 {
		w.Model, w.Symbol = fmt.Sprintf("late-%d-%d", i, round), fmt.Sprintf("LATE%dR%d", i, round)
		if i%4 == round {
			w.Model, w.Symbol = Late, LateSymbol // whose absence every process has cached
		}
	}
	return w
}
