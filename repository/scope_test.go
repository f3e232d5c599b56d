package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"nof0/entities"
)

var (
	ofAccounts = `"?(accounts|account_equity_snapshots|equity_candles|positions|position_facts|trades|model_stats|model_analytics|analytics_states|conversations|conversation_messages|decision_cycles|corrections)"?(\s|$)`
	readsTable = regexp.MustCompile(`(?i)\b(FROM|JOIN|UPDATE)\s+` + ofAccounts)
	narrowed   = regexp.MustCompile(`competition_id"? (=|<>) `)
)

// requireScope makes a test fail for each statement of a repository that reads or
// changes a table of accounts without the competition.
func requireScope(t testing.TB, s *Store) {
	t.Helper()
	hook := func(db *gorm.DB) {
		sql := db.Statement.SQL.String()
		if db.Statement.Context.Value(competitionKey{}) == nil || db.DryRun {
			return // the test's own
		}
		if len(readsTable.FindAllString(sql, -1)) > len(narrowed.FindAllString(sql, -1)) {
			t.Errorf("a statement on a table of accounts has no competition_id = @competition:\n%s", sql)
		}
	}
	c := s.db.Callback()
	const name = "require scope"
	require.NoError(t, c.Query().After("*").Register(name, hook))
	require.NoError(t, c.Row().After("*").Register(name, hook))
	require.NoError(t, c.Raw().After("*").Register(name, hook))
	require.NoError(t, c.Update().After("*").Register(name, hook))
	require.NoError(t, c.Delete().After("*").Register(name, hook))
}

const model3 = "grok-4"

// contest is what happens in one competition: the same models, ids and times as in
// any other, and its own figures.
type contest struct {
	id     string
	factor float64
	late   time.Duration // by which its last hour and decision come later
}

// scoped is a method of a repository as the contest calls it.
type scoped struct {
	method string
	call   func(ctx context.Context, tx Repositories, c contest) (any, error)
}

func (c contest) trade(id string, at time.Duration) entities.Trade {
	return newTrade(model1, id, func(t *entities.Trade) {
		t.ExitTime, t.RealizedNetPnl = begin.Add(at), c.factor*t.RealizedNetPnl
		t.EntryOid = new(int64(7))
	})
}

func (c contest) snapshot(model string, hour int) entities.AccountEquitySnapshot {
	return newSnapshot(model, begin.Add(time.Duration(hour)*time.Hour), func(s *entities.AccountEquitySnapshot) { s.DollarEquity *= c.factor })
}

func (c contest) decision(id string, at time.Duration) entities.DecisionCycle {
	return newDecision(model1, id, begin.Add(at), func(d *entities.DecisionCycle) { d.CotTraceSummary = new(c.id) })
}

func (c contest) position(model, symbol string, oid int64, quantity float64) entities.Position {
	return newPosition(symbol, oid, func(p *entities.Position) {
		p.ModelID, p.Quantity, p.StatedAt, p.Margin, p.Status = model, quantity*c.factor, begin, new(c.factor), entities.PositionOpen
	})
}

func (c contest) fill(id string, oid int64, quantity float64, at time.Duration) Fill {
	t := newTrade(model1, id, func(t *entities.Trade) {
		t.EntryOid, t.Side, t.Quantity, t.ExitTime, t.EntryTime = &oid, "short", quantity*c.factor, begin.Add(at), begin
	})
	return Fill{Trade: t, PositionID: fmt.Sprintf("%s/BTC/%d", provider, oid)}
}

func (c contest) thread(id, kind string) entities.Conversation {
	return entities.Conversation{ID: id, ModelID: model1, Kind: kind, Topic: new("risk of " + c.id)}
}

func (c contest) message(decision string, at time.Duration) []entities.ConversationMessage {
	return []entities.ConversationMessage{{Time: begin.Add(at), Role: "user", ContentDigest: "d", Content: c.id, Metadata: doc(map[string]string{"decision_id": decision})}}
}

func (c contest) document(source string) entities.ModelAnalytics {
	return entities.ModelAnalytics{ModelID: model1, Source: source, Payload: doc(map[string]any{"of": c.id}), AsOf: begin.Add(100 * c.late)}
}

// writes change every table of accounts, in this order.
func writes() []scoped {
	none := func(err error) (any, error) { return nil, err }
	return []scoped{
		{"Accounts.Register", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			accounts := []entities.Account{{ModelID: model1, Provider: provider}, {ModelID: model2, Provider: provider}, {ModelID: model3, Provider: c.id}}
			return tx.Accounts.Register(ctx, accounts)
		}},
		{"Accounts.Withdraw", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			if c.id == entities.FirstCompetition {
				return nil, nil
			}
			return none(tx.Accounts.Withdraw(ctx, []entities.Account{{ModelID: model3}}))
		}},
		{"Accounts.Lock", func(ctx context.Context, tx Repositories, _ contest) (any, error) {
			return tx.Accounts.Lock(ctx, []string{model1, model2, model3})
		}},
		{"Accounts.SetInception", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Accounts.SetInception(ctx, entities.Account{ModelID: model1, InceptionAt: new(begin), InceptionNAV: new(1e4 * c.factor)}, begin)
		}},
		{"Accounts.SetStanding", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Accounts.SetStanding(ctx, model1, doc(map[string]any{"equity": c.factor}), begin)
		}},
		{"Equity.Insert", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			last := int(c.late / time.Hour)
			return tx.Equity.Insert(ctx, []entities.AccountEquitySnapshot{
				c.snapshot(model1, 0), c.snapshot(model1, 1), c.snapshot(model1, 2), c.snapshot(model2, 1), c.snapshot(model1, 3+last),
			})
		}},
		{"Trades.Insert", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Trades.Insert(ctx, []entities.Trade{c.trade("t1", time.Hour), c.trade("t2", 2*time.Hour), c.trade("t3", 3*time.Hour+c.late)})
		}},
		{"Trading.Adjust", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Trading.Adjust(ctx, []Opening{
				{Position: c.position(model1, "BTC", 1, -10)},
				{Position: c.position(model1, "ETH", 2, -10)},
				{Position: c.position(model2, "XRP", 8, 3)},
				{Position: c.position(model2, "XRP", 8, 4), ObservedAt: new(begin.Add(time.Minute))},
			})
		}},
		{"Trading.Fills", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			last := c.fill("f4", 2, -10, 4*time.Minute+c.late)
			last.Trade.Symbol, last.PositionID = "ETH", provider+"/ETH/2"
			fills := []Fill{c.fill("f1", 1, -4, time.Minute), c.fill("f2", 1, -6, 2*time.Minute), c.fill("f3", 11, -1, 3*time.Minute), last}
			return tx.Trading.Fills(ctx, fills[:3+int(c.late/(5*time.Hour))])
		}},
		{"Trading.Unfill", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Trading.Unfill(ctx, []entities.Trade{c.fill("f2", 1, -6, 2*time.Minute).Trade})
		}},
		{"Trading.Refill", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Trading.Refill(ctx, []Fill{c.fill("f2", 1, -6, 2*time.Minute)})
		}},
		{"Trading.Adopt", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return none(tx.Trading.Adopt(ctx, []Fill{c.fill("f1", 1, -4, time.Minute)}))
		}},
		{"Positions.State", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			outcomes, closed, err := tx.Positions.State(ctx, model2, []entities.Position{c.position(model2, "SOL", 3, 5)}, doc(c.id), begin.Add(time.Hour))
			return []any{outcomes, closed}, err
		}},
		{"Positions.TakeOver", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			outcomes, closed, err := tx.Positions.TakeOver(ctx, model2, []entities.Position{c.position(model2, "DOGE", 4, 6)}, nil, doc(c.id), begin.Add(2*time.Hour))
			return []any{outcomes, closed}, err
		}},
		{"Decisions.Insert", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Decisions.Insert(ctx, []entities.DecisionCycle{c.decision("d1", time.Minute), c.decision("d2", 2*time.Minute), c.decision("d4", 4*time.Minute)})
		}},
		{"Decisions.Ingest", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Decisions.Ingest(ctx, []entities.DecisionCycle{c.decision("d3", 3*time.Minute+c.late)})
		}},
		{"Conversations.Append", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			first, err := tx.Conversations.Append(ctx, c.thread("th", entities.ConversationThread), c.message("", c.late))
			if err != nil {
				return nil, err
			}
			second, err := tx.Conversations.Append(ctx, c.thread("decisions", entities.ConversationDecisions), append(c.message("d1", time.Minute), c.message("d2", 2*time.Minute)...))
			return []Outcome{first, second}, err
		}},
		{"Analytics.Put", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			return tx.Analytics.Put(ctx, c.document(entities.AnalyticsImported))
		}},
		{"Recompute.Keep", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			computed, other := c.document(entities.AnalyticsComputed), c.document(entities.AnalyticsComputed)
			other.ModelID = model2
			if err := tx.Recompute.Keep(ctx, entities.AnalyticsState{ModelID: model2, State: doc(c.id)}, &other); err != nil {
				return nil, err
			}
			return none(tx.Recompute.Keep(ctx, entities.AnalyticsState{ModelID: model1, Version: 1, State: doc(c.id), NumTrades: int64(c.factor)}, &computed))
		}},
		{"Corrections.Record", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			if c.id == entities.FirstCompetition { // in the other one the trade stays
				return none(tx.Corrections.Record(ctx, &entities.Correction{Kind: entities.CorrectTrade, ModelID: model1, FactID: "t2", Action: entities.CorrectionVoid}))
			}
			return none(tx.Corrections.Record(ctx, &entities.Correction{Kind: entities.CorrectDecision, ModelID: model1, FactID: "d2", Action: entities.CorrectionVoid}))
		}},
		{"Trades.Replace", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			old := c.trade("t2", 2*time.Hour)
			if c.id == entities.FirstCompetition {
				return none(tx.Trades.Replace(ctx, &old, nil))
			}
			outcomes, err := tx.Trades.Insert(ctx, []entities.Trade{old}) // which nobody has voided here
			return outcomes, err
		}},
		{"Equity.Replace", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			old, next := c.snapshot(model1, 1), c.snapshot(model1, 1)
			next.DollarEquity = -c.factor
			return none(tx.Equity.Replace(ctx, &old, &next))
		}},
		{"Decisions.Replace", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			old := c.decision("d2", 2*time.Minute)
			return none(tx.Decisions.Replace(ctx, &old, nil))
		}},
		{"Conversations.TakeOut", func(ctx context.Context, tx Repositories, c contest) (any, error) {
			old := c.decision("d2", 2*time.Minute)
			return tx.Conversations.TakeOut(ctx, c.thread("decisions", entities.ConversationDecisions), &old)
		}},
		{"Recompute.Drop", func(ctx context.Context, tx Repositories, _ contest) (any, error) {
			return tx.Recompute.Drop(ctx, model2)
		}},
	}
}

// listed is a read that hands its rows out.
func listed(read func(add func(row ...any) error) error) (rows []any, err error) {
	err = read(func(row ...any) error {
		raw, err := json.Marshal(row)
		rows = append(rows, json.RawMessage(raw))
		return err
	})
	return rows, err
}

func reads() []scoped {
	at := func(d time.Duration) *time.Time { return new(begin.Add(d)) }
	return []scoped{
		{"Models.Participants", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Models.Participants(ctx) }},
		{"Accounts.All", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Accounts.All(ctx) }},
		{"Equity.Hours", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Equity.Hours(ctx, 0, 1000) }},
		{"Equity.NextMarker", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Equity.NextMarker(ctx, 3) }},
		{"Equity.LastMarker", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Equity.LastMarker(ctx) }},
		{"Equity.Newest", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Equity.Newest(ctx) }},
		{"Equity.First", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.First(ctx, []string{model1, model2})
		}},
		{"Equity.After", func(ctx context.Context, r Repositories, c contest) (any, error) {
			last := c.snapshot(model1, 0)
			return r.Equity.After(ctx, model1, &last, 10)
		}},
		{"Equity.Candles", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.Candles(ctx, model1, []Segment{{Span{begin, begin.AddDate(0, 1, 0)}, 0}, {Span{begin.AddDate(0, 0, -1), begin.AddDate(0, 1, 0)}, 24 * time.Hour}})
		}},
		{"Equity.Ends", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			first, last, err := r.Equity.Ends(ctx, model1, Span{})
			return []time.Time{first, last}, err
		}},
		{"Equity.HourCloses", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.HourCloses(ctx, model1, Span{From: begin, To: begin.AddDate(0, 1, 0)})
		}},
		{"Equity.Series", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return listed(func(add func(...any) error) error {
				return r.Equity.Series(ctx, model1, Span{From: begin}, func(first, last time.Time) time.Time { _ = add(first, last); return first },
					func(at time.Time, marker int64, equity float64) error { return add(at, marker, equity) })
			})
		}},
		{"Equity.NewestOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.NewestOf(ctx, model1)
		}},
		{"Equity.NewestHoursOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.NewestHoursOf(ctx, model1, 2)
		}},
		{"Equity.HoursOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.HoursOf(ctx, model1)
		}},
		{"Equity.Find", func(ctx context.Context, r Repositories, c contest) (any, error) {
			return r.Equity.Find(ctx, []entities.AccountEquitySnapshot{c.snapshot(model1, 0)})
		}},
		{"Positions.Open", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Positions.Open(ctx, provider)
		}},
		{"Positions.OpenOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Positions.OpenOf(ctx, []string{model1}, provider)
		}},
		{"Positions.NewestClosed", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Positions.NewestClosed(ctx, provider, 5)
		}},
		{"Positions.LedgerFacts", func(ctx context.Context, r Repositories, c contest) (any, error) {
			return r.Positions.LedgerFacts(ctx, provider, []entities.Trade{c.fill("f3", 11, -1, 0).Trade})
		}},
		{"Trading.Stored", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			of := contest{id: entities.FirstCompetition, factor: 1} // whose fills those of the other one are not
			return r.Trading.Stored(ctx, []Fill{of.fill("f1", 1, -4, time.Minute)})
		}},
		{"Trading.FillOf", func(ctx context.Context, r Repositories, c contest) (any, error) {
			remaining, left, err := r.Trading.FillOf(ctx, c.fill("f1", 1, -4, time.Minute).Trade)
			return []any{remaining, left}, err
		}},
		{"Trades.Newest", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Trades.Newest(ctx, 4) }},
		{"Positions.History", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Positions.History(ctx, PositionFilter{Model: model1, Provider: provider}, 4)
		}},
		{"Positions.Closings", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			rows, err := r.Positions.History(ctx, PositionFilter{Model: model1, Provider: provider}, 100)
			var ids []string
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			if err != nil {
				return nil, err
			}
			return r.Positions.Closings(ctx, model1, ids)
		}},
		{"Equity.During", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Equity.During(ctx, model1, Span{}, 4)
		}},
		{"Trades.Page", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Trades.Page(ctx, TradeFilter{Model: model1}, 4)
		}},
		{"Trades.NewestVersions", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			versions, err := r.Trades.NewestVersions(ctx, []string{model1}, 4)
			for i := range versions {
				versions[i].Version = "" // which says when and where it was written
			}
			return versions, err
		}},
		{"Trades.NewestOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Trades.NewestOf(ctx, model1, 4)
		}},
		{"Trades.Before", func(ctx context.Context, r Repositories, c contest) (any, error) {
			last := c.trade("t2", 2*time.Hour)
			return r.Trades.Before(ctx, model1, &last, 10)
		}},
		{"Trades.Find", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Trades.Find(ctx, []entities.Trade{{ModelID: model1, ID: "t2"}, {ModelID: model1, ID: "t1"}})
		}},
		{"Stats.All", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Stats.All(ctx) }},
		{"Analytics.All", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Analytics.All(ctx, entities.AnalyticsComputed)
		}},
		{"Analytics.Of", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Analytics.Of(ctx, model1, entities.AnalyticsImported)
		}},
		{"Analytics.Served", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Analytics.Served(ctx) }},
		{"Analytics.ServedOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Analytics.ServedOf(ctx, model1)
		}},
		{"Recompute.Stale", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Recompute.Stale(ctx, 1) }},
		{"Recompute.State", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			state, stats, err := r.Recompute.State(ctx, model1)
			return []any{state, stats}, err
		}},
		{"Recompute.TradesHorizon", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Recompute.TradesHorizon(ctx, model1, 0)
		}},
		{"Recompute.DecisionsHorizon", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Recompute.DecisionsHorizon(ctx, model1, 0)
		}},
		{"Recompute.Trades", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			rows, err := listed(func(add func(...any) error) error {
				return r.Recompute.Trades(ctx, model1, &Place{Time: begin, ID: "a"}, nil, func(t *TradeFact) error { return add(*t) })
			})
			slices.SortFunc(rows, func(a, b any) int { return strings.Compare(string(a.(json.RawMessage)), string(b.(json.RawMessage))) })
			return rows, err
		}},
		{"Recompute.Decisions", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return listed(func(add func(...any) error) error {
				return r.Recompute.Decisions(ctx, model1, nil, &Place{Time: *at(1000 * time.Hour), ID: "z"}, func(d *DecisionFact) error { return add(*d) })
			})
		}},
		{"Recompute.CountUntil", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			trades, decisions, err := r.Recompute.CountUntil(ctx, model1, at(3*time.Hour), at(3*time.Minute))
			return []int64{trades, decisions}, err
		}},
		{"Conversations.NewestThreads", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Conversations.NewestThreads(ctx, 5)
		}},
		{"Conversations.ThreadsBefore", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Conversations.ThreadsBefore(ctx, nil, 5)
		}},
		{"Conversations.NewestThreadsOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Conversations.NewestThreadsOf(ctx, model1, 5)
		}},
		{"Conversations.Find", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Conversations.Find(ctx, []string{"th"})
		}},
		{"Decisions.Newest", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Decisions.Newest(ctx, 2) }},
		{"Decisions.NewestOf", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.NewestOf(ctx, model1, 2)
		}},
		{"Decisions.Before", func(ctx context.Context, r Repositories, c contest) (any, error) {
			last := c.decision("d3", 3*time.Minute)
			return r.Decisions.Before(ctx, &last, 5)
		}},
		{"Decisions.Find", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.Find(ctx, []entities.DecisionCycle{{ModelID: model1, ID: "d1"}, {ModelID: model1, ID: "d2"}})
		}},
		{"Decisions.At", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.At(ctx, model1, *at(time.Minute))
		}},
		{"Decisions.Of", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.Of(ctx, model1, "d1")
		}},
		{"Decisions.Page", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.Page(ctx, DecisionFilter{Model: model1}, 9)
		}},
		{"Decisions.Outlines", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.Outlines(ctx, DecisionFilter{}, 9)
		}},
		{"Decisions.Search", func(ctx context.Context, r Repositories, c contest) (any, error) {
			return r.Decisions.Search(ctx, Search{Query: `"` + c.id + `"`}, 9)
		}},
		{"Conversations.Page", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Conversations.Page(ctx, DecisionFilter{}, 9)
		}},
		{"Decisions.Beside", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			before, after, err := r.Decisions.Beside(ctx, model1, Place{*at(time.Minute), "d1"})
			return []*Place{before, after}, err
		}},
		{"Decisions.InForce", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Decisions.InForce(ctx, model1, []time.Time{*at(3 * time.Minute), *at(1000 * time.Hour)})
		}},
		{"Trades.Entered", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Trades.Entered(ctx, model1, Span{From: begin}, 9)
		}},
		{"Trades.Exited", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Trades.Exited(ctx, model1, Span{From: begin}, 9)
		}},
		{"Positions.During", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Positions.During(ctx, model1, Span{From: begin}, 9)
		}},
		{"Positions.Adjusted", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			return r.Positions.Adjusted(ctx, model2, []string{provider + "/XRP/8"}, Span{From: begin})
		}},
		{"Corrections.Of", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			found, err := r.Corrections.Of(ctx, []FactRef{{entities.CorrectTrade, model1, "t2"}, {entities.CorrectDecision, model1, "d2"}})
			kinds := map[string]bool{}
			for ref := range found {
				kinds[ref.Kind] = true
			}
			return kinds, err
		}},
		{"Corrections.List", func(ctx context.Context, r Repositories, _ contest) (any, error) {
			list, err := r.Corrections.List(ctx, CorrectionQuery{Limit: 10})
			for i := range list {
				list[i].ID = 0
			}
			return list, err
		}},
		{"Mirror.HistorySize", func(ctx context.Context, r Repositories, _ contest) (any, error) { return r.Mirror.HistorySize(ctx) }},
	}
}

// unscoped are methods of these repositories that are of no competition.
var unscoped = []string{
	"Candles.Rebuild", "Decisions.Searchable", "Recompute.Begin", "Mirror.Claim", "Mirror.Positions", "Mirror.Set",
	"Models.All", "Models.Exists", "Models.Register", "Models.List", "Models.Withdraw", "Models.Put",
}

// asking are methods that ask ahead for what others, which are covered, read.
var asking = []string{"Decisions.Ahead", "Equity.Ahead", "Trading.AdjustAhead", "Trading.FillsAhead"}

// Two competitions with the same models, ids, hours and times, which happen at once:
// each is what it is alone, in what its writes come to and in every read.
func TestCompetitionsDoNotMix(t *testing.T) {
	t.Parallel()
	contests := []contest{{entities.FirstCompetition, 1, 0}, {"calm", 3, 5 * time.Hour}}
	open := func() *Store {
		s := openStore(t, newDSN(t))
		_, err := s.Models.Register(t.Context(), []entities.Model{
			{ID: model1, DisplayName: "1", Kind: entities.ModelCompetitor},
			{ID: model2, DisplayName: "2", Kind: entities.ModelCompetitor},
			{ID: model3, DisplayName: "3", Kind: entities.ModelBenchmark},
		})
		require.NoError(t, err)
		return s
	}
	both := open()
	alone := []*Store{open(), open()}
	covered := slices.Concat(unscoped, asking)
	perform := func(s *Store, step scoped, c contest) string {
		result, err := inTx(t.Context(), s.In(c.id), func(ctx context.Context, tx Repositories) (any, error) { return step.call(ctx, tx, c) })
		require.NoError(t, err, "%s of %s", step.method, c.id)
		return withoutBookkeeping(t, result)
	}
	for _, write := range writes() {
		covered = append(covered, write.method)
		for i, c := range contests {
			assert.Equal(t, perform(alone[i], write, c), perform(both, write, c), "%s of %s beside another competition", write.method, c.id)
		}
	}
	for _, read := range reads() {
		covered = append(covered, read.method)
		var answers []string
		for i, c := range contests {
			answers = append(answers, perform(alone[i], read, c))
			assert.Equal(t, answers[i], perform(both, read, c), "%s of %s beside another competition", read.method, c.id)
		}
		if read.method != "Trading.FillOf" { // which is a reduction in both
			assert.NotEqual(t, answers[0], answers[1], "%s tells the competitions apart", read.method)
		}
	}
	for _, table := range []string{
		"accounts", "account_equity_snapshots", "equity_candles", "positions", "position_facts", "trades", "model_stats", "model_analytics",
		"analytics_states", "conversations", "conversation_messages", "decision_cycles", "corrections",
	} {
		var together []string
		for i := range contests {
			rows := rowsOf(t, alone[i], table)
			require.NotEmpty(t, rows, table)
			together = append(together, rows...)
		}
		if table != "corrections" { // whose ids are of one sequence
			assert.ElementsMatch(t, together, rowsOf(t, both, table), table)
		}
	}
	repositories := reflect.TypeFor[Repositories]()
	for field := range repositories.Fields() {
		switch field.Name {
		case "Competitions", "Symbols", "Prices", "Traders", "Markets", "Outbox", "Idempotency", "Rollout", "Locks", "Parity":
			continue // of no account
		}
		for method := range field.Type.Methods() {
			assert.True(t, slices.Contains(covered, field.Name+"."+method.Name), "%s.%s is among writes, reads or unscoped of this test", field.Name, method.Name)
		}
	}
}

// withoutBookkeeping is a result as JSON without the times of its rows.
func withoutBookkeeping(t testing.TB, result any) string {
	t.Helper()
	if pieces, ok := result.([]Piece); ok {
		for i := range pieces {
			pieces[i].Fall = min(pieces[i].Fall, math.MaxFloat64) // JSON has no infinity
		}
	}
	raw, err := json.Marshal(result)
	require.NoError(t, err)
	return regexp.MustCompile(`"(CreatedAt|UpdatedAt|ListedAt)":"[^"]*"`).ReplaceAllString(string(raw), `"$1":""`)
}

// A row of one competition is not stored in another.
func TestRowsOfAnotherCompetitionAreRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, err := insertTrades(t.Context(), s.In("calm"), newTrade(model1, "t", func(t *entities.Trade) { t.CompetitionID = "wild" }))
	require.ErrorContains(t, err, `a row of trades is of competition "wild", and was handed to the repositories of "calm"`)
	_, err = insertTrades(t.Context(), s.In("calm"), newTrade(model1, "t", func(t *entities.Trade) { t.CompetitionID = "calm" }))
	require.NoError(t, err)
	require.Equal(t, "calm", scalar[string](t, s, "SELECT string_agg(competition_id, ' ') FROM trades"))
}
