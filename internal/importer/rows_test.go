package importer_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/importer"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// arenaOf is a store of a test, and what it answers.
type arenaOf struct {
	*testing.T
	store *repository.Store
	*arena.Store
}

func newArena(t *testing.T) arenaOf {
	t.Helper()
	store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 4, MaxIdle: 4})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return arenaOf{t, store, arena.NewStore(store.Repositories, "hyperliquid", time.Now)}
}

func (a arenaOf) options() importer.Options {
	return importer.Options{
		Store: a.store, PrimaryProvider: "hyperliquid", Benchmarks: []string{"buynhold_btc"}, Bounds: wiretest.Bounds(), Now: time.Now,
	}
}

func (a arenaOf) load(dir string) *importer.Report {
	a.Helper()
	report, err := importer.Import(a.Context(), dir, a.options())
	require.NoError(a, err)
	return report
}

// positions is what the arena answers, without the time of the answer.
func (a arenaOf) positions() string {
	a.Helper()
	p, err := a.Positions(a.Context(), 0)
	require.NoError(a, err)
	raw, err := wire.Marshal(p.AccountTotals)
	require.NoError(a, err)
	return string(raw)
}

// refusedOf lists the refused rows of a report, "FILE ID: /path …".
func refusedOf(report *importer.Report) (all []string) {
	for _, kind := range report.Kinds {
		for _, row := range kind.Rows {
			one := row.File + " " + row.ID + ":"
			for _, fault := range row.Faults {
				one += " " + fault.Path
			}
			all = append(all, one)
		}
	}
	return all
}

func files(t *testing.T, bodies map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range bodies {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
	}
	return dir
}

func total(model string, at int, positions string) string {
	return fmt.Sprintf(`{"id":"%[1]s_1","model_id":%[1]q,"timestamp":%[2]d,"dollar_equity":1,"since_inception_hourly_marker":1,"positions":%[3]s}`, model, at, positions)
}

// TestWhatNobodyComputesWithComesBackAsItWas imports positions of any shape, from
// positions.json and from account totals, and reads them back.
func TestWhatNobodyComputesWithComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, positions := range map[string]string{
		"a benchmark's":        `{"BTC":{"entry_oid":-1,"symbol":"BTC","entry_price":106000.5,"quantity":0.0935,"exit_plan":"N/A","index_col":-1}}`,
		"exit plans":           `{"A":{"symbol":"A","entry_price":1,"quantity":1,"exit_plan":[1e200,{}]},"B":{"symbol":"B","entry_price":1,"quantity":1,"exit_plan":0,"index_col":{"x":[null]}}}`,
		"a null":               `{"A":{"symbol":"A","entry_price":1,"quantity":-1,"exit_plan":null,"index_col":"7"}}`,
		"waits":                `{"A":{"symbol":"A","wait_for_fill":true},"B":{"symbol":"B","entry_price":1,"quantity":1}}`,
		"waits without symbol": `{"SOL":{"wait_for_fill":true,"entry_price":null,"quantity":0,"oid":7,"note":"x"}}`,
		"waits with a price":   `{"SOL":{"symbol":"SOL","wait_for_fill":true,"entry_price":12.5,"quantity":0}}`,
		"another name":         `{"BTC-PERP":{"symbol":"BTC","entry_price":1,"quantity":1},"ETH":{"symbol":"ETH","entry_price":1,"quantity":1}}`,
		"crossed names":        `{"A":{"symbol":"B","entry_price":1,"quantity":1},"B":{"symbol":"A","entry_price":2,"quantity":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := `[{"model_id":"m","positions":` + positions + `}]`
			for _, bodies := range []map[string]string{
				{"positions.json": `{"accountTotals":` + want + `,"serverTime":1761003800000}`},
				{"account-totals.json": `{"accountTotals":[` + total("m", 1761003700, positions) + `]}`},
			} {
				a := newArena(t)
				for range 2 {
					require.Empty(t, refusedOf(a.load(files(t, bodies))))
					require.JSONEq(t, want, a.positions())
				}
				totals, err := a.AccountTotals(t.Context(), 0)
				require.NoError(t, err)
				for _, row := range totals.AccountTotals {
					require.JSONEq(t, positions, string(row.Positions))
				}
				// A later statement without any of it leaves none of it.
				later := map[string]string{"positions.json": `{"accountTotals":[{"model_id":"m","positions":{}}],"serverTime":1761003900000}`}
				require.Empty(t, refusedOf(a.load(files(t, later))))
				require.JSONEq(t, `[{"model_id":"m","positions":{}}]`, a.positions())
			}
		})
	}
}

// TestOneAccountStatedTwice imports files in which two rows are of one account.
func TestOneAccountStatedTwice(t *testing.T) {
	t.Parallel()
	const btc, eth = `"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}`, `"ETH":{"symbol":"ETH","entry_price":1,"quantity":1}`
	stated := func(rows ...string) string {
		return `{"accountTotals":[` + strings.Join(rows, ",") + `],"serverTime":1761003800000}`
	}
	m := func(positions string) string { return `{"model_id":"m","positions":{` + positions + `}}` }
	inception := func(nav, more string) string {
		return `{"model_id":"m","nav_since_inception":` + nav + `,"inception_date":1761000000` + more + `}`
	}
	for name, c := range map[string]struct {
		file, body string
		positions  string // of the model
		nav        float64
		refused    []string
	}{
		"positions repeated":    {"positions.json", stated(m(btc), m(btc)), `{` + btc + `}`, 0, nil},
		"positions united":      {"positions.json", stated(m(btc), `{"model_id":"n","positions":{}}`, m(eth)), `{` + btc + `,` + eth + `}`, 0, nil},
		"positions contradict":  {"positions.json", stated(m(btc), m(`"BTC":{"symbol":"BTC","entry_price":1,"quantity":-1}`)), `{` + btc + `}`, 0, []string{"positions.json m:  /positions/BTC/quantity"}},
		"inceptions repeated":   {"since-inception-values.json", `{"sinceInceptionValues":[` + inception("5", "") + `,` + inception("5.0", "") + `]}`, "{}", 5, nil},
		"inceptions united":     {"since-inception-values.json", `{"sinceInceptionValues":[` + inception("5", "") + `,` + inception("5", `,"num_invocations":7`) + `]}`, "{}", 5, nil},
		"inceptions contradict": {"since-inception-values.json", `{"sinceInceptionValues":[` + inception("5", "") + `,` + inception("6", "") + `]}`, "{}", 5, []string{"since-inception-values.json m:  /nav_since_inception"}},
		"leaderboard":           {"leaderboard.json", `{"leaderboard":[{"id":"m","equity":1,"num_trades":1,"num_wins":1,"num_losses":0},{"id":"m","equity":2,"num_trades":1,"num_wins":1,"num_losses":0}]}`, "{}", 0, []string{"leaderboard.json m:  /equity"}},
		"analytics":             {"analytics.json", `{"analytics":[{"model_id":"m","x":{"y":1}},{"model_id":"m","x":{"y":2}}]}`, "{}", 0, []string{"analytics.json m:  /x/y"}},
		"prices":                {"crypto-prices.json", `{"prices":{"BTC":{"symbol":"BTC","price":1,"timestamp":1761000000000},"BTC":{"symbol":"BTC","price":2,"timestamp":1761000000000}}}`, "", 0, []string{"crypto-prices.json BTC:  /price"}},
		"equity":                {"account-totals.json", `{"accountTotals":[` + total("m", 1761003700, "{}") + `,` + total("m", 1761003700, "{}") + `,` + total("m", 1761003700, `{"a":1}`) + `]}`, "{}", 0, []string{"account-totals.json m_1:  "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t)
			dir := files(t, map[string]string{c.file: c.body})
			for range 2 {
				require.Equal(t, c.refused, refusedOf(a.load(dir)))
				answer, err := a.Positions(t.Context(), 0)
				require.NoError(t, err)
				if c.positions != "" {
					got, err := wire.Marshal(answer.AccountTotals[0])
					require.NoError(t, err)
					require.JSONEq(t, `{"model_id":"m","positions":`+c.positions+`}`, string(got))
				}
				inceptions, err := a.SinceInception(t.Context())
				require.NoError(t, err)
				for _, s := range inceptions.SinceInceptionValues {
					require.InDelta(t, c.nav, s.NavSinceInception, 0)
				}
				require.Len(t, inceptions.SinceInceptionValues, map[bool]int{true: 1}[c.nav > 0])
			}
		})
	}
}

// TestWhatStatesNothingIsToldFromWhatIsDamaged imports account totals beside a
// positions.json of every sort.
func TestWhatStatesNothingIsToldFromWhatIsDamaged(t *testing.T) {
	t.Parallel()
	const open = `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}}`
	for name, c := range map[string]struct {
		positions string
		damaged   string
		open      string
	}{
		"error answer":     {`{"message":"no longer served","positions":[],"serverTime":1761452350000}`, "", open},
		"another error":    {`{"error":{"code":503}}`, "", open},
		"a page":           {`<!DOCTYPE html><title>502</title>`, "", open},
		"no model":         {`{"accountTotals":[]}`, "", open},
		"states otherwise": {`{"accountTotals":[{"model_id":"m","positions":{}}]}`, "", "{}"},
		"cut off":          {`{"accountTotals":[{"model_id":"m"`, "positions.json: line 1, column 34 (offset 33): ends in the middle: the file is truncated", "{}"},
		"wrapped":          {`{"data":{"accountTotals":[]}}`, `positions.json: line 1, column 1 (offset 0): has no member "accountTotals", which positions.json is made of; what looks like its rows stands at /data/accountTotals: the answer is wrapped or renamed`, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t)
			dir := files(t, map[string]string{
				"positions.json": c.positions, "account-totals.json": `{"accountTotals":[` + total("m", 1761003700, open) + `]}`,
			})
			if c.damaged != "" {
				_, err := importer.Import(t.Context(), dir, a.options())
				require.ErrorIs(t, err, importer.ErrNothingDone)
				require.ErrorContains(t, err, c.damaged)
			}
			o := a.options()
			o.SkipDamaged = true
			report, err := importer.Import(t.Context(), dir, o)
			require.NoError(t, err)
			require.Empty(t, refusedOf(report))
			if c.damaged == "" {
				require.Empty(t, report.Damaged)
				require.Equal(t, c.open == open, len(report.Ignored) == 1, "%v", report.Ignored)
			} else {
				require.Equal(t, []string{c.damaged}, report.Damaged)
			}
			require.JSONEq(t, `[{"model_id":"m","positions":`+c.open+`}]`, a.positions())
		})
	}
}

// TestAStatementThatCannotBeReadStatesNothing imports equity rows that carry
// anything: they are taken, and say nothing of open positions.
func TestAStatementThatCannotBeReadStatesNothing(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	for at, c := range []struct{ positions, open, refused string }{
		{`{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}}`, `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}}`, ""},
		{`"N/A"`, `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}}`, "account-totals.json m_1: /positions"},
		{`{"BTC":"N/A","ETH":{"symbol":"ETH","entry_price":1,"quantity":1}}`, `{"BTC":{"symbol":"BTC","entry_price":1,"quantity":1}}`, "account-totals.json m_1: /positions/BTC"},
		{`[]`, `{}`, ""},
	} {
		report := a.load(files(t, map[string]string{"account-totals.json": `{"accountTotals":[` + total("m", 1761003700+60*at, c.positions) + `]}`}))
		if c.refused == "" {
			require.Empty(t, refusedOf(report))
		} else {
			require.Equal(t, []string{c.refused}, refusedOf(report))
		}
		require.JSONEq(t, `[{"model_id":"m","positions":`+c.open+`}]`, a.positions(), c.positions)
		newest, err := a.store.Equity.NewestOf(t.Context(), "m")
		require.NoError(t, err)
		require.JSONEq(t, c.positions, string(newest.Positions))
	}
}

// TestExplain says what would become of the files of other people.
func TestExplain(t *testing.T) {
	t.Parallel()
	dir := files(t, map[string]string{
		"index.json":          `{"polled":["trades.json"]}`,
		"Trades (1).json":     `{"trades":[]}`,
		"gpt-5.json":          `{"value":{"model_id":"gpt-5"}}`,
		"readme.txt":          "x",
		"trades.json":         `{"data":{"trades":[{"id":"a"}]}}`,
		"analytics.json":      `{"error":"x"}`,
		"positions.json":      `{"accountTotals":[]}`,
		"account-totals.json": `{"accountTotals":[` + total("m", 1761003700, `{}`) + `,{"model_id":"m "}],"more":1}`,
		"leaderboard.json":    `{"leaderboard":[{"id":"m","equity":1,"num_trades":1,"num_wins":1,"num_losses":0}]}`,
		"crypto-prices.json":  `{"prices":`,
	})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "poll-1"), 0o700))
	e, err := importer.Explain(dir, importer.Options{PrimaryProvider: "hyperliquid", Bounds: wiretest.Bounds(), Now: time.Now})
	require.NoError(t, err)
	require.Equal(t, 2, e.Damaged())
	require.Equal(t, 1, e.Refused())
	got := make(map[string]string)
	for _, f := range e.Files {
		got[f.Name] = fmt.Sprintf("%s %d/%d: %s %v", f.Verdict, f.Taken, f.Rows, f.Reason, f.Notes)
	}
	require.Equal(t, map[string]string{
		"index.json":          "ignored 0/0: no endpoint has this name []",
		"Trades (1).json":     "ignored 0/0: no endpoint has this name; its content is that of trades.json, under which name it would be taken []",
		"gpt-5.json":          "ignored 0/0: no endpoint has this name, though it has something like rows at /value/model_id []",
		"readme.txt":          "ignored 0/0: no endpoint has this name []",
		"poll-1":              "ignored 0/0: is a directory; a snapshot has none, and it may be one itself []",
		"trades.json":         `refused 0/0: line 1, column 1 (offset 0): has no member "trades", which trades.json is made of; what looks like its rows stands at /data/trades: the answer is wrapped or renamed []`,
		"analytics.json":      `ignored 0/0: is an error answer of the endpoint: it has a member "error" and no "analytics" []`,
		"positions.json":      "ignored 0/0: has no rows [lists no model; open positions are those of account-totals.json]",
		"account-totals.json": "taken 1/2:  [member more its newest rows state the open positions of 1 models]",
		"leaderboard.json":    "ignored 0/1: follows from the other files and is not stored []",
		"crypto-prices.json":  "refused 0/0: line 1, column 11 (offset 10): ends in the middle: the file is truncated []",
	}, got)
	require.Equal(t, slices.Sorted(maps.Keys(got))[0], e.Files[0].Name)
	_, err = importer.Explain(filepath.Join(dir, "nothing"), importer.Options{})
	require.ErrorContains(t, err, "does not exist")
}

// TestExplainOfWrappedAndRenamedCaptures says of each file of a poll where its rows
// stand, whatever the poller has put around them or called them.
func TestExplainOfWrappedAndRenamedCaptures(t *testing.T) {
	t.Parallel()
	for i, poll := range []map[string][2]string{ // by file: its content, and the verdict
		{ // wrapped in data
			"trades.json":         {`{"data":{"trades":[{"id":"a"}]}}`, "refused: /data/trades:"},
			"account-totals.json": {`{"ok":true,"data":[{"n":0},{"model_id":"m"}]}`, "refused: /data/1/model_id:"},
			"positions.json":      {`{"status":200,"data":{"accountTotals":[]}}`, "refused: /data/accountTotals:"},
			"conversations.json":  {`{"response":{"data":{"conversations":[]}}}`, "refused: /response/data/conversations:"},
		},
		{ // wrapped in value
			"trades.json":        {`{"value":{"trades":[]},"Count":0}`, "refused: /value/trades:"},
			"leaderboard.json":   {`{"value":[{"id":"m","num_trades":1}]}`, "refused: /value/0/num_trades:"},
			"crypto-prices.json": {`{"value":{"BTC":{"symbol":"BTC"}},"fetched_at":1}`, "refused: /value/BTC/symbol:"},
			"analytics-m.json":   {`{"value":{"analytics":[{"model_id":"m"}]}}`, "refused: /value/analytics:"},
		},
		{ // called otherwise
			"account_totals.json":    {`{"accountTotals":[]}`, "ignored: that of account-totals.json or positions.json,"},
			"trades-1761003700.json": {`{"trades":[{"id":"a"}],"serverTime":1}`, "ignored: that of trades.json,"},
			"prices.JSON":            {`{"prices":{"BTC":{"symbol":"BTC"}}}`, "ignored: that of crypto-prices.json,"},
			"totals.json":            {`{"data":{"accountTotals":[{"model_id":"m"}]}}`, "ignored: something like rows at /data/accountTotals/0/model_id"},
			"analytics.json.gz":      {"\x1f\x8b", "ignored: no endpoint has this name"},
		},
		{"index.json": {`{"polled":["trades.json"],"at":1761003700}`, "ignored: no endpoint has this name"}, "trades.json": {`{"trades":[]}`, "ignored: has no rows"}},
		{"index.json": {`[{"file":"trades.json","status":200}]`, "ignored: no endpoint has this name"}, "trades.json": {`{"message":"rate limited"}`, "ignored: error answer"}},
		{"index.json": {`{"trades":"trades.json","conversations":{"file":"c.json"},"prices":null}`, "ignored: no endpoint has this name"}},
	} {
		bodies := make(map[string]string)
		for name, c := range poll {
			bodies[name] = c[0]
		}
		e, err := importer.Explain(files(t, bodies), importer.Options{PrimaryProvider: "hyperliquid", Bounds: wiretest.Bounds(), Now: time.Now})
		require.NoError(t, err)
		require.Len(t, e.Files, len(poll))
		for _, f := range e.Files {
			verdict, reason, _ := strings.Cut(poll[f.Name][1], ": ")
			require.Equal(t, verdict, f.Verdict, "%d %s: %s", i, f.Name, f.Reason)
			require.Contains(t, f.Reason, reason, "%d %s", i, f.Name)
			if strings.HasSuffix(reason, "name") {
				require.Equal(t, reason, f.Reason, "%d %s", i, f.Name)
			}
		}
	}
}
