package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/testdb"
)

// begin is when the season of the tests starts.
var begin = time.Date(2025, time.October, 18, 22, 30, 0, 123456000, time.UTC)

const (
	provider = "hyperliquid"
	model1   = "deepseek-chat-v3.1"
	model2   = "qwen3-max"
)

// simpleProtocol is the DSN parameter for a transaction pooler.
const simpleProtocol = "default_query_exec_mode=simple_protocol"

// newDSN returns the URL of a fresh database, with parameters added.
func newDSN(t testing.TB, parameters ...string) string {
	t.Helper()
	return withParameters(t, testdb.New(t, atlastest.Migrator{}), parameters...)
}

func withParameters(t testing.TB, dsn string, parameters ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	query := u.Query()
	for _, p := range parameters {
		added, err := url.ParseQuery(p)
		require.NoError(t, err)
		for name := range added {
			query.Set(name, added.Get(name))
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// openStore opens a store that is closed after the test.
func openStore(t testing.TB, dsn string, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{DSN: dsn, MaxOpen: 8, MaxIdle: 8, ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	requireScope(t, s)
	return s
}

// newStore is a store on a fresh database that knows two models.
func newStore(t testing.TB, parameters ...string) *Store {
	t.Helper()
	s := openStore(t, newDSN(t, parameters...))
	registerModels(t, s, model1, model2)
	return s
}

func registerModels(t testing.TB, s *Store, ids ...string) {
	t.Helper()
	var (
		models   []entities.Model
		accounts []entities.Account
	)
	for _, id := range ids {
		models = append(models, entities.Model{ID: id, DisplayName: id, Kind: entities.ModelCompetitor})
		accounts = append(accounts, entities.Account{ModelID: id, Provider: provider})
	}
	_, err := s.Models.Register(t.Context(), models)
	require.NoError(t, err)
	_, err = s.Accounts.Register(t.Context(), accounts)
	require.NoError(t, err)
}

// eachProtocol runs a test with server-side prepared statements and with the
// simple protocol.
func eachProtocol(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	for name, parameters := range map[string][]string{
		"prepared statements": nil,
		"simple protocol":     {simpleProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t, parameters...))
		})
	}
}

// rowsOf returns every row of a table as JSON text, without bookkeeping, in
// order of its text.
func rowsOf(t testing.TB, s *Store, table string) []string {
	t.Helper()
	var rows []string
	require.NoError(t, s.db.WithContext(t.Context()).Raw(
		fmt.Sprintf(`SELECT row FROM (SELECT (to_jsonb(t) - 'created_at' - 'updated_at')::text AS row FROM %s t) r ORDER BY row COLLATE "C"`, table),
	).Scan(&rows).Error)
	return rows
}

// scalar reads one value.
func scalar[T any](t testing.TB, s *Store, query string, args ...any) (value T) {
	t.Helper()
	require.NoError(t, s.pool.QueryRowContext(t.Context(), query, args...).Scan(&value))
	return value
}

func execute(t testing.TB, s *Store, query string, args ...any) {
	t.Helper()
	_, err := s.pool.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// timestampsOf reads the bookkeeping columns of the one row of a table.
func timestampsOf(t testing.TB, s *Store, table string) (created, updated time.Time) {
	t.Helper()
	require.NoError(t, s.pool.QueryRowContext(t.Context(),
		"SELECT created_at, updated_at FROM "+table).Scan(&created, &updated))
	return created, updated
}

// atOnce runs n functions that start together and returns their errors.
func atOnce(n int, work func(i int) error) []error {
	var (
		start = make(chan struct{})
		group sync.WaitGroup
		errs  = make([]error, n)
	)
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = work(i)
		})
	}
	close(start)
	group.Wait()
	return errs
}

// permutations lists every order of n things.
func permutations(n int) (orders [][]int) {
	var extend func(order []int)
	extend = func(order []int) {
		if len(order) == n {
			orders = append(orders, slices.Clone(order))
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				extend(append(order, i))
			}
		}
	}
	extend(nil)
	return orders
}

func all(outcome Outcome, n int) []Outcome { return slices.Repeat([]Outcome{outcome}, n) }

func doc(v any) entities.JSON {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// newTrade is a trade with a value in every column.
func newTrade(model, id string, change ...func(*entities.Trade)) entities.Trade {
	trade := entities.Trade{
		ModelID: model, ID: id, Provider: provider, Symbol: "BTC", Side: "long",
		TradeType: new("long"), TradeID: new(id + ".0"), Quantity: 1.25, Leverage: new(20.0), Confidence: new(0.88),
		EntryTime: begin, EntryHumanTime: new("2025-10-18 22:30:00.123456"), EntryPrice: 107982.5, EntrySz: new(1.25),
		EntryOid: new(int64(206132736980)), EntryTid: new(int64(1_120_000_000_000_000)), EntryCrossed: new(true),
		EntryLiquidation: entities.JSON("null"), EntryCommissionDollars: new(15.479999999999999), EntryClosedPnl: new(0.0),
		ExitTime: begin.Add(90 * time.Minute), ExitHumanTime: new("2025-10-19 00:00:00.123456"), ExitPrice: 108100, ExitSz: new(1.25),
		ExitOid: new(int64(206132736981)), ExitTid: new(int64(2)), ExitCrossed: new(false),
		ExitLiquidation: nil, ExitCommissionDollars: new(15.5), ExitClosedPnl: new(146.875),
		ExitPlan:         entities.JSON(`{"stop_loss": 51.0, "profit_target": 0.1}`),
		RealizedGrossPnl: new(146.875), RealizedNetPnl: 115.9, TotalCommissionDollars: new(30.975),
		Extra: entities.JSON(`{"note": "ünïcödé"}`),
	}
	for _, c := range change {
		c(&trade)
	}
	return trade
}

func newSnapshot(model string, at time.Time, change ...func(*entities.AccountEquitySnapshot)) entities.AccountEquitySnapshot {
	row := entities.AccountEquitySnapshot{
		ModelID: model, ObservedAt: at,
		SinceInceptionHourlyMarker: int64(at.Sub(begin) / time.Hour), SinceInceptionMinuteMarker: new(int64(at.Sub(begin) / time.Minute)),
		DollarEquity: 10000.1, RealizedPnl: new(0.0), TotalUnrealizedPnl: new(-3.5), CumPnlPct: new(0.1), SharpeRatio: new(-0.2),
		RunID: new("17"), Positions: entities.JSON(`{"BTC": {"quantity": -1.5}}`),
	}
	for _, c := range change {
		c(&row)
	}
	return row
}

func newDecision(model, id string, at time.Time, change ...func(*entities.DecisionCycle)) entities.DecisionCycle {
	row := entities.DecisionCycle{
		ModelID: model, ID: id, ExecutedAt: at, InsertedAt: new(at.Add(time.Second)), CycleID: new(int64(7)), RunID: new("17"),
		Skill: new("default"), UserPrompt: new("What now?"), CotTrace: entities.JSON(`"thinking"`), CotTraceSummary: new("hold"),
		Decisions: entities.JSON(`{"BTC": {"signal": "hold"}}`), Success: true,
	}
	for _, c := range change {
		c(&row)
	}
	return row
}

func newTick(symbol string, at time.Time, price float64) entities.PriceTick {
	return entities.PriceTick{Provider: provider, Symbol: symbol, ObservedAt: at, Price: price}
}

func newPosition(symbol string, oid int64, change ...func(*entities.Position)) entities.Position {
	p := entities.Position{
		ID: fmt.Sprintf("%s/%s/%d", provider, symbol, oid), Provider: provider, Symbol: symbol,
		EntryOid: &oid, EntryTime: new(begin), EntryPrice: 100, Quantity: -2.5, Leverage: new(10.0), Margin: new(25.0),
		LiquidationPrice: new(130.0), CurrentPrice: new(99.0), UnrealizedPnl: new(2.5), ClosedPnl: new(0.0), Commission: new(0.1),
		Slippage: new(0.0), RiskUsd: new(5.0), Confidence: new(0.7), ExitPlan: entities.JSON(`{}`), IndexCol: entities.JSON("null"),
		WaitForFill: new(false), Oid: &oid, TpOid: new(oid + 1), SlOid: new(oid + 2),
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

// inTx runs a write as its callers do.
func inTx[T any](ctx context.Context, s *Store, write func(ctx context.Context, tx Repositories) (T, error)) (result T, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx Repositories) error {
		result, err = write(ctx, tx)
		return err
	})
	return result, err
}

func insertTrades(ctx context.Context, s *Store, trades ...entities.Trade) ([]Outcome, error) {
	return inTx(ctx, s, func(ctx context.Context, tx Repositories) ([]Outcome, error) { return tx.Trades.Insert(ctx, trades) })
}

// recorder keeps the statements that a store runs, with their arguments.
type recorder struct {
	mu         sync.Mutex
	statements []recorded
}

type recorded struct {
	sql  string
	args []any
}

// record hooks a recorder into every statement that a store runs.
func record(t testing.TB, s *Store) *recorder {
	t.Helper()
	r := &recorder{}
	hook := func(db *gorm.DB) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if x, ok := db.Statement.Context.Value(exchangeKey{}).(*exchange); ok {
			for _, q := range x.asked {
				r.statements = append(r.statements, recorded{sql: q.query, args: q.args})
			}
			return
		}
		r.statements = append(r.statements, recorded{sql: db.Statement.SQL.String(), args: slices.Clone(db.Statement.Vars)})
	}
	callbacks := s.db.Callback()
	require.NoError(t, callbacks.Query().After("*").Register("record", hook))
	require.NoError(t, callbacks.Row().After("*").Register("record", hook))
	require.NoError(t, callbacks.Raw().After("*").Register("record", hook))
	require.NoError(t, callbacks.Create().After("*").Register("record", hook))
	require.NoError(t, callbacks.Update().After("*").Register("record", hook))
	return r
}

// take returns what was recorded since the last time.
func (r *recorder) take() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.statements
	r.statements = nil
	return taken
}
