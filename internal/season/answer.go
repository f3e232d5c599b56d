package season

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/analytics"
	"nof0/internal/wire"
)

// answer records a decision whose answer could be read.
func (t *trader) answer(now time.Time, prompt string, said map[string]coinSignal) error {
	response, err := wire.Marshal(said)
	if err != nil {
		return err
	}
	trace := jsontext.Value(response)
	if !t.traits.objectTrace {
		if trace, err = wire.Marshal(t.reasoning(now, said)); err != nil {
			return err
		}
	}
	t.record(now, prompt, trace, t.summary(now, said), response)
	return nil
}

// fail records a decision whose answer was no JSON: what the model wrote is
// kept as text, if it wrote anything.
func (t *trader) fail(now time.Time, prompt string) error {
	text := ""
	if chance(t.r, 60) {
		text = t.reasoning(now, nil) + "\n\nI should output a JSON object for each coin, but let me first re-read the instruc"
	}
	response, err := wire.Marshal(map[string]string{"failed_json_response_raw_text": text})
	if err != nil {
		return err
	}
	trace, err := wire.Marshal(t.reasoning(now, nil))
	if err != nil {
		return err
	}
	t.record(now, prompt, trace, t.summary(now, nil), response)
	return nil
}

func (t *trader) record(now time.Time, prompt string, trace jsontext.Value, summary string, response jsontext.Value) {
	// The id is made a moment after the timestamp.
	named := now.Add(time.Duration(between(t.r, 180, 2000)) * time.Microsecond)
	inserted := now.Add(time.Duration(between(t.r, int64(1_900_000), int64(3_400_000))) * time.Microsecond)
	if t.forgotten(now) {
		return
	}
	t.decisions = append(t.decisions, wire.Decision{
		ID:              t.id + "_" + pythonFloat(wire.Seconds(named)),
		ModelID:         t.id,
		Timestamp:       wire.Seconds(now),
		InsertedAt:      wire.Some(wire.Seconds(inserted)),
		CycleID:         wire.Some(t.cycle),
		RunID:           wire.Some(t.inception.Format("20060102150405")),
		Skill:           wire.Some("swing_trading"),
		UserPrompt:      wire.Some(prompt),
		CotTrace:        trace,
		CotTraceSummary: wire.Some(summary),
		LlmResponse:     response,
	})
}

// reasoning thinks aloud about what was said of each coin.
func (t *trader) reasoning(now time.Time, said map[string]coinSignal) string {
	var b strings.Builder
	b.WriteString("First, I check my open positions and their exit plans against the current market data.\n")
	for i, p := range t.open {
		if p == nil {
			continue
		}
		price := t.market.at(i, now)
		verdict := "none of the conditions to leave is met, so I hold."
		if s, ok := said[p.coin.symbol]; ok && s.Signal == analytics.SignalClose {
			verdict = s.Justification
		}
		fmt.Fprintf(&b, "\n**%s** (%s): entry %s, now %s, unrealized PnL %+.2f. Target %s, stop %s — %s",
			p.coin.symbol, p.side(), pythonFloat(p.coin.price(p.entryPrice)), pythonFloat(p.coin.price(price)),
			usd(p.unrealized(price)), pythonFloat(p.coin.price(p.plan.target)), pythonFloat(p.coin.price(p.plan.stop)),
			verdict)
	}
	for _, coin := range slices.Sorted(maps.Keys(said)) {
		if s := said[coin]; s.Signal == analytics.SignalLong || s.Signal == analytics.SignalShort {
			fmt.Fprintf(&b, "\n\nNew entry in **%s** (%s): %s", coin, s.Signal, s.Justification)
		}
	}
	return b.String()
}

// summary is the sentence that chat panels show.
func (t *trader) summary(now time.Time, said map[string]coinSignal) string {
	equity, _ := t.equity(now)
	b := new(strings.Builder)
	fmt.Fprintf(b, "My account is at $%.2f (%+.2f%%)", usd(equity), float64(equity-navMicros)/navMicros*100)
	held := make([]string, 0, len(said))
	for _, coin := range slices.Sorted(maps.Keys(said)) {
		switch s := said[coin]; s.Signal {
		case analytics.SignalLong:
			fmt.Fprintf(b, ", I’m going long %s at %d×", coin, s.Leverage)
		case analytics.SignalShort:
			fmt.Fprintf(b, ", I’m going short %s at %d×", coin, s.Leverage)
		case analytics.SignalClose:
			fmt.Fprintf(b, ", closing %s", coin)
		default:
			held = append(held, coin)
		}
	}
	if len(held) > 0 {
		fmt.Fprintf(b, "; I hold %s as none of their exit conditions is met", strings.Join(held, ", "))
	}
	return b.String() + "."
}
