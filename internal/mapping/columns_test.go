package mapping

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"

	"nof0/atlas"
	"nof0/entities"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
)

// road is the way of a kind of data between its payload and its table.
type road struct {
	payload, entity any // pointers to their types
	row             func(payload any) (row any)
	back            func(row any) (payload any, err error) // nil where nothing asks for it
	given           map[string]any                         // values of members that cannot have just any
	// Names are the members of columns that are not called like them.
	names map[string]string
	// Columns are why no member has a column for itself.
	columns map[string]string
	// Members are why no column holds a member.
	members map[string]string
}

// roadOf is a road by the functions of this package; back may be nil.
func roadOf[P, R any](row func(P) R, back func(R) (P, error), more road) road {
	more.payload, more.entity = new(P), new(R)
	more.row = func(payload any) any {
		r := row(*payload.(*P))
		return &r
	}
	if _, ok := reflect.TypeFor[R]().FieldByName("CompetitionID"); ok {
		more.columns = maps.Clone(more.columns)
		if more.columns == nil {
			more.columns = map[string]string{}
		}
		more.columns["competition_id"] = "the repository's: the competition that it is bound to"
	}
	if back != nil {
		more.back = func(row any) (any, error) {
			p, err := back(*row.(*R))
			return &p, err
		}
	}
	return more
}

const (
	identity = "whose it is stands beside the payload"
	derived  = "follows from the others"
)

// roads are those of every entity that a payload fills.
func roads() []road {
	return []road{
		roadOf(func(p wire.Trade) entities.Trade { return Trade(p, primary) }, TradePayload, road{
			given: map[string]any{"side": "long", "entry_time": 1.5, "exit_time": 2.25},
		}),
		roadOf(Equity, EquityPayload, road{
			given:   map[string]any{"id": "another", "positions": map[string]any{}},
			names:   map[string]string{"observed_at": "timestamp"},
			members: map[string]string{"id": "follows from model and hour; extra has one that does not"},
		}),
		roadOf(func(p wire.Position) entities.Position { return Position("m", primary, p) }, PositionPayload, road{
			columns: map[string]string{
				"model_id": identity, "provider": identity, "id": derived,
				"status":    "the repository's: whether it is open",
				"stated_at": "the repository's: the time of the data", "closed_at": "the repository's: the time of the fill",
				"opened_quantity": "the repository's: the largest so far",
			},
		}),
		roadOf(func(p wire.Price) entities.PriceTick { return Tick(p, primary) }, nil, road{
			names: map[string]string{"observed_at": "timestamp"},
		}),
		roadOf(func(p wire.Price) entities.PriceLatest { return entities.PriceLatest(Tick(p, primary)) }, PricePayload, road{
			names: map[string]string{"observed_at": "timestamp"},
		}),
		roadOf(func(s wire.SinceInception) entities.Account { return Account(s, primary) }, func(row entities.Account) (wire.SinceInception, error) {
			s, _, err := InceptionPayload(row)
			return s, err
		}, road{
			names: map[string]string{
				"inception_id": "id", "inception_nav": "nav_since_inception", "inception_at": "inception_date", "invocations": "num_invocations",
			},
			columns: map[string]string{
				"provider": identity, "base_currency": "USD", "invocations_as_of": "the repository's: when the number was given",
				"positions_as_of": "the repository's: the newest statement",
				"statement_at":    "the repository's: the newest statement of all", "positions_extra": "of the statement of positions",
				"standing": "of the imported leaderboard", "standing_as_of": "the time of that",
			},
		}),
		roadOf(Decision, DecisionPayload, road{
			given: map[string]any{"timestamp": 3.5},
			names: map[string]string{"executed_at": "timestamp", "decisions": "llm_response"},
			columns: map[string]string{
				"prompt_digest": derived, "success": derived, "error": derived,
			},
		}),
		roadOf(func(t wire.Thread) entities.Conversation {
			c, _ := Thread(t)
			return c
		}, nil, road{
			given: map[string]any{"messages": []any{}},
			columns: map[string]string{
				"id": derived, "kind": "a thread", "last_message_at": "the repository's: of its messages",
			},
			members: map[string]string{
				"messages": "rows of their own", "timestamp": "of the last message", "user_prompt": "of the last messages",
				"cot_trace_summary": "of the last messages",
			},
		}),
		roadOf(func(m wire.Message) entities.ConversationMessage {
			_, messages := Thread(wire.Thread{ModelID: "m", Messages: []wire.Message{m}})
			return messages[0]
		}, func(row entities.ConversationMessage) (wire.Message, error) {
			t, err := ThreadPayload(entities.Conversation{}, []entities.ConversationMessage{row})
			return t.Messages[0], err
		}, road{
			given:   map[string]any{"role": "user"},
			names:   map[string]string{"time": "timestamp"},
			columns: map[string]string{"conversation_id": identity, "content_digest": derived, "sequence": "its place in the thread"},
		}),
		roadOf(func(m wire.Model) entities.Model { return Model(m, nil) }, nil, road{
			given: map[string]any{"kind": "benchmark"},
			columns: map[string]string{
				"listed_at": "the repository's: when it was registered or captured", "listing": "its place in that batch or capture",
			},
			members: map[string]string{"since_inception": "rows of accounts"},
		}),
		roadOf(func(c wire.Competition) entities.Competition { return Competition(c, nil) }, func(row entities.Competition) (wire.Competition, error) {
			return CompetitionPayload(row), nil
		}, road{
			given: map[string]any{"status": "ended", "starts_at": 1.5, "ends_at": 2.5},
		}),
		roadOf(Symbol, nil, road{}),
		roadOf(TraderState, TraderStatePayload, road{}),
		roadOf(func(m wire.MarketAsset) entities.MarketAsset { return MarketAsset(m, primary) }, MarketAssetPayload, road{}),
		roadOf(func(m wire.MarketContext) entities.MarketAssetCtx {
			return MarketContext(m, primary, "BTC", time.Unix(1, 0))
		}, MarketContextPayload, road{
			columns: map[string]string{"provider": identity, "symbol": identity, "observed_at": "that of the price"},
		}),
	}
}

// noPayload are why a table has no row of a payload in its columns.
var noPayload = map[string]string{
	"store_identity":   "which database this is",
	"equity_candles":   "computed from equity rows",
	"price_candles":    "computed from ticks",
	"position_facts":   "what positions are made from, each in the form of its source",
	"model_analytics":  "holds the document whole, with its time beside it",
	"model_stats":      "computed from trades",
	"analytics_states": "computed from trades and decisions",
	"outbox_events":    "what has happened",
	"idempotency_keys": "answers that were given",
	"rollout_switches": "set by operators",
	"rollout_changes":  "set by operators",
	"parity_runs":      "reports of comparisons",
	"corrections":      "what operators have corrected, with the payloads whole",
	"json_mirror":      "how far the files are",
}

var parsed sync.Map

func tableOf(t testing.TB, entity any) *schema.Schema {
	t.Helper()
	table, err := schema.Parse(entity, &parsed, schema.NamingStrategy{})
	require.NoError(t, err)
	return table
}

// differ returns the columns in which two rows differ.
func differ(t testing.TB, a, b any) []string {
	t.Helper()
	var names []string
	for _, field := range tableOf(t, a).Fields {
		if field.DBName == "" {
			continue
		}
		x, y := reflect.ValueOf(a).Elem().FieldByIndex(field.StructField.Index), reflect.ValueOf(b).Elem().FieldByIndex(field.StructField.Index)
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			names = append(names, field.DBName)
		}
	}
	return names
}

// other is another value of the same type.
func other(value any) any {
	switch v := value.(type) {
	case string:
		return v + "x"
	case float64:
		return v + 1
	case bool:
		return !v
	case map[string]any:
		return map[string]any{"another": 1.5}
	}
	return []any{}
}

// check walks a road with every member set, and returns what is lost on it, by
// name. Column is of a column and its member.
func (r road) check(t testing.TB, column func(name, member string, row any)) (faults []string) {
	t.Helper()
	faultf := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	kind, table := reflect.TypeOf(r.payload).Elem(), tableOf(t, r.entity)
	read := func(members map[string]any) any {
		payload := reflect.New(kind).Interface()
		wiretest.Read(t, members, payload)
		return payload
	}
	full := wiretest.Full(t, r.payload, r.given)
	whole := r.row(read(full))
	filled := map[string]bool{}
	for _, member := range slices.Sorted(maps.Keys(full)) {
		changed := maps.Clone(full)
		if changed[member] = other(full[member]); slices.Contains(wiretest.Optional(r.payload), member) {
			delete(changed, member)
		}
		var columns []string
		for _, name := range differ(t, whole, r.row(read(changed))) {
			if name != "extra" && r.columns[name] == "" {
				columns = append(columns, name)
			}
		}
		_, excused := r.members[member]
		switch {
		case len(columns) == 0 && !excused:
			faultf("%s.%s: no column of %s holds it, and nothing says why: add it to the mapping, or to the reasons in this test", kind, member, table.Table)
		case len(columns) > 0 && excused:
			faultf("%s.%s: %v holds it, and this test says that none does", kind, member, columns)
		case len(columns) > 1:
			faultf("%s.%s: several columns of %s hold it: %v", kind, member, table.Table, columns)
		}
		for _, name := range columns {
			filled[name] = true
			if name != member && r.names[name] != member {
				faultf("%s.%s holds %s.%s: call it like its member, which is how rows of the previous version are known to be the same", table.Table, name, kind, member)
			}
			column(name, member, whole)
		}
	}
	for _, name := range table.DBNames {
		if bookkeeping := name == "extra" || name == "created_at" || name == "updated_at"; !bookkeeping && !filled[name] && r.columns[name] == "" {
			faultf("%s.%s: no member of %s fills it, and nothing says why: add it to the mapping, or to the reasons in this test", table.Table, name, kind)
		}
	}
	if r.back == nil {
		return faults
	}
	back, err := r.back(whole)
	require.NoError(t, err)
	text, err := wire.Marshal(back)
	require.NoError(t, err)
	got, want := parse(t, text), parse(t, render(t, full))
	for member := range want {
		if !reflect.DeepEqual(want[member], got[member]) {
			faultf("%s.%s: it is %v after it went through %s, and was %v", kind, member, got[member], table.Table, want[member])
		}
	}
	return faults
}

func TestEveryMemberAndEveryColumnHasItsRoad(t *testing.T) {
	t.Parallel()
	walked := map[string]bool{}
	for _, r := range roads() {
		require.Subset(t, wire.Members(), slices.Collect(maps.Keys(wiretest.Full(t, r.payload, r.given))), "lint knows the members of %T", r.payload)
		require.Empty(t, r.check(t, func(string, string, any) {}))
		walked[tableOf(t, r.entity).Table] = true
	}
	for _, entity := range entities.All() {
		name := tableOf(t, entity).Table
		require.NotEqual(t, walked[name], noPayload[name] != "",
			"%s (%T): a table is on a road of this test, or in noPayload with the reason", name, entity)
	}
}

// Whatever column or member the mapping forgets is named.
func TestWhatTheMappingForgetsIsNamed(t *testing.T) {
	t.Parallel()
	for _, whole := range roads() {
		kind := reflect.TypeOf(whole.payload).Elem()
		require.Empty(t, whole.check(t, func(column, member string, _ any) {
			field := tableOf(t, whole.entity).FieldsByDBName[column]
			forgetful := whole
			forgetful.row = func(payload any) any {
				row := whole.row(payload)
				reflect.ValueOf(row).Elem().FieldByIndex(field.StructField.Index).SetZero()
				return row
			}
			faults := strings.Join(forgetful.check(t, func(string, string, any) {}), "\n")
			require.Contains(t, faults, fmt.Sprintf("%s.%s: no column of %s holds it", kind, member, tableOf(t, whole.entity).Table))
			require.Contains(t, faults, fmt.Sprintf("%s.%s: no member of %s fills it", tableOf(t, whole.entity).Table, column, kind))
			if whole.back == nil {
				return
			}
			forgetful = whole
			forgetful.back = func(row any) (any, error) {
				payload, err := whole.back(row)
				clearMember(reflect.ValueOf(payload).Elem(), member)
				return payload, err
			}
			require.Contains(t, strings.Join(forgetful.check(t, func(string, string, any) {}), "\n"), fmt.Sprintf("%s.%s: it is ", kind, member))
		}))
	}
}

// tradeOfTomorrow is an entity with a field that no payload has yet.
type tradeOfTomorrow struct {
	entities.Trade

	Tomorrow *string `gorm:"type:text"`
}

func TestAColumnThatNobodyFillsIsNamed(t *testing.T) {
	t.Parallel()
	tomorrow := roads()[0]
	tomorrow.entity = new(tradeOfTomorrow)
	tomorrow.row = func(payload any) any { return &tradeOfTomorrow{Trade: Trade(*payload.(*wire.Trade), primary)} }
	tomorrow.back = nil
	require.Equal(t, []string{
		"trades.tomorrow: no member of wire.Trade fills it, and nothing says why: add it to the mapping, or to the reasons in this test",
	}, tomorrow.check(t, func(string, string, any) {}))
}

// missing returns the columns of payloads that another schema.sql lacks and
// whose members are not kept in extra besides: a program of that schema answers
// without the member, and takes the same fact for another.
func missing(t testing.TB, schemaSQL string) (columns []string) {
	t.Helper()
	for _, r := range roads() {
		table := tableOf(t, r.entity).Table
		_, there, known := strings.Cut(schemaSQL, `CREATE TABLE "`+table+`" (`)
		if !known {
			continue // a table of its own is of nobody else
		}
		there, _, _ = strings.Cut(there, "\n)")
		require.Empty(t, r.check(t, func(column, member string, row any) {
			kept := map[string]any{}
			if extra := reflect.ValueOf(row).Elem().FieldByName("Extra"); extra.IsValid() && extra.Len() > 0 {
				kept = parse(t, extra.Bytes())
			}
			if _, ok := kept[member]; !ok && !strings.Contains(there, "\n  \""+column+"\" ") {
				columns = append(columns, table+"."+column)
			}
		}))
	}
	return columns
}

// The gate: while the binaries of the previous version run, members that it has
// no columns for are in extra too.
func TestTheMembersOfNewColumnsStayInExtra(t *testing.T) {
	t.Parallel()
	printed, err := os.ReadFile(filepath.Join("..", "..", "atlas", "schema.sql"))
	require.NoError(t, err)
	require.Empty(t, missing(t, string(printed)))
	for column, text := range map[string]string{
		"trades.trade_type": "text", "decision_cycles.cycle_id": "bigint", "positions.exit_plan": "jsonb", "trader_state.pause_until": "timestamptz",
	} {
		table, name, _ := strings.Cut(column, ".")
		before, after, ok := strings.Cut(string(printed), `CREATE TABLE "`+table+`"`)
		require.True(t, ok)
		line := "\n  \"" + name + "\" " + text + ","
		require.Contains(t, after, line)
		without := before + `CREATE TABLE "` + table + `"` + strings.Replace(after, line, "", 1)
		require.Equal(t, []string{column}, missing(t, without))
	}

	bases, err := atlas.FindBases(t.Context(), filepath.Join("..", "..", "atlas", "migrations"), os.Getenv("NOF0_TEST_MIGRATION_BASE"))
	if none, ok := errors.AsType[*atlas.NoBaseError](err); ok {
		t.Log("NOT CHECKED:", none)
		return
	}
	require.NoError(t, err)
	for _, base := range bases {
		there, err := exec.CommandContext(t.Context(), "git", "show", base.Commit+":./../../atlas/schema.sql").Output()
		require.NoError(t, err, "%s", base)
		require.Empty(t, missing(t, string(there)),
			"%s lacks these columns: keep their members in extra too, as docs/schema.md says of a new column", base)
	}
}
