package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas"
	"nof0/entities"
	"nof0/internal/apiclient"
)

// tradeOfNext and positionOfNext have a column for what clients have sent before.
type (
	tradeOfNext struct {
		entities.Trade

		Strategy *string `gorm:"type:text"`
	}
	positionOfNext struct {
		entities.Position

		Strategy *string `gorm:"type:text"`
	}
)

// TestAMemberMovesToAColumn deploys, beside the binary that runs, one whose
// entities, payloads and mapping know the member strategy of trades and positions,
// with the migrations that `nof0 migrate diff` writes for it. Each binary answers
// the member of every row and knows every row again, whichever has stored it, and
// after the rollback the old one does.
func TestAMemberMovesToAColumn(t *testing.T) {
	s := startSystem(t)
	next, versions := buildWithStrategy(t, s.stack.DatabaseURL)
	db := s.database()

	s.sendsKnown("old", s.url)
	// A member of a type that the column will not have.
	object := fact{"trades", fmt.Sprintf(strategyTrade, "old", 300, `{"of":1}`)}
	require.Equal(t, "inserted", s.outcome(s.url, object))
	many := sized(1_000_000, 20_000)
	_, err := db.Exec(t.Context(), `INSERT INTO models (id, display_name, kind) VALUES ('bulk', 'bulk', 'competitor')`)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), `INSERT INTO trades (model_id, id, provider, symbol, side, quantity, entry_time, entry_price, exit_time, exit_price, realized_net_pnl, extra)
		SELECT 'bulk', 'bulk_' || i, 'hyperliquid', 'BTC', 'long', 1, timestamptz '2025-10-20', 1, timestamptz '2025-10-20' + i * interval '1 ms', 2, 1,
			jsonb_build_object('strategy', 's' || i, 'note', i) FROM generate_series(1, $1) AS i`, many)
	require.NoError(t, err)
	requests := startTraffic(t, s.url, paths...)
	requests.more(20)
	began := time.Now()
	s.mustRun(next, "migrate", "apply")
	took := time.Since(began)
	requests.more(20)
	requests.clean()
	require.Equal(t, many+2, s.count(db, `SELECT count(*) FROM trades WHERE strategy = extra ->> 'strategy'`))
	require.Equal(t, 1, s.count(db, `SELECT count(*) FROM positions WHERE strategy = 'breakout'`))

	second, stop := s.serve(next)
	s.sendsKnown("new", second)
	s.sendsKnown("later", s.url)
	for _, model := range []string{"old", "new", "later"} {
		s.knows(model, s.url, second)
	}
	for _, server := range []string{s.url, second} {
		require.Contains(t, s.rowsOf(server+"/api/trades", "old"), `"strategy":{"of":1}`)
	}
	require.Equal(t, "unchanged", s.outcome(s.url, object))
	stop()
	s.mustRun(next, "migrate", "down", "--to", versions, "--yes")
	for _, model := range []string{"old", "new", "later"} {
		s.knows(model, s.url)
	}
	require.Equal(t, many, s.count(db, `SELECT count(*) FROM trades WHERE id LIKE 'bulk%' AND extra ->> 'strategy' = 's' || (extra ->> 'note')`))
	s.figuref("the member of %d rows moved in %s beside %d requests, 0 failed, longest wait %s", many, took.Round(time.Millisecond), requests.requests.Load(), requests.wait())
}

const (
	strategyTrade = `{"trade":{"id":"%[1]s_%[2]d","model_id":"%[1]s","symbol":"SOL","side":"long","quantity":1,"entry_oid":7,"entry_time":1761000000,` +
		`"exit_time":1761000%[2]d,"entry_price":200,"exit_price":201,"realized_net_pnl":1,"strategy":%[3]s,"note":"x"}}`
	strategyPosition = `{"model_id":"%[1]s","position":{"symbol":"SOL","entry_oid":7,"entry_time":1761000000,"entry_price":200,"quantity":9,"strategy":"breakout"}}`
)

// sendsKnown sends a position and trades of a model that have the member.
func (s *system) sendsKnown(model, server string) {
	s.t.Helper()
	for _, write := range []fact{
		{"positions", fmt.Sprintf(strategyPosition, model)},
		{"trades", fmt.Sprintf(strategyTrade, model, 100, `"breakout"`)},
		{"trades", fmt.Sprintf(strategyTrade, model, 200, `"π"`)},
	} {
		require.Equal(s.t, "inserted", s.outcome(server, write))
	}
}

// knows holds that servers answer the member of what sendsKnown has sent of a
// model, that it is the same when it comes again, and another when it differs.
func (s *system) knows(model string, servers ...string) {
	s.t.Helper()
	for _, server := range servers {
		require.Contains(s.t, s.rowsOf(server+"/api/positions", model), `"strategy":"breakout"`)
		for _, member := range []string{`"breakout"`, `"π"`} {
			require.Contains(s.t, s.rowsOf(server+"/api/trades", model), `"strategy":`+member)
		}
		for _, again := range []fact{
			{"positions", fmt.Sprintf(strategyPosition, model)},
			{"trades", fmt.Sprintf(strategyTrade, model, 100, `"breakout"`)},
			{"trades", fmt.Sprintf(strategyTrade, model, 200, `"π"`)},
		} {
			require.Equal(s.t, "unchanged", s.outcome(server, again), again.body)
		}
		for i, other := range []string{`"other"`, `null`} {
			require.Equal(s.t, "rejected", s.outcome(server, fact{"trades", fmt.Sprintf(strategyTrade, model, 100*(i+1), other)}))
		}
	}
}

// rowsOf returns what a view says of a model, as text.
func (s *system) rowsOf(url, model string) string {
	s.t.Helper()
	res, err := http.Get(url)
	require.NoError(s.t, err)
	defer res.Body.Close()
	var document map[string]json.RawMessage
	require.NoError(s.t, json.NewDecoder(res.Body).Decode(&document))
	var found bytes.Buffer
	for _, member := range document {
		var rows []json.RawMessage
		if json.Unmarshal(member, &rows) != nil {
			continue
		}
		for _, row := range rows {
			if bytes.Contains(row, []byte(`"model_id":"`+model+`"`)) {
				found.Write(row)
			}
		}
	}
	return found.String()
}

func (s *system) outcome(server string, f fact) string {
	s.t.Helper()
	results, err := apiclient.Client{URL: server, Token: token}.Ingest(s.t.Context(), f.path, url.Values{"register": {"true"}}, "", []byte(f.body), 1)
	require.NoError(s.t, err)
	return results[0].Outcome
}

// buildWithStrategy builds a next version as docs/schema.md describes it, and
// returns the newest version of migrations before it.
func buildWithStrategy(t *testing.T, dsn string) (bin, before string) {
	t.Helper()
	scratch, err := atlas.NewScratch(dsn)
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(root, "migrations"), atlas.Migrations()))
	require.NoError(t, os.Mkdir(filepath.Join(root, "rollback"), 0o700))
	models := entities.All()
	for i, model := range models {
		switch model.(type) {
		case *entities.Trade:
			models[i] = &tradeOfNext{}
		case *entities.Position:
			models[i] = &positionOfNext{}
		}
	}
	printed, err := atlas.Schema(models)
	require.NoError(t, err)
	written, err := atlas.Diff(t.Context(), atlas.DiffParams{
		Scratch: scratch, Migrations: filepath.Join(root, "migrations"), Rollbacks: filepath.Join(root, "rollback"),
		Schema: printed, Name: "add_strategy", Now: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	require.Len(t, written, 2)

	sources := map[string]string{}
	edit := func(path, after, insert string) {
		if sources[path] == "" {
			content, err := os.ReadFile(filepath.Join("..", "..", path))
			require.NoError(t, err)
			sources[path] = string(content)
		}
		require.Equal(t, 1, strings.Count(sources[path], after), "%s: %s", path, after)
		sources[path] = strings.Replace(sources[path], after, after+insert, 1)
	}
	for _, name := range []string{"trade", "position"} {
		edit("entities/"+name+".go", map[string]string{"trade": "type Trade struct {", "position": "type Position struct {"}[name],
			"\n\tStrategy *string `gorm:\"type:text\"`\n")
	}
	edit("internal/wire/rows.go", "type Trade struct {", "\n\tStrategy Opt[string] `json:\"strategy,omitzero\"`\n")
	edit("internal/wire/rows.go", "type Position struct {", "\n\tStrategy Opt[string] `json:\"strategy,omitzero\"`\n")
	keep := "\n\tif v, ok := %s.Strategy.Get(); ok {\n\t\tx.set(\"strategy\", v)\n\t}"
	edit("internal/mapping/trade.go", "x := newExtra(t.Extra)", fmt.Sprintf(keep, "t"))
	edit("internal/mapping/position.go", "x := newExtra(p.Extra)", fmt.Sprintf(keep, "p"))
	for _, name := range written {
		for _, dir := range []string{"migrations", "rollback"} {
			content, err := os.ReadFile(filepath.Join(root, dir, name))
			require.NoError(t, err)
			if dir == "migrations" {
				sources[name] = string(content)
			} else {
				sources["atlas/rollback/"+name] = string(content)
			}
		}
	}
	newest := slices.Max(slices.Collect(maps.Keys(shippedFiles(t))))
	return buildNext(t, sources), newest[:len("20060102150405")]
}
