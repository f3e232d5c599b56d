package arena_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

// in makes a write of items in a competition.
func in(competition string, kind arena.IngestKind, items ...string) arena.Batch {
	b := batch(kind, items...)
	b.Competition = competition
	return b
}

// accountItems is an item of every kind of write that is of accounts, with what stands
// in its members.
func accountItems(members string, at int) map[arena.IngestKind]string {
	return map[arena.IngestKind]string{
		arena.IngestPositions:     fmt.Sprintf(`{%s"model_id":"m","position":{"symbol":"SOL","entry_oid":%d,"entry_price":200,"quantity":2,"entry_time":%d}}`, members, at, at),
		arena.IngestTrades:        fmt.Sprintf(`{%s"id":"t%[2]d","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":1%[2]d,"entry_time":%[2]d,"exit_time":%[2]d,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, members, at),
		arena.IngestEquity:        fmt.Sprintf(`{%s"model_id":"m","timestamp":%d,"dollar_equity":1,"since_inception_hourly_marker":0}`, members, at),
		arena.IngestConversations: fmt.Sprintf(`{%s"model_id":"m","messages":[{"role":"user","content":"hello","timestamp":%d}]}`, members, at),
		arena.IngestDecisions:     fmt.Sprintf(`{%s"id":"m_%[2]d.5","model_id":"m","timestamp":%[2]d}`, members, at),
		arena.IngestAnalytics:     fmt.Sprintf(`{%s"id":"m","model_id":"m","updated_at":%d}`, members, at),
		arena.IngestModels:        fmt.Sprintf(`{%s"id":"m","since_inception":{"model_id":"m","nav_since_inception":1,"inception_date":%d}}`, members, at),
	}
}

// Every kind of write that is of accounts takes a competition, and no other does.
func TestEveryWriteOfAccountsNamesItsCompetition(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	items := accountItems("", 1000)
	named := accountItems(`"competition_id":"season-1",`, 1000)
	unknown := accountItems(`"competition_id":"season-7",`, 1000)
	wrong := accountItems(`"competition_id":7,`, 1000)
	for _, w := range catalogue.Writes() {
		if !w.OfAccounts() {
			require.Empty(t, items[w.Kind], "%s", w.Kind)
			continue
		}
		require.NotEmpty(t, items[w.Kind], "%s is of accounts: give it an item here", w.Kind)
		_, results := b.take(t, batch(w.Kind, named[w.Kind]))
		require.Nil(t, results[0].Rejected, "%s: %+v", w.Kind, results[0].Rejected)
		require.Equal(t, "season-1", results[0].Competition, "%s", w.Kind)
		_, results = b.take(t, in("season-7", w.Kind, named[w.Kind]))
		require.Nil(t, results[0].Rejected, "%s: the item goes before its request", w.Kind)
		for _, refused := range []arena.Batch{batch(w.Kind, unknown[w.Kind]), in("season-7", w.Kind, items[w.Kind])} {
			why, results := b.take(t, refused)
			require.Equal(t, arena.RejectedUnknown, why, "%s", w.Kind)
			require.Contains(t, results[0].Rejected.Detail, `unknown competition "season-7"`)
			require.Contains(t, results[0].Rejected.Detail, "register=true")
		}
		why, results := b.take(t, batch(w.Kind, wrong[w.Kind]))
		require.Equal(t, arena.RejectedInvalid, why, "%s", w.Kind)
		require.Equal(t, "/competition_id", results[0].Rejected.Faults[0].Path)
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM competitions WHERE id <> 'season-1'`))
	_, results := b.take(t, in("season-7", arena.IngestPrices, `{"symbol":"SOL","price":1,"timestamp":1000}`))
	require.Equal(t, "inserted", results[0].Outcome, "a price belongs to no competition")
	require.Empty(t, results[0].Competition)
}

// What has ended takes what is not later than its end, whoever sends it, and says when
// that was.
func TestACompetitionThatHasEndedTakesNothingLater(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"ended","ends_at":5000.5}`)
	early, late := accountItems("", 5000), accountItems("", 5001)
	for kind := range early {
		if kind == arena.IngestAnalytics {
			continue // they are computed after the end
		}
		why, results := b.take(t, batch(kind, late[kind]))
		require.Equal(t, arena.RejectedConflict, why, "%s", kind)
		require.Contains(t, results[0].Rejected.Detail, `competition "season-1" ended at 1970-01-01T01:23:20.5Z`, "%s", kind)
		b.send(t, kind, early[kind])
	}
	b.send(t, arena.IngestAnalytics, late[arena.IngestAnalytics])
	why, results := b.take(t, batch(arena.IngestTrades, `{"trade":`+trade("m_along", 3, "-1", 4000)+
		`,"remaining":null,"equity":{"model_id":"m","timestamp":5002,"dollar_equity":1,"since_inception_hourly_marker":0}}`))
	require.Equal(t, arena.RejectedConflict, why, "what comes along: %+v", results[0].Rejected)
	require.Contains(t, results[0].Rejected.Detail, "timestamp of equity")
	require.Zero(t, b.count(t, `SELECT count(*) FROM trades WHERE exit_time > to_timestamp(5000.5)`))

	correct := func(fact string) error {
		_, err := b.intake.Correct(t.Context(), arena.CorrectionRequest{
			Kind: entities.CorrectTrade, Model: "m", ID: "t5000", Action: entities.CorrectionReplace, Reason: "r", By: "b",
			Fact: []byte(fact),
		})
		return err
	}
	var refused *arena.RefusedError
	require.ErrorAs(t, correct(`{"id":"t5000","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":15000,"entry_time":5000,"exit_time":5003,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`), &refused)
	require.Contains(t, refused.Reason, "ended at")
	require.NoError(t, correct(`{"id":"t5000","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_oid":15000,"entry_time":5000,"exit_time":5000.25,"entry_price":1,"exit_price":3,"realized_net_pnl":2}`))
}

// What is stored already is unchanged however early its competition is said to have
// ended; what would change anything after the end is refused, and undone.
func TestAKnownFactIsUnchangedAfterAnEarlierEnd(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	known, other := accountItems("", 5001), accountItems("", 5002)
	along := func(equity float64) string {
		return `{"trade":` + trade("m_along", 3, "-1", 4000) + fmt.Sprintf(
			`,"remaining":null,"equity":{"model_id":"m","timestamp":5009,"dollar_equity":%v,"since_inception_hourly_marker":0}}`, equity)
	}
	for kind, item := range known {
		b.send(t, kind, item)
	}
	b.send(t, arena.IngestTrades, `{"trade":`+trade("m_along", 3, "-1", 4000)+`,"remaining":null}`)
	b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"ended","ends_at":4500}`)
	stored := `SELECT string_agg(n::text, ',') FROM (
		SELECT count(*) AS n FROM trades UNION ALL SELECT count(*) FROM account_equity_snapshots UNION ALL SELECT count(*) FROM decision_cycles
		UNION ALL SELECT count(*) FROM positions UNION ALL SELECT count(*) FROM conversation_messages UNION ALL SELECT count(*) FROM outbox_events
		UNION ALL SELECT sum(num_trades) FROM model_stats) AS counts`
	text := func() (counts string) {
		require.NoError(t, b.db.QueryRow(t.Context(), stored).Scan(&counts))
		return counts
	}
	before := text()
	for kind, item := range known {
		if kind == arena.IngestAnalytics {
			continue // they are computed after the end
		}
		require.Equal(t, []string{"unchanged"}, b.send(t, kind, item), "%s", kind)
		why, results := b.take(t, batch(kind, other[kind]))
		require.Equal(t, arena.RejectedConflict, why, "%s", kind)
		if kind != arena.IngestPositions && kind != arena.IngestModels { // another one is in the way
			require.Contains(t, results[0].Rejected.Detail, "ended at 1970-01-01T01:15:00Z", "%s", kind)
		}
		_, results = b.take(t, batch(kind, item, other[kind], item))
		require.Equal(t, "unchanged rejected unchanged", results[0].Outcome+" "+results[1].Outcome+" "+results[2].Outcome, "%s", kind)
		atomic := batch(kind, item, other[kind])
		atomic.Atomic = true
		why, _ = b.take(t, atomic)
		require.Equal(t, arena.RejectedConflict, why, "%s", kind)
		require.Equal(t, before, text(), "%s", kind)
	}
	why, results := b.take(t, batch(arena.IngestTrades, along(7)))
	require.Equal(t, arena.RejectedConflict, why, "the trade is known, and what comes along is new and late")
	require.Contains(t, results[0].Rejected.Detail, "timestamp of equity")
	require.Equal(t, before, text())
	b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"running","starts_at":1,"ends_at":null}`)
	b.send(t, arena.IngestTrades, along(7))
	b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"ended","ends_at":4500}`)
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestTrades, along(7)))
}

// A competition starts and ends by its status; what an item does not say stays.
func TestCompetitionsAreWritten(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	stored := func() entities.Competition {
		c, err := b.store.Competitions.Get(t.Context(), "season-1")
		require.NoError(t, err)
		return *c
	}
	before := time.Now().Truncate(time.Microsecond)
	require.Equal(t, []string{"updated"}, b.send(t, arena.IngestCompetitions, `{"id":"season-1","name":"Alpha","mode":"calm","rules":{"leverage":20}}`))
	require.Equal(t, entities.CompetitionRunning, stored().Status)
	require.Nil(t, stored().StartsAt, "it was running before")
	require.Equal(t, []string{"updated"}, b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"ended","starts_at":1000.25}`))
	c := stored()
	require.Equal(t, "Alpha", c.Name)
	require.Equal(t, "calm", *c.Mode)
	require.JSONEq(t, `{"leverage":20}`, string(c.Rules))
	require.False(t, c.EndsAt.Before(before))
	require.Equal(t, []string{"unchanged"}, b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"ended"}`))
	require.Equal(t, c.EndsAt, stored().EndsAt)
	require.Equal(t, []string{"updated"}, b.send(t, arena.IngestCompetitions, `{"id":"season-1","status":"running","ends_at":null,"mode":null}`))
	require.Nil(t, stored().EndsAt)
	require.Nil(t, stored().Mode)
	require.Equal(t, 4-1, b.count(t, `SELECT count(*) FROM outbox_events WHERE type = 'competition' AND competition_id = 'season-1' AND model_id = ''`))

	for item, path := range map[string]string{
		`{"id":"season-1","status":"over"}`:              "/status",
		`{"id":"{x}"}`:                                   "/id",
		`{"name":"x"}`:                                   "/id",
		`{"id":"season-1","ends_at":999}`:                "/ends_at", // before what is stored
		`{"id":"season-1","starts_at":10,"ends_at":9.5}`: "/ends_at",
		`{"id":"season-1","starts_at":-1}`:               "/starts_at",
		`{"id":"season-1","rules":1e400}`:                "/rules",
	} {
		why, results := b.take(t, batch(arena.IngestCompetitions, item))
		require.Equal(t, arena.RejectedInvalid, why, item)
		require.Equal(t, path, results[0].Rejected.Faults[0].Path, item)
	}
	require.Equal(t, c.Name, stored().Name)
}
