package arena_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/repository"
)

// everyKind is one item of every kind, of a model and a symbol that an
// argument-free write makes known.
func everyKind(model, symbol string) map[arena.IngestKind]string {
	m, s := `"model_id":"`+model+`"`, `"symbol":"`+symbol+`"`
	return map[arena.IngestKind]string{
		arena.IngestPrices:        `{` + s + `,"price":1.5,"timestamp":1761452335000,"context":{"funding":0.25}}`,
		arena.IngestPositions:     `{` + m + `,"position":{` + s + `,"entry_oid":1,"entry_price":200,"quantity":6}}`,
		arena.IngestTrades:        `{"trade":{"id":"` + model + `_t",` + m + `,` + s + `,"side":"long","quantity":2,"entry_oid":1,"entry_time":100,"exit_time":1761452300,"entry_price":200,"exit_price":190.5,"realized_net_pnl":-1.25},"equity":{` + m + `,"timestamp":1761452301,"dollar_equity":9000,"since_inception_hourly_marker":2,"since_inception_minute_marker":121,"positions":{}}}`,
		arena.IngestEquity:        `{` + m + `,"timestamp":1761452335,"dollar_equity":9999,"since_inception_hourly_marker":2,"since_inception_minute_marker":122,"positions":{}}`,
		arena.IngestConversations: `{` + m + `,"messages":[{"role":"user","content":"hi","timestamp":1761452330}]}`,
		arena.IngestDecisions:     `{"id":"` + model + `_1761452331.5",` + m + `,"timestamp":1761452331.5,"user_prompt":"p","llm_response":{}}`,
		arena.IngestAnalytics:     `{"id":"` + model + `",` + m + `,"updated_at":1761452332,"overall_pnl":1}`,
		arena.IngestTraderState:   `{"trader_id":"` + model + `","allocation_pct":5}`,
		arena.IngestMarketAssets:  `{` + s + `,"max_leverage":40}`,
		arena.IngestModels:        `{"id":"` + model + `","since_inception":{` + m + `,"nav_since_inception":1e4,"inception_date":1761440000}}`,
		arena.IngestSymbols:       `{` + s + `,"size_step":0.5}`,
		arena.IngestCompetitions:  `{"id":"season-1","name":"as of ` + model + `"}`,
	}
}

// bookkeeping are the tables that no view is made from and no event announces: what
// positions follow from is announced with the position.
var bookkeeping = []string{
	"outbox_events", "outbox_sequence", "idempotency_keys", "analytics_states", "rollout_switches", "rollout_changes",
	"mirror_positions", "parity_runs", "position_facts", "corrections", "changed_rows", "atlas_schema_revisions",
}

// TestViewsReadWhatTheCatalogueSays asks Postgres which tables a view took locks
// of, with every parameter.
func TestViewsReadWhatTheCatalogueSays(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	for kind, item := range everyKind("m", "SOL") {
		b.send(t, kind, item)
	}
	b.send(t, arena.IngestModels, `{"id":"quiet"}`)
	requests := map[catalogue.ViewName][]arena.Request{
		catalogue.ViewAccountTotals: {{FromMarker: 1}, {FromMarker: 1000}},
		catalogue.ViewAnalyticsOf:   {{Model: "m"}, {Model: "quiet"}},
		catalogue.ViewTrades:        {{Model: "m"}, {Symbol: "SOL"}, {Side: "long"}},
		catalogue.ViewPositionsOf:   {{Model: "m"}, {Model: "m", Symbol: "SOL"}},
		catalogue.ViewPositions:     {{Limit: 1}, {Limit: 1000}},
		catalogue.ViewEquity:        {{Model: "m"}, {Series: arena.Series{From: time.Unix(1761452300, 0)}}},
		catalogue.ViewPrices:        {{Symbol: "SOL"}},
		catalogue.ViewModel:         {{Model: "m"}, {Model: "quiet"}},
		catalogue.ViewSymbol:        {{Symbol: "SOL"}},
		catalogue.ViewConversations: {{Model: "m"}, {Limit: 1}},
		catalogue.ViewDecisions:     {{Model: "m"}},
		catalogue.ViewSearch:        {{Query: "hello", Model: "m"}, {Query: "hello"}},
		catalogue.ViewDecision:      {{Model: "m", Decision: "m_1761452331.5"}},
		catalogue.ViewDecisionDiff:  {{Model: "m", Decision: "m_1761452331.5"}},
	}
	for _, v := range catalogue.Views() {
		asked := requests[v.Name]
		if !v.OfOne() {
			asked = append(asked, arena.Request{})
		}
		read := map[string]bool{}
		for _, req := range asked {
			req.View = v.Name
			require.NoError(t, b.store.InTx(t.Context(), func(_ context.Context, tx repository.Repositories) error {
				s := serviceOf(t, arena.NewStore(tx, "hyperliquid", time.Now), 0)
				if _, err := s.Answer(t.Context(), req); err != nil {
					return err
				}
				for _, table := range b.locked(t) {
					read[cmp.Or(factsOf[table], table)] = !slices.Contains(bookkeeping, table)
				}
				return nil
			}))
		}
		declared := map[string]bool{}
		for _, table := range v.Reads {
			declared[string(table)] = true
		}
		maps.DeleteFunc(read, func(_ string, shown bool) bool { return !shown })
		assert.Equal(t, declared, read, "what %s is made from", v.Name)
	}
}

// factsOf are the tables that triggers make others of, which change with them.
var factsOf = map[string]string{"equity_candles": "account_equity_snapshots", "price_candles": "price_ticks"}

// locked lists the tables that other transactions have read or written.
func (b *intakeBundle) locked(t *testing.T) []string {
	t.Helper()
	rows, err := b.db.Query(t.Context(), `
		SELECT DISTINCT c.relname::text
		FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND l.pid <> pg_backend_pid() AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public'`)
	require.NoError(t, err)
	var tables []string
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		tables = append(tables, table)
	}
	require.NoError(t, rows.Err())
	return tables
}

// watched is a table and the model of a row of it that was changed.
type watched struct{ table, model string }

// watch makes the database note every row that is changed.
func (b *intakeBundle) watch(t *testing.T) {
	t.Helper()
	_, err := b.db.Exec(t.Context(), `
		CREATE TABLE changed_rows (name text, model text);
		CREATE FUNCTION note_changed_row() RETURNS trigger LANGUAGE plpgsql AS $$
		-- Times of statements decide about later writes and are in no view.
		DECLARE
			whole jsonb := to_jsonb(coalesce(NEW, OLD));
			hidden text[] := '{updated_at,positions_as_of,invocations_as_of}';
		BEGIN
			IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - hidden = to_jsonb(OLD) - hidden THEN
				RETURN NULL;
			END IF;
			INSERT INTO changed_rows VALUES (TG_ARGV[0], coalesce(whole->>'model_id', CASE TG_ARGV[0] WHEN 'models' THEN whole->>'id' END, ''));
			RETURN NULL;
		END $$;
		DO $$
		DECLARE one text;
		BEGIN
			FOR one IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'changed_rows'
			LOOP
				EXECUTE format('CREATE TRIGGER zz_note_changed_row AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION note_changed_row(%L)', one, one);
			END LOOP;
		END $$`)
	require.NoError(t, err)
}

// changed returns what was changed since the last time.
func (b *intakeBundle) changed(t *testing.T) map[watched]bool {
	t.Helper()
	rows, err := b.db.Query(t.Context(), `WITH gone AS (DELETE FROM changed_rows RETURNING name, model) SELECT DISTINCT name, model FROM gone`)
	require.NoError(t, err)
	all := map[watched]bool{}
	for rows.Next() {
		var one watched
		require.NoError(t, rows.Scan(&one.table, &one.model))
		one.table = cmp.Or(factsOf[one.table], one.table)
		if !slices.Contains(bookkeeping, one.table) {
			all[one] = true
		}
	}
	require.NoError(t, rows.Err())
	return all
}

func types(events []entities.OutboxEvent) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, e.Type+" of "+e.ModelID)
	}
	return list
}

// TestWritesChangeWhatTheirEventsSay sends every kind, once and again, with and
// without registration, refused and changed: no row may change that no event
// announces, and no event may come that the kind does not declare.
func TestWritesChangeWhatTheirEventsSay(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.watch(t)
	emitted := map[arena.IngestKind]map[string]bool{}
	for _, w := range catalogue.Writes() {
		emitted[w.Kind] = map[string]bool{}
	}
	write := func(name string, w arena.Batch) {
		b.mu.Lock()
		b.told = nil
		b.mu.Unlock()
		_, err := b.intake.Ingest(t.Context(), w)
		require.NoError(t, err)
		for row := range b.changed(t) {
			announced := slices.ContainsFunc(b.told, func(e entities.OutboxEvent) bool {
				return slices.Contains(catalogue.EventOf(e.Type).Changes, catalogue.Table(row.table)) &&
					(e.ModelID == row.model || e.ModelID == "" || row.model == "")
			})
			assert.True(t, announced, "%s of %s changed %s of %q, and %v say nothing of it", name, w.Kind, row.table, row.model, types(b.told))
		}
		for _, e := range b.told {
			emitted[w.Kind][e.Type] = true
		}
	}
	for _, register := range []bool{false, true} {
		for _, spec := range catalogue.Writes() {
			model, symbol := "m", "SOL"
			if register {
				model, symbol = "new-"+string(spec.Kind), "NEW"+string(spec.Kind)
			}
			w := batch(spec.Kind, everyKind(model, symbol)[spec.Kind])
			w.Register = register
			write("a write", w)
			write("the same again", w)
			w.Atomic = true
			write("the same again, whole", w)
		}
	}
	for name, w := range map[string]arena.Batch{
		"a tick that is known, with news of its market": batch(arena.IngestPrices, `{"symbol":"SOL","price":1.5,"timestamp":1761452335000,"context":{"funding":0.75}}`),
		"another price of that time":                    batch(arena.IngestPrices, `{"symbol":"SOL","price":2.5,"timestamp":1761452335000,"context":{"funding":0.5}}`),
		"an older tick":                                 batch(arena.IngestPrices, `{"symbol":"SOL","price":3,"timestamp":1761452330000}`),
		"metrics without a time":                        batch(arena.IngestAnalytics, `{"id":"m","model_id":"m","overall_pnl":2}`),
		"the same metrics without a time":               batch(arena.IngestAnalytics, `{"id":"m","model_id":"m","overall_pnl":2}`),
		"another inception":                             batch(arena.IngestModels, `{"id":"m","display_name":"M","since_inception":{"model_id":"m","nav_since_inception":2e4,"inception_date":1761440000}}`),
		"more invocations":                              batch(arena.IngestModels, `{"id":"m","since_inception":{"model_id":"m","nav_since_inception":1e4,"inception_date":1761440000,"num_invocations":7}}`),
		"a partial fill":                                batch(arena.IngestTrades, trade("m_2", 1, "1", 1761452310)),
		"the closing fill":                              batch(arena.IngestTrades, trade("m_3", 1, "3", 1761452320)),
		"an opening that is closed":                     batch(arena.IngestPositions, everyKind("m", "SOL")[arena.IngestPositions]),
		"a message more":                                batch(arena.IngestConversations, `{"model_id":"m","messages":[{"role":"user","content":"more","timestamp":1761452340}]}`),
		"another decision of that id":                   batch(arena.IngestDecisions, `{"id":"m_1761452331.5","model_id":"m","timestamp":1761452331.5,"user_prompt":"q"}`),
	} {
		write(name, w)
	}
	for _, kind := range []arena.IngestKind{arena.IngestTrades, arena.IngestEquity, arena.IngestAnalytics, arena.IngestDecisions} {
		w := batch(kind, everyKind("refused-"+string(kind), "REFUSED")[kind], `{"model_id":"also-`+string(kind)+`"}`)
		w.Register = true
		write("one of two that is refused, with registration", w)
		w.Atomic = true
		write("an atomic batch that is refused, with registration", w)
	}
	for _, spec := range catalogue.Writes() {
		declared := map[string]bool{}
		for _, e := range spec.Emits {
			declared[e] = true
		}
		for _, registered := range []string{arena.EventModel, arena.EventSymbol, arena.EventCompetition} {
			if !declared[registered] {
				delete(emitted[spec.Kind], registered)
			}
		}
		assert.Equal(t, slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(emitted[spec.Kind])), "the events of %s", spec.Kind)
	}
}
