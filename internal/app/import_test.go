package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/captures"
	"nof0/internal/importer"
	"nof0/internal/season"
)

func TestCapturesUnite(t *testing.T) {
	t.Parallel()
	older, newer := captures.Earlier, captures.Later
	var contents []map[string][]string
	for _, order := range [][]captures.Capture{{older, newer}, {newer, older}} {
		b := setup(t)
		for _, c := range order {
			b.load(t, c.Dir(t))
		}
		first := dump(t, b)
		for _, c := range order {
			for _, kind := range b.load(t, c.Dir(t)).Kinds {
				require.Zero(t, kind.Inserted+kind.Updated, "%s of %s again", kind.Kind, c.Name)
			}
		}
		require.Equal(t, first, dump(t, b), "importing again changes nothing")
		contents = append(contents, first)

		require.Len(t, first["trades"], captures.Trades)
		require.Len(t, rowsWith(first["trades"], `"model_id": "`+captures.Capped+`"`), captures.CappedTrades)
		require.Len(t, first["decision_cycles"], newer.Decisions)
		require.Len(t, first["account_equity_snapshots"], older.Rows["account-totals"])
		requireCurrentState(t, b, newer)
	}
	for table, rows := range contents[0] {
		if table == "outbox_events" {
			require.Len(t, rows, 2, "one event per import that changed something")
			continue
		}
		require.ElementsMatch(t, rows, contents[1][table], "table %s depends on the order of imports", table)
	}
}

// requireCurrentState holds prices and analytics to the newer capture, and
// positions to the statement of the older one, which is the newest there is.
func requireCurrentState(t *testing.T, b *bundle, newer captures.Capture) {
	t.Helper()
	files := readDir(t, newer.Dir(t))
	for _, name := range []string{"crypto-prices", "analytics", "since-inception-values"} {
		want := rowsOf(t, name, files[name+".json"])
		require.Equal(t, want, rowsOf(t, name, get(t, b.url+"/api/"+name).object(t)), name)
	}
	stated := readDir(t, captures.Earlier.Dir(t))["positions.json"]
	require.Equal(t, rowsOf(t, "positions", stated), rowsOf(t, "positions", get(t, b.url+"/api/positions").object(t)))
}

func TestDamagedFileOfACaptureImportsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.load(t, captures.Later.Copy(t))
	before := dump(t, b)

	dir := captures.Earlier.Copy(t)
	file := filepath.Join(dir, "trades.json")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, info.Size()/2))

	_, err = b.importDir(t.Context(), dir)
	require.ErrorIs(t, err, importer.ErrNothingDone)
	require.ErrorContains(t, err, "trades.json")
	require.ErrorContains(t, err, fmt.Sprintf("offset %d", info.Size()/2))
	require.Equal(t, before, dump(t, b))
}

// TestBadRowsAreRefusedByName holds that a bad row costs itself and nothing
// else.
func TestBadRowsAreRefusedByName(t *testing.T) {
	t.Parallel()
	const good = `"symbol":"BTC","side":"long","quantity":1,"entry_time":1,"exit_time":2,` +
		`"entry_price":1,"exit_price":2,"realized_net_pnl":1`
	cases := map[string]struct{ row, reason string }{
		"braces":        {`{"id":"m_{1}","model_id":"m",` + good + `}`, `/id: contains '{'`},
		"control":       {`{"id":"m_\u0007","model_id":"m",` + good + `}`, `/id: contains '\a'`},
		"nul":           {`{"id":"m_2","model_id":"m","note":"a\u0000b",` + good + `}`, `/note: contains NUL`},
		"infinite":      {`{"id":"m_3","model_id":"m",` + strings.Replace(good, `"quantity":1`, `"quantity":1e999`, 1) + `}`, `/quantity: 1e999 is not a finite double`},
		"other content": {`{"id":"m_0","model_id":"m","leverage":9,` + good + `}`, `is the second of its identity in this file, after row 0, which it contradicts`},
		"no object":     {`7`, `an object is expected`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			dir := t.TempDir()
			body := `{"trades":[{"id":"m_0","model_id":"m",` + good + `},` + c.row + `,{"id":"m_9","model_id":"m",` + good + `}]}`
			require.NoError(t, os.WriteFile(filepath.Join(dir, "trades.json"), []byte(body), 0o600))

			report, err := b.importDir(t.Context(), dir)
			require.NoError(t, err)
			trades := kindOf(t, report, "trades")
			require.Equal(t, 2, trades.Inserted)
			require.Equal(t, 1, trades.Rejected)
			require.Len(t, trades.Rows, 1)
			refused := trades.Rows[0]
			require.Equal(t, 1, refused.Row)
			require.Equal(t, int64(strings.Index(body, c.row)), refused.Offset)
			require.ErrorContains(t, refused.Faults, c.reason)

			trade := rowsWith(dump(t, b)["trades"], `"id": "m_0"`)
			require.Len(t, trade, 1)
			require.Contains(t, trade[0], `"leverage": null`, "the row that was first stays as it was")
		})
	}
}

func TestUnknownFieldsOfACaptureComeOutAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dir := captures.Earlier.Copy(t)
	for name, edit := range map[string]struct{ before, more string }{
		"trades.json":                 {`"exit_sz":`, `"routes": {"fee_tier": [1, null, 0.5]}, "label": null, `},
		"positions.json":              {`"confidence":`, `"trailing_stop": 0, `},
		"crypto-prices.json":          {`"price":`, `"basis": -1e-7, `},
		"conversations.json":          {`"role":`, `"tokens": 12, `},
		"analytics.json":              {`"model_id":`, `"beta": false, `},
		"since-inception-values.json": {`"num_invocations":`, `"currency": "USD", `},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		first, rest, found := strings.Cut(string(raw), edit.before)
		require.True(t, found, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(first+edit.more+edit.before+rest), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))

	report := b.load(t, dir)
	require.Equal(t, []string{"notes.txt"}, report.Ignored)
	requireSameResponses(t, b.url, readJSONOnly(t, dir), false)
}

func TestImportIsRepeatableForASeason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dir := madeUp(t, season.Options{Seed: 3, Models: 4, Hours: 30})
	inserted := 0
	for _, kind := range b.load(t, dir).Kinds {
		inserted += kind.Inserted
	}
	require.Positive(t, inserted)
	for _, kind := range b.load(t, dir).Kinds {
		require.Zero(t, kind.Inserted+kind.Updated, kind.Kind)
	}
}

func kindOf(t *testing.T, report *importer.Report, kind string) importer.KindReport {
	t.Helper()
	for _, k := range report.Kinds {
		if k.Kind == kind {
			return k
		}
	}
	t.Fatalf("no kind %s in the report", kind)
	return importer.KindReport{}
}

func readJSONOnly(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	require.NoError(t, os.Remove(filepath.Join(dir, "notes.txt")))
	return readDir(t, dir)
}

func rowsWith(rows []string, part string) []string {
	var with []string
	for _, row := range rows {
		if strings.Contains(row, part) {
			with = append(with, row)
		}
	}
	return with
}

// dump returns every row of every table as text, without when it was stored.
func dump(t *testing.T, b *bundle) map[string][]string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, b.cfg.DatabaseURL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	column := func(query string) []string {
		rows, err := conn.Query(ctx, query)
		require.NoError(t, err)
		values, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return values
	}
	out := make(map[string][]string)
	for _, table := range column(`SELECT relname FROM pg_class
		WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
			AND NOT relispartition AND relname <> 'atlas_schema_revisions'`) {
		without := `{created_at, updated_at}`
		if table == "outbox_events" { // nor when it was relayed
			without = `{created_at, updated_at, sequence, relayed_at}`
		}
		out[table] = column(`SELECT (to_jsonb(t) - '` + without + `'::text[])::text FROM ` +
			pgx.Identifier{table}.Sanitize() + ` t ORDER BY 1`)
	}
	return out
}
