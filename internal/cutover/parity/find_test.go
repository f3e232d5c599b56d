package parity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// edit changes a JSON file as a whole.
func edit(t *testing.T, dir, name string, change func(file map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var file map[string]any
	require.NoError(t, decoder.Decode(&file))
	change(file)
	raw, err = json.Marshal(file)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, raw, 0o600))
}

func list(file map[string]any, member string) []any { return file[member].([]any) }

func at(rows []any, i int) map[string]any { return rows[i].(map[string]any) }

func small(t *testing.T) *bundle {
	t.Helper()
	return setup(t, madeUp(t, season.Options{Seed: 7, Models: 3, Hours: 24}))
}

// TestEveryChangeIsFound changes one thing of two equal sides, and expects just
// that to be found and named.
func TestEveryChangeIsFound(t *testing.T) {
	t.Parallel()
	const someTrade = `(SELECT model_id || ' ' || id FROM trades ORDER BY model_id, exit_time DESC OFFSET 2 LIMIT 1)`
	changes := map[string]change{
		"a trade's price in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE trades SET exit_price = 12345.5 WHERE model_id || ' ' || id = `+someTrade)
			},
			domain: arena.DomainTrades,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/exit_price", Store: []byte("12345.5")},
		},
		"a trade's outcome in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE trades SET realized_net_pnl = -0.25 WHERE model_id || ' ' || id = `+someTrade)
			},
			domain: arena.DomainTrades, also: []arena.Domain{arena.DomainAnalytics},
			want: wire.ParityFinding{Kind: wire.FindingValue, Field: "/realized_net_pnl", Store: []byte("-0.25")},
		},
		"a trade missing in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `DELETE FROM trades WHERE model_id || ' ' || id = `+someTrade)
			},
			domain: arena.DomainTrades, also: []arena.Domain{arena.DomainAnalytics},
			want: wire.ParityFinding{Kind: wire.FindingOnlyJSON},
		},
		"a trade missing in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "trades.json", func(f map[string]any) { f["trades"] = append(list(f, "trades")[:1:1], list(f, "trades")[2:]...) })
			},
			domain: arena.DomainTrades,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyStore},
		},
		"a wrong order in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "trades.json", func(f map[string]any) {
					rows := list(f, "trades")
					require.Equal(t, at(rows, 0)["model_id"], at(rows, 1)["model_id"])
					rows[0], rows[1] = rows[1], rows[0]
				})
			},
			domain: arena.DomainTrades,
			want:   wire.ParityFinding{Kind: wire.FindingOrder},
		},
		"a null turned zero in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE trades SET exit_liquidation = '0' WHERE model_id || ' ' || id = `+someTrade)
			},
			domain: arena.DomainTrades,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/exit_liquidation", JSON: []byte("null"), Store: []byte("0")},
		},
		"a value turned absent in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE trades SET exit_crossed = NULL WHERE model_id || ' ' || id = `+someTrade)
			},
			domain: arena.DomainTrades,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/exit_crossed"},
		},
		"an absent turned null in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "trades.json", func(f map[string]any) { at(list(f, "trades"), 1)["made_up"] = nil })
			},
			domain: arena.DomainTrades,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/made_up", JSON: []byte("null")},
		},
		"a price in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE price_latest SET price = 1.5 WHERE symbol = 'BTC'`)
			},
			domain: arena.DomainPrices,
			want:   wire.ParityFinding{ID: "BTC", Kind: wire.FindingValue, Field: "/price", Store: []byte("1.5")},
		},
		"a price of the future in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "crypto-prices.json", func(f map[string]any) {
					f["prices"].(map[string]any)["ETH"].(map[string]any)["timestamp"] = json.Number("4000000000000")
				})
			},
			domain: arena.DomainPrices,
			want:   wire.ParityFinding{ID: "ETH", Kind: wire.FindingValue, Field: "/timestamp", JSON: []byte("4000000000000")},
		},
		"equity in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE account_equity_snapshots SET dollar_equity = 7 WHERE (model_id, observed_at) IN
					(SELECT model_id, observed_at FROM account_equity_snapshots WHERE since_inception_hourly_marker = 5 ORDER BY model_id LIMIT 1)`)
			},
			domain: arena.DomainAccounts,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/dollar_equity", Store: []byte("7")},
		},
		"a position within equity in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE account_equity_snapshots SET positions = jsonb_set(positions, '{XX}', '{"a": null}') WHERE (model_id, observed_at) IN
					(SELECT model_id, observed_at FROM account_equity_snapshots WHERE since_inception_hourly_marker = 5 ORDER BY model_id LIMIT 1)`)
			},
			domain: arena.DomainAccounts,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/positions/XX", Store: []byte(`{"a":null}`)},
		},
		"an hour missing in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "account-totals.json", func(f map[string]any) {
					f["accountTotals"] = append(list(f, "accountTotals")[:9:9], list(f, "accountTotals")[10:]...)
				})
			},
			domain: arena.DomainAccounts,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyStore},
		},
		"an hour missing in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `DELETE FROM account_equity_snapshots WHERE (model_id, observed_at) IN
					(SELECT model_id, observed_at FROM account_equity_snapshots WHERE since_inception_hourly_marker = 5 ORDER BY model_id LIMIT 1)`)
			},
			domain: arena.DomainAccounts,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyJSON},
		},
		"the hours of a model in a wrong order": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "account-totals.json", func(f map[string]any) {
					rows := list(f, "accountTotals")
					for i := range rows {
						if i > 0 && at(rows, i)["model_id"] == at(rows, 0)["model_id"] {
							rows[0], rows[i] = rows[i], rows[0]
							return
						}
					}
				})
			},
			domain: arena.DomainAccounts,
			want:   wire.ParityFinding{Kind: wire.FindingOrder},
		},
		"an inception in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE accounts SET invocations = 77 WHERE model_id = (SELECT min(model_id) FROM accounts)`)
			},
			domain: arena.DomainAccounts,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/num_invocations", Store: []byte("77")},
		},
		"a position in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE positions SET confidence = 0 WHERE (model_id, id) IN
					(SELECT model_id, id FROM positions WHERE status = 'open' ORDER BY model_id, id LIMIT 1)`)
			},
			domain: arena.DomainPositions,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/confidence", Store: []byte("0")},
		},
		"a position closed in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE positions SET status = 'closed' WHERE (model_id, id) IN
					(SELECT model_id, id FROM positions WHERE status = 'open' ORDER BY model_id, id LIMIT 1)`)
			},
			domain: arena.DomainPositions,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyJSON},
		},
		"a position missing in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "positions.json", func(f map[string]any) {
					for _, m := range list(f, "accountTotals") {
						for symbol := range m.(map[string]any)["positions"].(map[string]any) {
							delete(m.(map[string]any)["positions"].(map[string]any), symbol)
							return
						}
					}
					t.Error("nothing is open")
				})
			},
			domain: arena.DomainPositions,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyStore},
		},
		"analytics in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE model_analytics SET payload = jsonb_set(payload, '{fee_pnl_moves_breakdown_table,total_fees_paid}', '-1')
					WHERE model_id = (SELECT min(model_id) FROM model_analytics) AND source = 'imported'`)
			},
			domain: arena.DomainAnalytics,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/fee_pnl_moves_breakdown_table/total_fees_paid", Store: []byte("-1")},
		},
		"running statistics in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE model_stats SET num_trades = num_trades + 1 WHERE model_id =
					(SELECT model_id FROM model_stats WHERE num_trades > 0 ORDER BY model_id LIMIT 1)`)
			},
			domain: arena.DomainAnalytics, whole: []arena.Domain{arena.DomainTrades},
			want: wire.ParityFinding{Kind: wire.FindingValue, Field: "/num_losses"},
			more: 1, // the number of trades
		},
		"a decision in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `UPDATE decision_cycles SET cot_trace_summary = 'never said' WHERE (model_id, id) IN
					(SELECT model_id, id FROM decision_cycles ORDER BY executed_at DESC OFFSET 3 LIMIT 1)`)
			},
			domain: arena.DomainConversations,
			want:   wire.ParityFinding{Kind: wire.FindingValue, Field: "/cot_trace_summary", Store: []byte(`"never said"`)},
		},
		"a decision missing in the JSON file": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				edit(t, b.dir, "conversations.json", func(f map[string]any) {
					f["conversations"] = append(list(f, "conversations")[:4:4], list(f, "conversations")[5:]...)
				})
			},
			domain: arena.DomainConversations,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyStore},
		},
		"a decision missing in Postgres": {
			change: func(t *testing.T, b *bundle) {
				t.Helper()
				b.exec(t, `DELETE FROM decision_cycles WHERE (model_id, id) IN
					(SELECT model_id, id FROM decision_cycles ORDER BY executed_at DESC OFFSET 3 LIMIT 1)`)
			},
			domain: arena.DomainConversations,
			want:   wire.ParityFinding{Kind: wire.FindingOnlyJSON},
		},
	}
	for i, round := range rounds(changes) {
		t.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			t.Parallel()
			b := small(t)
			for _, name := range round {
				changes[name].change(t, b)
			}
			report := b.run(t)
			require.Equal(t, wire.VerdictDifferent, report.Verdict)
			expected := map[string]bool{}
			for _, name := range round {
				c := changes[name]
				for _, d := range slices.Concat(c.also, []arena.Domain{c.domain}) {
					expected[string(d)] = true
				}
				c.check(t, name, domain(t, report, c.domain).Findings)
			}
			for _, run := range report.Domains {
				require.Equal(t, expected[run.Domain], run.Verdict == wire.VerdictDifferent, "%s: %s %+v", run.Domain, run.Verdict, run.Findings)
			}
		})
	}
}

// change is one thing that is made different on one side.
type change struct {
	change func(t *testing.T, b *bundle)
	domain arena.Domain
	also   []arena.Domain // which follow from it
	whole  []arena.Domain // which have to be equal for it to be seen
	want   wire.ParityFinding
	more   int // findings that follow from it
}

func (c *change) check(t *testing.T, name string, found []wire.ParityFinding) {
	t.Helper()
	require.Len(t, found, 1+c.more, name)
	got := found[0]
	require.Equal(t, string(c.domain), got.Domain, name)
	require.NotEmpty(t, got.View, name)
	require.NotEmpty(t, got.ID, name)
	require.Equal(t, c.want.Kind, got.Kind, name)
	require.Equal(t, c.want.Field, got.Field, name)
	if c.want.ID != "" {
		require.Equal(t, c.want.ID, got.ID, name)
	}
	if c.want.JSON != nil {
		require.Equal(t, string(c.want.JSON), string(got.JSON), name)
	}
	if c.want.Store != nil {
		require.Equal(t, string(c.want.Store), string(got.Store), name)
	}
}

// rounds puts together the names of changes that concern different domains, so
// that they can be made to the same two sides.
func rounds(changes map[string]change) [][]string {
	var all [][]string
	var taken []map[arena.Domain]bool
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		concerns := slices.Concat([]arena.Domain{changes[name].domain}, changes[name].also, changes[name].whole)
		i := slices.IndexFunc(taken, func(in map[arena.Domain]bool) bool {
			return !slices.ContainsFunc(concerns, func(d arena.Domain) bool { return in[d] })
		})
		if i < 0 {
			i = len(all)
			all, taken = append(all, nil), append(taken, map[arena.Domain]bool{})
		}
		all[i] = append(all[i], name)
		for _, d := range concerns {
			taken[i][d] = true
		}
	}
	return all
}

// TestAHoleAtTheCapOfACaptureIsFound holds a capture against a database that knows more of
// the past, which is equal; then it removes a trade from the middle of a model's
// newest hundred and adds an older one, so that they are a hundred still.
func TestAHoleAtTheCapOfACaptureIsFound(t *testing.T) {
	t.Parallel()
	const model = captures.Capped
	b := setup(t, captures.Later.Copy(t), captures.Earlier.Copy(t))
	requireEqual(t, b)
	var older string
	require.NoError(t, b.db.QueryRowContext(t.Context(),
		`SELECT id FROM trades WHERE model_id = $1 ORDER BY exit_time DESC, id DESC OFFSET 100 LIMIT 1`, model).Scan(&older))
	raw, err := os.ReadFile(filepath.Join(captures.Earlier.Copy(t), "trades.json"))
	require.NoError(t, err)
	var past map[string]any
	require.NoError(t, json.Unmarshal(raw, &past))
	var removed string
	edit(t, b.dir, "trades.json", func(f map[string]any) {
		var of, others []any
		for _, one := range list(f, "trades") {
			if one.(map[string]any)["model_id"] == model {
				of = append(of, one)
			} else {
				others = append(others, one)
			}
		}
		require.Len(t, of, arena.RecentTrades)
		for _, one := range list(past, "trades") {
			if one.(map[string]any)["id"] == older {
				of = append(of, one)
			}
		}
		removed = at(of, 50)["id"].(string)
		of = append(of[:50:50], of[51:]...)
		f["trades"] = append(others, of...)
	})
	report := b.run(t, arena.DomainTrades)
	require.Len(t, findings(report), 1)
	require.Equal(t, wire.FindingOnlyStore, findings(report)[0].Kind)
	require.Equal(t, removed, findings(report)[0].ID)
	require.Equal(t, report.Domains[0].Counts.Compared, report.Domains[0].Counts.Equal, "the older one is looked up")
}

// TestWhatACaptureClaimsNotToHoldIsCounted adds rows to the store that are older
// than the cap of the JSON file, or newer than it.
func TestWhatACaptureClaimsNotToHoldIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t, captures.Earlier.Copy(t))
	for _, add := range []string{
		`INSERT INTO trades SELECT (jsonb_populate_record(t, '{"id": "newer", "exit_time": "2026-01-01"}')).* FROM trades t ORDER BY id LIMIT 1`,
		`INSERT INTO account_equity_snapshots SELECT (jsonb_populate_record(e, '{"observed_at": "2026-01-01", "since_inception_hourly_marker": 1800}')).*
			FROM account_equity_snapshots e ORDER BY model_id, observed_at LIMIT 1`,
		`INSERT INTO price_latest SELECT (jsonb_populate_record(p, '{"symbol": "NEW", "observed_at": "2026-01-01"}')).* FROM price_latest p LIMIT 1`,
	} {
		b.exec(t, add)
	}
	report := b.run(t, arena.DomainTrades, arena.DomainAccounts, arena.DomainPrices)
	require.Empty(t, findings(report))
	for _, run := range report.Domains {
		require.Equal(t, 1, run.Counts.OnlyStore, run.Domain)
	}
	for _, add := range []string{
		`INSERT INTO trades SELECT (jsonb_populate_record(t, '{"id": "within"}')).* FROM trades t WHERE id NOT LIKE 'newer' ORDER BY exit_time DESC LIMIT 1`,
		`INSERT INTO price_latest SELECT (jsonb_populate_record(p, '{"symbol": "OLD", "observed_at": "2025-01-01"}')).* FROM price_latest p LIMIT 1`,
	} {
		b.exec(t, add)
	}
	for _, run := range b.run(t, arena.DomainTrades, arena.DomainPrices).Domains {
		require.Len(t, run.Findings, 1, run.Domain)
		require.Equal(t, wire.FindingOnlyStore, run.Findings[0].Kind)
	}
}
