package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
)

// A story is what happens to the positions of one model, in the order of time.
type story struct {
	events []storyEvent
	open   map[string]float64 // the quantities that are open at its end, by symbol
}

// storyEvent is one fact as somebody writes it.
type storyEvent struct {
	what      string
	opening   *Opening
	fill      *Fill
	statement *stated
}

func (s story) String() string {
	var parts []string
	for _, e := range s.events {
		parts = append(parts, e.what)
	}
	return strings.Join(parts, ", ")
}

// storyteller makes stories up, each fact a second after the one before.
type storyteller struct {
	random  *rand.Rand
	unnamed bool // no order ids
	now     time.Duration
	oid     int64
	open    map[string]*entities.Position
	story   story
}

// tell makes up a story of a number of events.
func tell(seed uint64, events int, unnamed bool) story {
	s := &storyteller{random: rand.New(rand.NewPCG(seed, 7)), unnamed: unnamed, open: map[string]*entities.Position{}}
	for len(s.story.events) < events {
		s.next(events - len(s.story.events))
	}
	s.story.open = map[string]float64{}
	for symbol, p := range s.open {
		s.story.open[symbol] = p.Quantity
	}
	return s.story
}

func (s *storyteller) addf(e storyEvent, format string, args ...any) {
	e.what = fmt.Sprintf(format, args...)
	s.story.events = append(s.story.events, e)
}

// next tells one more event, or the two of a reversal.
func (s *storyteller) next(atMost int) {
	s.now += time.Second
	if s.unnamed {
		s.now += 2 * time.Minute
	}
	symbol := []string{"BTC", "ETH"}[s.random.IntN(4)/3]
	p := s.open[symbol]
	if p == nil {
		s.enter(symbol, 1-2*float64(s.random.IntN(2)))
		return
	}
	switch kind := s.random.IntN(8); {
	case kind == 0:
		next := *p
		next.Quantity *= 1.6
		next.CurrentPrice = new(100 + float64(s.now/time.Second))
		s.open[symbol] = &next
		s.addf(storyEvent{opening: &Opening{Position: next, ObservedAt: new(begin.Add(s.now))}}, "add to %v", next.Quantity)
	case kind == 1:
		var open []entities.Position
		for _, symbol := range slices.Sorted(maps.Keys(s.open)) {
			open = append(open, *s.open[symbol])
		}
		s.addf(storyEvent{statement: &stated{at: s.now, open: open}}, "state %d", len(open))
	case kind == 2:
		again := s.story.events[s.random.IntN(len(s.story.events))]
		s.addf(again, "again %s", again.what)
	case kind < 5:
		left := *p
		left.Quantity = 0.7 * p.Quantity
		f := s.exit(p, p.Quantity-left.Quantity)
		if s.random.IntN(2) == 0 {
			f.Remaining, f.Left, f.PositionID = RemainingLeft, &left, p.ID
		}
		s.open[symbol] = &left
		s.addf(storyEvent{fill: f}, "reduce to %v", left.Quantity)
		if f.Remaining == RemainingReduce && atMost > 1 && s.random.IntN(2) == 0 {
			again := *f
			again.Remaining, again.Left, again.PositionID = RemainingLeft, &left, p.ID
			s.addf(storyEvent{fill: &again}, "again, which leaves %v", left.Quantity)
		}
	case kind == 5 && atMost > 1 && !s.unnamed:
		s.leave(symbol)
		s.enter(symbol, -p.Quantity)
	default:
		s.leave(symbol)
	}
}

func (s *storyteller) enter(symbol string, quantity float64) {
	s.oid++
	entered := begin.Add(s.now)
	p := newPosition(symbol, s.oid, func(p *entities.Position) {
		p.ModelID, p.Quantity, p.EntryTime, p.Status, p.StatedAt = model1, 7*quantity, &entered, entities.PositionOpen, begin
		if s.unnamed {
			p.EntryOid, p.ID = nil, fmt.Sprintf("%s/%s/t%d", provider, symbol, entered.UnixMicro())
		}
	})
	s.open[symbol] = &p
	s.addf(storyEvent{opening: &Opening{Position: p, Window: time.Minute}}, "open %s %v", symbol, p.Quantity)
}

func (s *storyteller) leave(symbol string) {
	p := s.open[symbol]
	f := s.exit(p, p.Quantity)
	if s.random.IntN(2) == 0 {
		f.Remaining = RemainingNone
	}
	delete(s.open, symbol)
	s.addf(storyEvent{fill: f}, "close %s", symbol)
}

func (s *storyteller) exit(p *entities.Position, quantity float64) *Fill {
	id := fmt.Sprintf("%s_%d", model1, len(s.story.events))
	f := &Fill{PositionID: p.ID, Trade: newTrade(model1, id, func(t *entities.Trade) {
		t.Symbol, t.Quantity, t.EntryOid = p.Symbol, quantity, p.EntryOid
		t.EntryTime, t.ExitTime = *p.EntryTime, begin.Add(s.now)
	})}
	if s.unnamed {
		// The clocks of who opens and who fills differ.
		f.Unnamed, f.Window = true, time.Minute
		f.Trade.EntryTime = p.EntryTime.Add(time.Duration(s.random.IntN(3)-1) * 20 * time.Second)
		f.PositionID = fmt.Sprintf("%s/%s/t%d", provider, p.Symbol, f.Trade.EntryTime.UnixMicro())
	}
	return f
}

// take hands an event to a book, as Trading does.
func (e storyEvent) take(t testing.TB, b *book, trades map[string]bool) {
	t.Helper()
	switch {
	case e.opening != nil:
		a := b.adjust(*e.opening)
		require.NotEqual(t, Conflict, a.Outcome, "%s", e.what+": "+a.Reason)
	case e.fill != nil:
		if trades[e.fill.Trade.ID] {
			a := b.fillAgain(e.fill)
			require.Equal(t, Unchanged, a.Outcome, "%s", e.what+": "+a.Reason)
			return
		}
		trades[e.fill.Trade.ID] = true
		a := b.fill(e.fill)
		require.Equal(t, Inserted, a.Outcome, "%s", e.what+": "+a.Reason)
	default:
		account := b.statements[model1]
		asOf := begin.Add(e.statement.at)
		if account.StatementAt == nil || !asOf.Before(*account.StatementAt) {
			account.StatementAt = &asOf
		}
		open := slices.Clone(e.statement.open)
		for i := range open {
			open[i].StatedAt = asOf
		}
		_, _, err := b.state(account, open, asOf)
		require.NoError(t, err)
	}
}

// told returns the rows that a story comes to in an order.
func (s story) told(t testing.TB, order []int) string {
	t.Helper()
	b, trades := newBook(), map[string]bool{}
	b.statements[model1] = &entities.Account{ModelID: model1, Provider: provider}
	for _, i := range order {
		s.events[i].take(t, b, trades)
	}
	for key, facts := range b.facts {
		whole, kept := fold(slices.Collect(maps.Values(facts))), b.fold(key)
		require.Equal(t, whole.row, kept.row, "%v in the order %v: what is kept of a fold is what the facts come to", s, order)
		require.Equal(t, whole.openAt, kept.openAt)
	}
	var rows []string
	for _, p := range b.positions {
		raw, err := json.Marshal(p) //nolint:musttag // compared with others alone
		require.NoError(t, err)
		rows = append(rows, string(raw))
	}
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}

// requireTruth holds the rows of a book to the story's own end.
func (s story) requireTruth(t testing.TB, rows string) {
	t.Helper()
	open := map[string]float64{}
	for row := range strings.Lines(rows) {
		var p entities.Position
		require.NoError(t, json.Unmarshal([]byte(row), &p)) //nolint:musttag // as it was rendered
		if p.Status == entities.PositionOpen {
			open[p.Symbol] = p.Quantity
		}
	}
	require.Len(t, open, len(s.open), "%v: %v", s, open)
	for symbol, quantity := range s.open {
		require.InDelta(t, quantity, open[symbol], 1e-9, "%v: %v", s, open)
	}
}

// TestStoriesInAnyOrder tells generated stories in every order, long ones in
// some: each ends in the rows of the order of time, and no fact is refused.
func TestStoriesInAnyOrder(t *testing.T) {
	t.Parallel()
	stories := uint64(10)
	if os.Getenv("NOF0_TEST_LONG") != "" {
		stories = 100
	}
	for _, unnamed := range []bool{false, true} {
		for seed := range stories {
			t.Run(fmt.Sprint("unnamed ", unnamed, " seed ", seed), func(t *testing.T) {
				t.Parallel()
				length := 5
				if seed == 0 {
					length = 6
				}
				if stories > 10 && seed < 10 {
					length = 7
				}
				s := tell(seed, length, unnamed)
				want := s.told(t, seq(len(s.events)))
				s.requireTruth(t, want)
				for _, order := range permutations(len(s.events)) {
					require.Equal(t, want, s.told(t, order), "%v in the order %v", s, order)
				}
				s = tell(seed+1000, 16, unnamed)
				want = s.told(t, seq(len(s.events)))
				s.requireTruth(t, want)
				random := rand.New(rand.NewPCG(seed, 9))
				for range 40 {
					order := random.Perm(len(s.events))
					require.Equal(t, want, s.told(t, order), "%v in the order %v", s, order)
				}
			})
		}
	}
}

// seq lists the numbers below n.
func seq(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// store hands an event to the database, in a transaction of its own.
func (e storyEvent) store(t testing.TB, s *Store) {
	t.Helper()
	ctx := t.Context()
	applied, err := inTx(ctx, s, func(ctx context.Context, tx Repositories) (applied []Applied, err error) {
		if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
			return nil, err
		}
		switch {
		case e.opening != nil:
			return tx.Trading.Adjust(ctx, []Opening{*e.opening})
		case e.fill != nil:
			return tx.Trading.Fills(ctx, []Fill{*e.fill})
		}
		_, _, err = tx.Positions.State(ctx, model1, slices.Clone(e.statement.open), nil, begin.Add(e.statement.at))
		return nil, err
	})
	require.NoError(t, err, e.what)
	for _, a := range applied {
		require.NotEqual(t, Conflict, a.Outcome, "%s", e.what+": "+a.Reason)
	}
}

// TestStoriesInAnyOrderInPostgres tells stories to the database in some of
// their orders, with the facts as other transactions stored them.
func TestStoriesInAnyOrderInPostgres(t *testing.T) {
	t.Parallel()
	for _, unnamed := range []bool{false, true} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint("unnamed ", unnamed, " seed ", seed), func(t *testing.T) {
				t.Parallel()
				s := newStore(t)
				told := tell(seed+2000, 9, unnamed)
				inMemory := told.told(t, seq(9))
				random := rand.New(rand.NewPCG(seed, 3))
				orders := [][]int{seq(9)}
				for range 4 {
					orders = append(orders, random.Perm(9))
				}
				var want []string
				for _, order := range orders {
					execute(t, s, "TRUNCATE positions, position_facts, trades, model_stats")
					execute(t, s, "UPDATE accounts SET positions_as_of = NULL, statement_at = NULL")
					for _, i := range order {
						told.events[i].store(t, s)
					}
					rows := rowsOf(t, s, "positions")
					if want == nil {
						want = rows
					}
					require.Equal(t, want, rows, "%v in the order %v", told, order)
					require.Zero(t, scalar[int](t, s, "SELECT count(*) FROM position_facts WHERE kind = 'found'"), "every row is what its facts come to")
				}
				var stored []entities.Position
				require.NoError(t, s.db.Find(&stored).Error)
				var rows []string
				for _, p := range stored {
					p.Timestamps = entities.Timestamps{}
					raw, err := json.Marshal(p) //nolint:musttag // compared with others alone
					require.NoError(t, err)
					rows = append(rows, string(raw))
				}
				slices.Sort(rows)
				require.JSONEq(t, "["+strings.ReplaceAll(inMemory, "\n", ",")+"]", "["+strings.Join(rows, ",")+"]")
				told.requireRefilled(t, s)
			})
		}
	}
}

// requireRefilled takes back what each fill of a stored story did to positions,
// which are then as if it had not come, and does it again: they are as before.
func (s story) requireRefilled(t testing.TB, stored *Store) {
	t.Helper()
	before := rowsOf(t, stored, "positions")
	inAccount := func(do func(ctx context.Context, tx Repositories) error) {
		require.NoError(t, stored.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
			if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
				return err
			}
			return do(ctx, tx)
		}))
	}
	says := make(map[string]*Fill) // how each trade was sent, with what remains where it once came so
	for _, e := range s.events {
		if e.fill != nil && (says[e.fill.Trade.ID] == nil || e.fill.saysRemaining()) {
			says[e.fill.Trade.ID] = e.fill
		}
	}
	for id, fill := range says {
		inAccount(func(ctx context.Context, tx Repositories) error {
			_, err := tx.Trading.Unfill(ctx, []entities.Trade{fill.Trade})
			return err
		})
		require.Zero(t, scalar[int](t, stored, "SELECT count(*) FROM position_facts WHERE kind = 'fill' AND ref = $1", id))
		inAccount(func(ctx context.Context, tx Repositories) error {
			_, err := tx.Trading.Refill(ctx, []Fill{*fill})
			return err
		})
		require.Equal(t, before, rowsOf(t, stored, "positions"), "%v without and with %s", s, id)
	}
}

// TestAFactThatCannotBeReadIsAnError holds that a fact that was changed by hand
// fails the writes of its position, and names itself.
func TestAFactThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	told := tell(1, 5, false)
	told.events[0].store(t, s)
	execute(t, s, `UPDATE position_facts SET state = '{"Quantity": "much"}'`)
	_, err := inTx(t.Context(), s, func(ctx context.Context, tx Repositories) ([]Applied, error) {
		if _, err := tx.Accounts.Lock(ctx, []string{model1}); err != nil {
			return nil, err
		}
		return tx.Trading.Adjust(ctx, []Opening{*told.events[0].opening})
	})
	require.ErrorContains(t, err, "position_facts: the state of opening")
}
