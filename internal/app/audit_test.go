package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/analytics"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// read reads an answer that there has to be.
func read[T any](t *testing.T, url string) T {
	t.Helper()
	res := get(t, url)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", url, res.body)
	var v T
	require.NoError(t, wire.Unmarshal(res.body, &v), "%s: %.300s", url, res.body)
	return v
}

// TestAuditOfAPlayedSeason links every trade to the decision that ordered its entry and
// the one that ordered its exit, as the season tells, and each of these to the trade.
func TestAuditOfAPlayedSeason(t *testing.T) {
	t.Parallel()
	s, err := season.Generate(t.Context(), season.Options{Seed: 14, Models: 3, Hours: 40, EntryPause: 30 * time.Minute})
	require.NoError(t, err)
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	played, err := season.Play(t.Context(), s.Plan(season.PlanOptions{Analytics: true}).Events(), season.PlayOptions{
		URL: b.url, Token: ingestToken, Client: http.DefaultClient,
	})
	require.NoError(t, err)
	require.Zero(t, played.Rejected)

	facts := s.Facts()
	// ordered is the decision of a model that gave a symbol a signal, the newest at a time.
	ordered := func(model, symbol string, at float64, words ...string) *wire.Decision {
		var newest *wire.Decision
		for i := range facts.Decisions {
			d := &facts.Decisions[i]
			if d.ModelID != model || d.Timestamp > at {
				continue
			}
			for _, signal := range analytics.SignalsIn(d.LlmResponse) {
				if signal.Symbol == symbol && slices.Contains(words, signal.Signal) {
					newest = d
				}
			}
		}
		return newest
	}
	audits := map[string]wire.DecisionAudit{}
	audit := func(link string) wire.DecisionAudit {
		if _, ok := audits[link]; !ok {
			audits[link] = read[wire.DecisionAudit](t, b.url+link)
		}
		return audits[link]
	}
	trades := 0
	for _, trade := range facts.Trades {
		if trade.ModelID == season.Benchmark {
			continue
		}
		trades++
		entry := ordered(trade.ModelID, trade.Symbol, trade.EntryTime, map[string]string{"long": analytics.SignalLong, "short": analytics.SignalShort}[trade.Side])
		exit := ordered(trade.ModelID, trade.Symbol, trade.ExitTime, analytics.SignalClose)
		require.NotNil(t, entry)
		require.NotNil(t, exit)
		for which, d := range []*wire.Decision{entry, exit} {
			a := audit("/api/decisions/" + trade.ModelID + "/" + d.ID)
			i := slices.IndexFunc(a.Trades, func(one wire.AuditedTrade) bool { return one.Trade.ID == trade.ID })
			require.GreaterOrEqual(t, i, 0, "%s does not list %s", d.ID, trade.ID)
			one := a.Trades[i]
			require.InDelta(t, trade.RealizedNetPnl, one.Trade.RealizedNetPnl, 0)
			require.Equal(t, entry.ID, one.OpenedBy.Or(wire.DecisionRef{}).ID)
			require.Equal(t, exit.ID, one.ClosedBy.Or(wire.DecisionRef{}).ID)
			require.Equal(t, "/api/decisions/"+trade.ModelID+"/"+entry.ID, one.OpenedBy.Or(wire.DecisionRef{}).Link)

			at := slices.IndexFunc(a.Positions, func(p wire.AuditedPosition) bool {
				return p.Position.Symbol == trade.Symbol && p.Position.EntryOid == trade.EntryOid
			})
			require.GreaterOrEqual(t, at, 0, "%s does not list the position of %s", d.ID, trade.ID)
			require.Equal(t, which == 0, a.Positions[at].Opened)
			require.Equal(t, d.ID, a.Decision.ID)
			require.Contains(t, a.Signals, wire.Signal{
				Symbol: trade.Symbol, Signal: a.Positions[at].Signal.Or(""),
				Confidence: a.Signals[indexOf(a.Signals, trade.Symbol)].Confidence, Leverage: a.Signals[indexOf(a.Signals, trade.Symbol)].Leverage,
			})
		}
	}
	require.Greater(t, trades, 30)
	closed, adjusted := 0, 0
	for _, a := range audits {
		for _, p := range a.Positions {
			if p.Closed {
				closed++
				require.Equal(t, "closed", p.Status)
			}
			adjusted += len(p.Adjustments)
		}
	}
	require.Positive(t, closed)
	require.Positive(t, adjusted)

	// The decisions of a model are a chain, and what changed in a prompt makes the new
	// one of the one before.
	prompts := map[string]string{}
	for _, d := range facts.Decisions {
		prompts[d.ID] = d.UserPrompt.Or("")
	}
	model, seen := facts.Competitors[0], 0
	first := facts.Decisions[slices.IndexFunc(facts.Decisions, func(d wire.Decision) bool { return d.ModelID == model })]
	for link := "/api/decisions/" + model + "/" + first.ID; link != ""; {
		a := audit(link)
		diff := read[wire.PromptDiff](t, b.url+link+"/diff")
		before, there := a.Previous.Get()
		require.Equal(t, seen > 0, there)
		require.Equal(t, there, a.Diff.Or("") == link+"/diff")
		require.Equal(t, a.Previous, diff.Previous)
		if there {
			require.Equal(t, prompts[a.Decision.ID], strings.TrimSuffix(patch(t, prompts[before.ID], diff), "\n"), a.Decision.ID)
			require.NotEmpty(t, diff.Hunks)
		}
		seen++
		link = a.Next.Or(wire.DecisionRef{}).Link
	}
	require.Len(t, slices.DeleteFunc(slices.Clone(facts.Decisions), func(d wire.Decision) bool { return d.ModelID != model }), seen)
}

func indexOf(signals []wire.Signal, symbol string) int {
	return slices.IndexFunc(signals, func(s wire.Signal) bool { return s.Symbol == symbol })
}

// patch makes the new text of the old one and what changed.
func patch(t *testing.T, before string, diff wire.PromptDiff) string {
	t.Helper()
	old := strings.SplitAfter(before, "\n")
	var text strings.Builder
	at, added, removed := 0, 0, 0
	for _, h := range diff.Hunks {
		for ; at < h.PreviousLine-1; at++ {
			text.WriteString(old[at])
		}
		require.Equal(t, h.Line-1, strings.Count(text.String(), "\n"))
		for _, line := range h.Lines {
			end := "\n"
			if line.Change != "added" {
				require.Equal(t, strings.TrimSuffix(old[at], "\n"), line.Text)
				end = old[at][len(line.Text):]
				at++
			}
			switch line.Change {
			case "removed":
				removed++
				continue
			case "added":
				added++
			}
			text.WriteString(line.Text + end)
		}
	}
	require.Equal(t, []int{added, removed}, []int{diff.Added, diff.Removed})
	text.WriteString(strings.Join(old[at:], ""))
	return text.String()
}

// What is attributed to a decision is what happened at its time or after it, and before
// the next; whatever else is asked for is not there.
func TestAuditOfOneDecision(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	decide := func(id string, at float64, prompt, answer string) {
		post(t, b.url, "decisions", fmt.Sprintf(`{"id":%q,"model_id":"a/b","timestamp":%v,"user_prompt":%s,"llm_response":%s}`, id, at, prompt, answer))
	}
	trade := func(id string, entry, exit float64) {
		post(t, b.url, "trades", fmt.Sprintf(`{"trade":{"id":%q,"model_id":"a/b","symbol":"SOL","side":"long","quantity":1,"entry_time":%v,`+
			`"exit_time":%v,"entry_price":200,"exit_price":201,"realized_net_pnl":1},"remaining":null}`, id, entry, exit))
	}
	decide("a/b_1?x", 100, `"one\ntwo\n"`, `{"SOL":{"signal":"buy_to_enter","confidence":0.5,"leverage":3},"ETH":"what"}`)
	decide("a/b_2", 200, `"one\nzwei"`, `{"failed_json_response_raw_text":"<html>"}`)
	decide("a/b_3", 300, `null`, `{}`)
	trade("before", 50, 99.999999)
	trade("at", 100, 199.999999)
	trade("across", 199.999999, 200)
	trade("after", 250, 300)
	link := b.url + "/api/decisions/a%2Fb/"
	ids := func(id string) (list []string) {
		for _, one := range read[wire.DecisionAudit](t, link+id).Trades {
			list = append(list, fmt.Sprint(one.Trade.ID, " ", one.OpenedBy.Or(wire.DecisionRef{}).ID, " ", one.ClosedBy.Or(wire.DecisionRef{}).ID))
		}
		return list
	}
	require.Equal(t, []string{"at a/b_1?x a/b_1?x", "across a/b_1?x a/b_2"}, ids("a%2Fb_1%3Fx")) //nolint:dupword // ids
	require.Equal(t, []string{"across a/b_1?x a/b_2", "after a/b_2 a/b_3"}, ids("a%2Fb_2"))
	require.Equal(t, []string{"after a/b_2 a/b_3"}, ids("a%2Fb_3"))

	first := read[wire.DecisionAudit](t, link+"a%2Fb_1%3Fx")
	require.Equal(t, []wire.Signal{{Symbol: "SOL", Signal: "buy_to_enter", Confidence: wire.Some(0.5), Leverage: wire.Some(3.0)}}, first.Signals)
	require.True(t, first.Previous.IsZero())
	require.True(t, first.Success)
	require.Equal(t, b.url+first.Next.Or(wire.DecisionRef{}).Link, link+"a%2Fb_2")
	second := read[wire.DecisionAudit](t, link+"a%2Fb_2")
	require.False(t, second.Success)
	require.NotEmpty(t, second.Error.Or(""))
	require.Empty(t, second.Signals)

	require.Empty(t, read[wire.PromptDiff](t, link+"a%2Fb_1%3Fx/diff").Hunks)
	diff := read[wire.PromptDiff](t, link+"a%2Fb_2/diff")
	require.Equal(t, []wire.DiffLine{{Change: "same", Text: "one"}, {Change: "removed", Text: "two"}, {Change: "added", Text: "zwei"}}, diff.Hunks[0].Lines)
	require.Equal(t, 2, read[wire.PromptDiff](t, link+"a%2Fb_3/diff").Removed)

	for target, problem := range map[string]string{
		"/api/decisions/nobody/a%2Fb_2": "unknown-model", "/api/decisions/a%2Fb/nothing": "unknown-decision",
		"/api/decisions/a%2Fb/nothing/diff": "unknown-decision", "/api/decisions/a%2Fb/%7B": "unknown-decision",
		"/api/decisions/%00/x": "unknown-model", "/api/decisions/a%2Fb/" + url.PathEscape(strings.Repeat("x", 5000)): "unknown-decision",
	} {
		res := get(t, b.url+target)
		require.Equal(t, http.StatusNotFound, res.StatusCode, target)
		require.Contains(t, string(res.body), `"/problems/`+problem+`"`, target)
	}

	// A validator holds until something happens to the model.
	res := get(t, link+"a%2Fb_3")
	require.Equal(t, http.StatusNotModified, get(t, link+"a%2Fb_3", "If-None-Match", res.Header.Get("ETag")).StatusCode)
	trade("later", 400, 500)
	require.Equal(t, []string{"after a/b_2 a/b_3", "later a/b_3 a/b_3"}, ids("a%2Fb_3")) //nolint:dupword // ids
	decide("a/b_4", 350, `"x"`, `{}`)
	require.Equal(t, []string{"after a/b_2 a/b_3"}, ids("a%2Fb_3"))

	// A long prompt of which every line is another costs what it is long.
	long := func(word string) string {
		var text strings.Builder
		for i := range 100_000 {
			fmt.Fprintf(&text, "%s %d\n", word, i)
		}
		raw, err := json.Marshal(text.String())
		require.NoError(t, err)
		return string(raw)
	}
	decide("a/b_5", 600, long("old"), `{}`)
	decide("a/b_6", 700, long("new"), `{}`)
	require.Equal(t, 100_000, read[wire.PromptDiff](t, link+"a%2Fb_6/diff").Added)
}
