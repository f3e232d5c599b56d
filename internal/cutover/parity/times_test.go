package parity_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/parity"
	"nof0/internal/wire"
)

// priceTime is the time of the prices of a capture in unix seconds.
func priceTime(t *testing.T, c captures.Capture) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.Dir(t), "crypto-prices.json"))
	require.NoError(t, err)
	var file struct {
		Prices map[string]struct {
			Timestamp float64 `json:"timestamp"`
		} `json:"prices"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	return strconv.FormatFloat(file.Prices["BTC"].Timestamp/1000, 'f', -1, 64)
}

// TestAnOlderCaptureCannotBeCompared holds an earlier capture against a
// database that knows a later one too.
func TestAnOlderCaptureCannotBeCompared(t *testing.T) {
	t.Parallel()
	b := setup(t, captures.Earlier.Copy(t), captures.Later.Copy(t))
	report := b.run(t)
	require.Equal(t, wire.VerdictNotCompared, report.Verdict)
	for d, want := range map[arena.Domain]string{
		arena.DomainPrices: wire.VerdictNotCompared, arena.DomainTrades: wire.VerdictEqual, arena.DomainPositions: wire.VerdictEqual,
		arena.DomainAccounts: wire.VerdictEqual, arena.DomainAnalytics: wire.VerdictNotCompared, arena.DomainConversations: wire.VerdictEqual,
	} {
		run := domain(t, report, d)
		require.Equal(t, want, run.Verdict, "%s: %+v", d, run.Findings)
		require.Zero(t, run.Counts.Differences)
	}
	prices := domain(t, report, arena.DomainPrices)
	require.Len(t, prices.Findings, prices.Counts.Compared)
	before, after := priceTime(t, captures.Earlier), priceTime(t, captures.Later)
	require.Equal(t, before, string(prices.Findings[0].JSON))
	require.Equal(t, after, string(prices.Findings[0].Store))
	require.Equal(t, prices.Counts.Compared, prices.Counts.Equal, "with what the feed was then")
	require.Positive(t, domain(t, report, arena.DomainTrades).Counts.OnlyStore, "the store's newer trades are counted")
	require.Positive(t, domain(t, report, arena.DomainConversations).Counts.OnlyStore)

	// What can be compared is, and a difference outweighs the rest.
	b.exec(t, `UPDATE trades SET exit_price = 12345.5 WHERE model_id || ' ' || id = (SELECT max(model_id || ' ' || id) FROM trades WHERE exit_time < to_timestamp(`+before+`))`)
	report = b.run(t)
	require.Equal(t, wire.VerdictDifferent, report.Verdict)
	require.Equal(t, wire.VerdictDifferent, domain(t, report, arena.DomainTrades).Verdict)
	require.Equal(t, wire.VerdictNotCompared, domain(t, report, arena.DomainPrices).Verdict)

	b.exec(t, `UPDATE price_ticks SET price = 1.5 WHERE symbol = 'BTC' AND observed_at < to_timestamp(`+after+`)`)
	found := findings(b.run(t, arena.DomainPrices))
	require.Equal(t, wire.FindingValue, found[0].Kind)
	require.Equal(t, "/price", found[0].Field)
	require.Equal(t, "1.5", string(found[0].Store))
}

func TestPositionsOfAnEarlierTimeCannotBeCompared(t *testing.T) {
	t.Parallel()
	b := small(t)
	b.exec(t, `UPDATE accounts SET positions_as_of = positions_as_of + interval '1 hour'
		WHERE model_id = (SELECT min(model_id) FROM positions WHERE status = 'open')`)
	require.Empty(t, findings(b.run(t, arena.DomainPositions)), "they are equal all the same")
	b.exec(t, `UPDATE positions SET confidence = 0 WHERE (model_id, id) IN
		(SELECT model_id, id FROM positions WHERE status = 'open' ORDER BY model_id, id LIMIT 1)`)
	report := b.run(t, arena.DomainPositions)
	require.Equal(t, wire.VerdictNotCompared, report.Verdict)
	require.Len(t, findings(report), 1)
	require.NotEmpty(t, findings(report)[0].Reason)
}

func TestAJSONSideThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := small(t)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "trades.json"), []byte(`{"trades": [`), 0o600))
	report := b.run(t, arena.DomainTrades, arena.DomainPrices)
	require.Equal(t, wire.VerdictNotCompared, report.Verdict)
	require.Contains(t, domain(t, report, arena.DomainTrades).Findings[0].Reason, "trades.json")
	require.Equal(t, wire.VerdictEqual, domain(t, report, arena.DomainPrices).Verdict)

	for name, dir := range map[string]string{"empty": t.TempDir(), "missing": filepath.Join(t.TempDir(), "nowhere")} {
		o := b.options()
		o.JSON = jsonstore.NewSource(jsonstore.SourceOptions{Dir: dir, PrimaryProvider: provider, Now: time.Now})
		report, err := parity.Run(t.Context(), o)
		require.NoError(t, err, name)
		require.Equal(t, wire.VerdictNotCompared, report.Verdict, name)
		for _, run := range report.Domains {
			require.Equal(t, wire.VerdictNotCompared, run.Verdict, name)
		}
	}
}

// behind is a store that answers late, or never the same.
type behind struct {
	*arena.Store
	prices func() float64
}

func (b behind) CryptoPrices(ctx context.Context) (wire.CryptoPrices, error) {
	answer, err := b.Store.CryptoPrices(ctx)
	btc := answer.Prices["BTC"]
	btc.Price = b.prices()
	answer.Prices["BTC"] = btc
	return answer, err
}

func TestOnlyWhatStaysDifferentCounts(t *testing.T) {
	t.Parallel()
	b := small(t)
	answer, err := b.json.CryptoPrices(t.Context())
	require.NoError(t, err)
	truth := answer.Prices["BTC"].Price
	for name, c := range map[string]struct {
		prices  func(reading int) float64
		verdict string
		moving  int
	}{
		"late":        {func(n int) float64 { return map[bool]float64{true: truth, false: 1}[n > 2] }, wire.VerdictEqual, 0},
		"ever moving": {func(n int) float64 { return float64(n) }, wire.VerdictEqual, 1},
		"stuck":       {func(int) float64 { return 1 }, wire.VerdictDifferent, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := b.options(arena.DomainPrices)
			readings := 0
			o.Store = always(behind{b.answers(), func() float64 { readings++; return c.prices(readings) }})
			o.Confirm = parity.Confirm{Attempts: 4, Pause: time.Millisecond}
			report, err := parity.Run(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, c.verdict, report.Verdict)
			require.LessOrEqual(t, readings, 4)
			require.Equal(t, c.moving, report.Domains[0].Counts.Moving)
		})
	}
}

// disordered is a store that answers in another order than it should.
type disordered struct{ *arena.Store }

func swap[T any](rows []T) { rows[0], rows[1] = rows[1], rows[0] }

func (d disordered) Trades(ctx context.Context) (wire.Trades, error) {
	answer, err := d.Store.Trades(ctx)
	swap(answer.Trades)
	return answer, err
}

func (d disordered) AccountTotals(ctx context.Context, from int64) (wire.AccountTotals, error) {
	answer, err := d.Store.AccountTotals(ctx, from)
	rows := answer.AccountTotals
	rows[0], rows[len(rows)-1] = rows[len(rows)-1], rows[0]
	return answer, err
}

func (d disordered) Leaderboard(ctx context.Context) (wire.Leaderboard, error) {
	answer, err := d.Store.Leaderboard(ctx)
	swap(answer.Leaderboard)
	return answer, err
}

func (d disordered) Conversations(ctx context.Context) (wire.Conversations, error) {
	answer, err := d.Store.Conversations(ctx)
	rows := answer.Conversations
	rows[0], rows[len(rows)-1] = rows[len(rows)-1], rows[0]
	return answer, err
}

func TestWrongOrderOfTheStoreIsFound(t *testing.T) {
	t.Parallel()
	b := small(t)
	o := b.options(arena.DomainTrades, arena.DomainAccounts, arena.DomainAnalytics, arena.DomainConversations)
	o.Store = always(disordered{b.answers()})
	report, err := parity.Run(t.Context(), o)
	require.NoError(t, err)
	for _, run := range report.Domains {
		require.NotEmpty(t, run.Findings, run.Domain)
		for _, f := range run.Findings {
			require.Equal(t, wire.FindingOrder, f.Kind, "%+v", f)
			require.Contains(t, f.Reason, "store's answer")
		}
	}
}

// forgetful is a store whose answers lack what it has.
type forgetful struct{ *arena.Store }

func (f forgetful) Trades(ctx context.Context) (wire.Trades, error) {
	answer, err := f.Store.Trades(ctx)
	answer.Trades = answer.Trades[1:]
	return answer, err
}

func (f forgetful) Conversations(ctx context.Context) (wire.Conversations, error) {
	answer, err := f.Store.Conversations(ctx)
	answer.Conversations = append(answer.Conversations[:2:2], answer.Conversations[3:]...)
	return answer, err
}

func (f forgetful) AccountTotals(ctx context.Context, from int64) (wire.AccountTotals, error) {
	answer, err := f.Store.AccountTotals(ctx, from)
	answer.AccountTotals = append(answer.AccountTotals[:2:2], answer.AccountTotals[3:]...)
	return answer, err
}

func TestAnswersThatLackAFactAreFound(t *testing.T) {
	t.Parallel()
	b := small(t)
	o := b.options(arena.DomainTrades, arena.DomainAccounts, arena.DomainConversations)
	o.Store = always(forgetful{b.answers()})
	report, err := parity.Run(t.Context(), o)
	require.NoError(t, err)
	for _, run := range report.Domains {
		require.Len(t, run.Findings, 1, run.Domain)
		require.Equal(t, wire.FindingOnlyJSON, run.Findings[0].Kind)
		require.Contains(t, run.Findings[0].Reason, "does not answer with it")
	}
}

// TestThreadsOfACapture changes the messages of a thread of a real capture.
func TestThreadsOfACapture(t *testing.T) {
	t.Parallel()
	const someMessage = `(SELECT m.conversation_id || m.time || m.role || m.content_digest FROM conversation_messages m
		JOIN conversations c ON c.id = m.conversation_id AND c.kind = 'thread' ORDER BY m.conversation_id, m.time OFFSET 1 LIMIT 1)`
	messages := func(f map[string]any) []any { return list(at(list(f, "conversations"), 0), "messages") }
	for name, c := range map[string]struct {
		change func(t *testing.T, b *bundle)
		kind   string
		field  string
	}{
		"a content in Postgres": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.exec(t, `UPDATE conversation_messages SET content = 'never said' WHERE conversation_id || time || role || content_digest = `+someMessage)
		}, wire.FindingValue, "/content"},
		"a message missing in Postgres": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.exec(t, `DELETE FROM conversation_messages WHERE conversation_id || time || role || content_digest = `+someMessage)
		}, wire.FindingOnlyJSON, "/messages/"},
		"a message missing in the JSON file": {func(t *testing.T, b *bundle) {
			t.Helper()
			edit(t, b.dir, "conversations.json", func(f map[string]any) {
				all := messages(f)
				at(list(f, "conversations"), 0)["messages"] = append(all[:1:1], all[2:]...)
			})
		}, wire.FindingOnlyStore, "/messages"},
		"messages in a wrong order": {func(t *testing.T, b *bundle) {
			t.Helper()
			edit(t, b.dir, "conversations.json", func(f map[string]any) {
				all := messages(f)
				all[0], all[len(all)-1] = all[len(all)-1], all[0]
			})
		}, wire.FindingOrder, "/messages/"},
		"a thread missing in the JSON file": {func(t *testing.T, b *bundle) {
			t.Helper()
			edit(t, b.dir, "conversations.json", func(f map[string]any) { f["conversations"] = list(f, "conversations")[1:] })
		}, wire.FindingOnlyStore, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.Link(filepath.Join(captures.Earlier.Copy(t), "conversations.json"), filepath.Join(dir, "conversations.json")))
			b := setup(t, dir)
			requireEqual(t, b)
			c.change(t, b)
			found := findings(b.run(t, arena.DomainConversations))
			require.NotEmpty(t, found)
			require.Equal(t, c.kind, found[0].Kind, "%+v", found)
			require.Contains(t, found[0].Field, c.field)
		})
	}
}
