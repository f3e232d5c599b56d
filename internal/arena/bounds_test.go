package arena_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
)

// rows counts the rows of every table that an item could leave something in.
func (b *intakeBundle) rows(t *testing.T) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	tables, err := b.db.Query(t.Context(), `
		SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace`)
	require.NoError(t, err)
	var names []string
	for tables.Next() {
		var name string
		require.NoError(t, tables.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, tables.Err())
	for _, name := range names {
		counts[name] = b.count(t, fmt.Sprintf("SELECT count(*) FROM %q", name))
	}
	return counts
}

// TestWhatIsBeyondTheBoundsLeavesNothing sends items whose models and symbols
// are new, and that are to make them known.
func TestWhatIsBeyondTheBoundsLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestModels, `{"id":"m","since_inception":{"model_id":"m","nav_since_inception":10000,"inception_date":1761000000}}`)
	before := b.rows(t)
	const position = `"symbol":"NEW","entry_price":100,"quantity":1`
	fill := strings.NewReplacer(`"SOL"`, `"NEW"`, `"m"`, `"new"`).Replace(trade("new_1", 1, "-1", 200))
	later := time.Now().Add(25 * time.Hour).Unix()
	for _, c := range []struct {
		kind arena.IngestKind
		item string
		path string
	}{
		{arena.IngestTrades, strings.Replace(fill, "-1.25", "1.7e308", 1), "/realized_net_pnl"},
		{arena.IngestTrades, `{"trade":` + fill + `,"remaining":{"symbol":"NEW","entry_oid":1,"entry_price":100,"quantity":-1,"margin":1e16}}`, "/remaining/margin"},
		{arena.IngestTrades, `{"trade":` + fill + `,"equity":{"model_id":"new","timestamp":200,"dollar_equity":-1e300,"since_inception_hourly_marker":0}}`, "/equity/dollar_equity"},
		{arena.IngestTrades, strings.Replace(fill, `"exit_time":200`, fmt.Sprintf(`"exit_time":%d`, later), 1), "/exit_time"},
		{arena.IngestEquity, `{"model_id":"new","timestamp":253402300799,"dollar_equity":1,"since_inception_hourly_marker":0}`, "/timestamp"},
		{arena.IngestEquity, `{"model_id":"new","timestamp":200,"dollar_equity":1,"since_inception_hourly_marker":1000000}`, "/since_inception_hourly_marker"},
		{arena.IngestEquity, `{"model_id":"m","timestamp":1761010000,"dollar_equity":1,"since_inception_hourly_marker":300}`, "/since_inception_hourly_marker"},
		{arena.IngestEquity, `{"model_id":"new","timestamp":200,"dollar_equity":1,"since_inception_hourly_marker":0,"positions":{"NEW":{` + position + `,"current_price":1e99}}}`, "/positions/NEW/current_price"},
		{arena.IngestPositions, `{"model_id":"new","position":{` + position + `,"leverage":1e-13}}`, "/position/leverage"},
		{arena.IngestPositions, fmt.Sprintf(`{"model_id":"new","timestamp":%d,"position":{%s}}`, later, position), "/timestamp"},
		{arena.IngestPositions, `{"model_id":"new","timestamp":253402300799,"position":{` + position + `}}`, "/timestamp"},
		{arena.IngestDecisions, fmt.Sprintf(`{"id":"new_1","model_id":"new","timestamp":%d}`, later), "/timestamp"},
		{arena.IngestDecisions, `{"id":"new_1","model_id":"new","timestamp":200,"llm_response":{"BTC":{"leverage":-1e308}}}`, "/llm_response/BTC/leverage"},
		{arena.IngestConversations, fmt.Sprintf(`{"model_id":"new","messages":[{"role":"user","content":"","timestamp":%d}]}`, later), "/messages/0/timestamp"},
		{arena.IngestAnalytics, fmt.Sprintf(`{"model_id":"new","updated_at":%d}`, later), "/updated_at"},
		{arena.IngestAnalytics, `{"model_id":"new","updated_at":200,"fee_pnl_moves_breakdown_table":{"std_net_pnl":1e154}}`, "/fee_pnl_moves_breakdown_table/std_net_pnl"},
		{arena.IngestModels, `{"id":"new","since_inception":{"model_id":"new","nav_since_inception":1e-300,"inception_date":200}}`, "/since_inception/nav_since_inception"},
		{arena.IngestPrices, `{"symbol":"NEW","price":1e16,"timestamp":1000}`, "/price"},
		{arena.IngestPrices, fmt.Sprintf(`{"symbol":"NEW","price":1,"timestamp":%d}`, 1000*later), "/timestamp"},
		{arena.IngestSymbols, `{"symbol":"NEW","tick_size":1e-13}`, "/tick_size"},
		{arena.IngestMarketAssets, `{"symbol":"NEW","max_leverage":1e16}`, "/max_leverage"},
	} {
		w := batch(c.kind, c.item)
		w.Register = true
		rejection, results := b.take(t, w)
		require.Equal(t, arena.RejectedInvalid, rejection, c.item)
		require.Len(t, results[0].Rejected.Faults, 1, "%s: %v", c.item, results[0].Rejected)
		require.Equal(t, c.path, results[0].Rejected.Faults[0].Path, c.item)
	}
	require.Equal(t, before, b.rows(t))
}

// TestARefusedItemRegistersNothing covers the refusals that are known only once
// the database was asked.
func TestARefusedItemRegistersNothing(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestTrades, trade("m_1", 1, "-1", 200))
	before := b.rows(t)
	// The trade is known with another symbol, which is new.
	w := batch(arena.IngestTrades, strings.Replace(trade("m_1", 1, "-1", 200), "SOL", "NEW", 1))
	w.Register = true
	rejection, _ := b.take(t, w)
	require.Equal(t, arena.RejectedConflict, rejection)
	require.Equal(t, before, b.rows(t))

	// Next to accepted ones, some with the same new names.
	other := strings.NewReplacer(`"m"`, `"other"`, `"SOL"`, `"KNOWN"`).Replace(trade("other_1", 1, "-1", 200))
	w = batch(arena.IngestTrades,
		strings.Replace(trade("m_1", 1, "-1", 200), "SOL", "NEW", 1),
		other,
		strings.Replace(other, "-1.25", "-1.5", 1),
	)
	w.Single, w.Register = false, true
	_, results := b.take(t, w)
	require.Equal(t, []string{"rejected", "inserted", "rejected"}, []string{results[0].Outcome, results[1].Outcome, results[2].Outcome})
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM models WHERE id = 'other'"))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM accounts WHERE model_id = 'other'"))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM symbols WHERE symbol = 'KNOWN'"))
	require.Zero(t, b.count(t, "SELECT count(*) FROM symbols WHERE symbol = 'NEW'"))
}

func TestTicksGetNoMorePartitionsThanTheyNeed(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	before := b.rows(t)
	months := func(symbol string, n int) []string {
		items := make([]string, n)
		for i := range items {
			at := time.Date(2001, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC)
			items[i] = fmt.Sprintf(`{"symbol":%q,"price":1,"timestamp":%d}`, symbol, at.UnixMilli())
		}
		return items
	}
	w := batch(arena.IngestPrices, months("UNKNOWN", 250)...)
	w.Single = false
	_, results := b.take(t, w)
	for _, r := range results {
		require.Contains(t, r.Rejected.Detail, "unknown symbol")
	}
	require.Equal(t, before, b.rows(t), "no partition was made")

	w = batch(arena.IngestPrices, append(months("SOL", 40), months("SOL", 3)...)...)
	w.Single = false
	_, results = b.take(t, w)
	accepted := 0
	for _, r := range results {
		if r.Rejected == nil {
			accepted++
			continue
		}
		require.Contains(t, r.Rejected.Detail, "month")
	}
	require.Equal(t, 24+3, accepted)
	require.Len(t, b.rows(t), len(before)+24)
}
