package arena_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/testdb"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// TestWritesOfAccountsCostNoMoreForCompetitions counts the round trips to the database of
// one item of each kind of accounts: which competition it is of costs none, whether it
// names one or not.
func TestWritesOfAccountsCostNoMoreForCompetitions(t *testing.T) {
	t.Parallel()
	gate, dsn := testdb.NewDatabaseWay(t, testdb.New(t, atlastest.Migrator{}))
	store, err := repository.Open(t.Context(), repository.Options{DSN: dsn, MaxOpen: 1, MaxIdle: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	b := &intakeBundle{store: store, intake: arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(), Store: store, PrimaryProvider: "hyperliquid", Logger: slog.New(slog.DiscardHandler), Now: time.Now, WriterWait: waitLong,
	})}
	b.send(t, arena.IngestModels, `{"id":"m"}`)
	b.send(t, arena.IngestSymbols, `{"symbol":"SOL","size_step":0.01}`)
	for kind, c := range map[arena.IngestKind]struct {
		item  string // with places for a member and a number
		trips int64
	}{
		arena.IngestEquity:    {`{%s"model_id":"m","timestamp":%d,"dollar_equity":1,"since_inception_hourly_marker":0,"positions":{}}`, 3},
		arena.IngestPositions: {`{%s"model_id":"m","position":{"symbol":"SOL","entry_oid":1,"entry_time":5,"entry_price":1,"quantity":%d}}`, 2},
		arena.IngestTrades: {`{%s"id":"t%d","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":99,"entry_time":1,"exit_time":2,` +
			`"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, 2},
		arena.IngestDecisions:     {`{%s"id":"d%d","model_id":"m","timestamp":5}`, 4},
		arena.IngestConversations: {`{%s"model_id":"m","messages":[{"role":"user","content":"x","timestamp":%d}]}`, 6},
		arena.IngestAnalytics:     {`{%s"model_id":"m","win_rate":1,"updated_at":%d}`, 5},
		arena.IngestModels:        {`{%s"id":"m","display_name":"%d"}`, 4},
	} {
		n := 0
		fewest := map[string]int64{} // once its statements have been prepared
		for range 6 {
			for _, names := range []string{"", `"competition_id":"season-1",`} {
				n++
				before := gate.Answers()
				b.send(t, kind, fmt.Sprintf(c.item, names, 1_761_000_000+n))
				trips := gate.Answers() - before
				if known, ok := fewest[names]; !ok || trips < known {
					fewest[names] = trips
				}
			}
		}
		require.LessOrEqual(t, fewest[""], c.trips, "%s", kind)
		require.LessOrEqual(t, fewest[`"competition_id":"season-1",`], c.trips, "%s that names its competition", kind)
	}
}
