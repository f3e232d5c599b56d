package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"nof0/internal/captures"
	"nof0/internal/season"
)

// TestConsoleSaysWhatTheAPISays compares every figure of the pages with that of the API,
// of a generated season.
func TestConsoleSaysWhatTheAPISays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, madeUp(t, season.Options{Seed: 7, Hours: 30, Models: 4}))
	b.compareConsole(t)
}

// TestConsoleOfACapture does so of one with every oddity.
func TestConsoleOfACapture(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, captures.Earlier.Dir(t))
	b.compareConsole(t)
}

func (b *bundle) compareConsole(t *testing.T) {
	t.Helper()
	first := b.page(t, "/")
	list := func(path string, member string) []map[string]any {
		var rows []map[string]any
		for _, row := range get(t, b.url+"/api/"+path).object(t)[member].([]any) {
			rows = append(rows, row.(map[string]any))
		}
		return rows
	}
	by := func(rows []map[string]any, id string) map[string]map[string]any {
		m := map[string]map[string]any{}
		for _, row := range rows {
			m[row[id].(string)] = row
		}
		return m
	}

	curves, metrics := by(list("equity", "equity"), "model_id"), by(list("analytics", "analytics"), "model_id")
	rows := all(first, "tr", "data-model")
	board := list("leaderboard", "leaderboard")
	require.Len(t, rows, len(board))
	for i, row := range board {
		id := row["id"].(string)
		require.Equal(t, id, attr(rows[i], "data-model"))
		want := []any{row["equity"], row["return_pct"], row["sharpe"]}
		if curve, ok := curves[id]; ok && curve["rows"] != 0.0 {
			want = append(want, curve["max_drawdown_pct"])
		} else {
			want = append(want, nil)
		}
		want = append(want, row["num_trades"])
		if n := row["num_trades"].(float64); n > 0 {
			want = append(want, 100*row["num_wins"].(float64)/n)
		} else {
			want = append(want, nil)
		}
		fees, _ := metrics[id]["fee_pnl_moves_breakdown_table"].(map[string]any)
		want = append(want, fees["total_fees_paid"])
		require.Equal(t, present(want), figures(rows[i]), id)
	}

	prices := get(t, b.url+"/api/crypto-prices").object(t)["prices"].(map[string]any)
	ticker := all(first, "li", "data-symbol")
	require.Len(t, ticker, len(prices))
	for _, item := range ticker {
		require.Equal(t, []any{prices[attr(item, "data-symbol")].(map[string]any)["price"]}, figures(item))
	}

	items := all(first, "li", "data-trade")
	trades := list(fmt.Sprintf("trades?limit=%d", max(len(items), 1)), "trades")
	require.Len(t, items, len(trades))
	for i, trade := range trades {
		require.Equal(t, trade["id"], attr(items[i], "data-trade"))
		require.Equal(t, []any{trade["quantity"], trade["entry_price"], trade["exit_price"], trade["realized_net_pnl"]}, figures(items[i]))
	}
	best, worst := board[0]["id"].(string), board[len(board)-1]["id"].(string)
	b.compareModel(t, best, worst)
	b.compareModel(t, worst, best)

	search := b.page(t, "/search?q=position")
	found := list("search?q=position&limit=20", "results")
	results := all(search, "li", "data-result")
	require.Len(t, results, len(found))
	for i, result := range found {
		require.Equal(t, result["id"], attr(results[i], "data-result"))
	}
	refused := get(t, b.url+"/search?q=the", "Accept", "text/html")
	require.Equal(t, http.StatusOK, refused.StatusCode)
	require.Contains(t, string(refused.body), `role="alert"`)
}

// compareModel compares the page of a model, of one decision, of every symbol, and of the
// model beside another.
func (b *bundle) compareModel(t *testing.T, id, other string) {
	t.Helper()
	shown := b.page(t, "/models/"+id)
	api := func(path string) map[string]any { return get(t, b.url+"/api/"+path).object(t) }
	rows := func(in *html.Node, attribute, member, path string, figuresOf func(map[string]any) []any) {
		t.Helper()
		listed := all(in, "tr", attribute)
		facts := api(path)[member].([]any)
		require.Len(t, listed, len(facts), path)
		for i, fact := range facts {
			fact := fact.(map[string]any)
			require.Equal(t, fact["id"], attr(listed[i], attribute))
			require.Equal(t, present(figuresOf(fact)), figures(listed[i]), "%v", fact["id"])
		}
	}
	trade := func(fact map[string]any) []any {
		return []any{fact["quantity"], fact["entry_price"], fact["exit_price"], fact["realized_net_pnl"], fact["total_commission_dollars"]}
	}
	rows(shown, "data-trade", "trades", "trades?limit=25&model_id="+id, trade)
	rows(shown, "data-position", "positions", "positions/"+id+"?limit=20", func(fact map[string]any) []any {
		return []any{
			fact["opened_quantity"], fact["position"].(map[string]any)["entry_price"], fact["realized_net_pnl"],
			float64(len(fact["closings"].([]any))),
		}
	})
	rows(shown, "data-decision", "decisions", "decisions/"+id+"?limit=15", func(fact map[string]any) []any {
		var counts []any
		if signals := fact["signals"].(map[string]any); fact["success"] == true {
			for _, signal := range slices.Sorted(maps.Keys(signals)) {
				counts = append(counts, signals[signal])
			}
		}
		return append(counts, fact["confidence"])
	})

	curve := api("equity?model_id=" + id)["equity"].([]any)[0].(map[string]any)
	said := figures(all(shown, "dl", "id")[0])
	for _, figure := range []string{"max_drawdown_pct", "drawdown_pct"} {
		require.Contains(t, said, curve[figure], figure)
	}
	for _, one := range api("analytics/" + id)["analytics"].([]any) {
		published := 0
		for _, table := range one.(map[string]any) {
			if table, ok := table.(map[string]any); ok && table["whole"] == nil {
				published += len(table)
			}
		}
		for _, section := range all(shown, "section", "id") {
			if attr(section, "id") == "metrics" {
				require.Len(t, figures(section), published)
			}
		}
	}

	decisions := api("decisions/" + id + "?limit=1")["decisions"].([]any)
	for _, one := range decisions {
		decision := one.(map[string]any)["id"].(string)
		page := b.page(t, "/models/"+id+"/decisions/"+decision)
		audit := api("decisions/" + id + "/" + decision)
		signals := all(page, "tr", "data-signal")
		require.Len(t, signals, len(audit["signals"].([]any)))
		for i, signal := range audit["signals"].([]any) {
			signal := signal.(map[string]any)
			require.Equal(t, present([]any{signal["confidence"], signal["leverage"]}), figures(signals[i]))
		}
		require.Len(t, all(page, "tr", "data-trade"), len(audit["trades"].([]any)))
	}
	for _, one := range api("symbols")["symbols"].([]any) {
		symbol := one.(map[string]any)["symbol"].(string)
		rows(b.page(t, "/symbols/"+symbol), "data-trade", "trades", "trades?limit=25&symbol="+symbol, trade)
	}
	compared := b.page(t, "/compare?with="+id+"&with="+other)
	require.Contains(t, figures(compared), curve["max_drawdown_pct"])
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/models/nobody", "Accept", "text/html").StatusCode)
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/symbols/NOTHING", "Accept", "text/html").StatusCode)
}

// page reads a page as a browser does.
func (b *bundle) page(t *testing.T, path string) *html.Node {
	t.Helper()
	r := get(t, b.url+path, "Accept", "text/html")
	require.Equal(t, http.StatusOK, r.StatusCode, "%s", r.body)
	document, err := html.Parse(strings.NewReader(string(r.body)))
	require.NoError(t, err)
	return document
}

// all are the elements of a name that have an attribute, or any where none is named.
func all(in *html.Node, name, attribute string) []*html.Node {
	var found []*html.Node
	for n := range in.Descendants() {
		if n.Type == html.ElementNode && n.Data == name && (attribute == "" || attr(n, attribute) != "") {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// figures are the exact values of the figures in an element.
func figures(in *html.Node) []any {
	var found []any
	for _, n := range all(in, "data", "value") {
		f, err := strconv.ParseFloat(attr(n, "value"), 64)
		if err != nil {
			panic(err)
		}
		found = append(found, f)
	}
	return found
}

// present are the values that are there: of an absent one there is no figure.
func present(values []any) []any {
	var there []any
	for _, v := range values {
		if v != nil {
			there = append(there, v)
		}
	}
	return there
}
