package relay

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/repository"
)

func at(sequence int64) arena.Position { return arena.Position{Sequence: sequence} }

// tell relays n events at once.
func (b *bundle) tell(t testing.TB, n int) {
	t.Helper()
	events := make([]entities.OutboxEvent, n)
	for i := range events {
		events[i] = event("ant", arena.EventSymbol, i)
	}
	b.write(t, "ant", func(context.Context, repository.Repositories) ([]entities.OutboxEvent, error) { return events, nil })
	require.NoError(t, b.store.InTx(b.ctx, func(ctx context.Context, tx repository.Repositories) error {
		claimed, err := tx.Outbox.Claim(ctx, []string{"ant"}, n)
		if err != nil {
			return err
		}
		return tx.Outbox.MarkRelayed(ctx, claimed, time.Now())
	}))
}

// newHub runs a hub with small buffers.
func (b *bundle) newHub(t testing.TB, patience time.Duration) *Hub {
	t.Helper()
	h := NewHub(HubOptions{Outbox: b.store.Outbox, Interval: time.Millisecond, Buffer: 4, Page: 8, Patience: patience})
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { h.Run(ctx) })
	t.Cleanup(func() {
		h.Close()
		cancel()
		group.Wait()
	})
	return h
}

func TestResumeAtEveryPoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := b.newHub(t, time.Minute)
	const n = 30
	b.tell(t, n)
	var readers []*reader
	for after := range int64(n) {
		readers = append(readers, read(t, h, after))
	}
	atEnd, fromNow := read(t, h, n), read(t, h, -1)
	// They go on while the others catch up, and by more at once than a buffer or
	// a page has room for.
	for _, some := range []int{1, 3, 21} {
		b.tell(t, some)
	}
	for after, r := range readers {
		r.requireSequence(t, int64(after)+1, n+25)
	}
	atEnd.requireSequence(t, n+1, n+25)
	fromNow.requireSequence(t, n+1, n+25)
	require.Equal(t, arena.EventSymbol, fromNow.all()[0].Type)
	require.Equal(t, "0", string(fromNow.all()[0].Data))
	require.False(t, fromNow.all()[0].At.IsZero())
}

// Subscribers come and go while events flow.
func TestSubscribersComeAndGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := b.newHub(t, time.Minute)
	var group sync.WaitGroup
	const n = 60
	group.Go(func() {
		for range n {
			b.tell(t, 1)
			h.Wake()
		}
	})
	for range 4 {
		group.Go(func() {
			after := int64(0)
			for after < n {
				sub, err := h.Subscribe(b.ctx, at(after))
				if err != nil {
					t.Error(err)
					return
				}
				for e := range sub.Events() {
					if e.Sequence != after+1 {
						t.Errorf("%d follows %d", e.Sequence, after)
					}
					if after = e.Sequence; after%7 == 0 || after == n {
						break
					}
				}
				sub.Close()
				for range sub.Events() { // until it is closed
				}
				if err := sub.Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Empty(t, h.live)
	require.Empty(t, h.all)
}

func TestASlowConsumerIsEndedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := b.newHub(t, 100*time.Millisecond)
	slow, err := h.Subscribe(b.ctx, at(0))
	require.NoError(t, err)
	resuming, err := h.Subscribe(b.ctx, at(0))
	require.NoError(t, err)
	fast := read(t, h, 0)
	b.tell(t, 50)
	fast.requireSequence(t, 1, 50)
	for _, sub := range []arena.Subscription{slow, resuming} {
		await.True(t, func() bool { return sub.Err() != nil })
		require.ErrorIs(t, sub.Err(), arena.ErrSlowConsumer)
		_, open := <-sub.Events()
		require.False(t, open)
	}
	b.tell(t, 10)
	fast.requireSequence(t, 1, 60)
	require.NoError(t, fast.sub.Err())
}

func TestSubscriptionsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := b.newHub(t, time.Minute)
	ctx, cancel := context.WithCancel(b.ctx)
	leaving, err := h.Subscribe(ctx, at(0))
	require.NoError(t, err)
	staying := read(t, h, -1)
	b.tell(t, 30)
	stuck, err := h.Subscribe(b.ctx, at(0))
	require.NoError(t, err)
	cancel()
	await.True(t, func() bool {
		select {
		case _, open := <-leaving.Events():
			return !open
		default:
			return false
		}
	})
	require.ErrorIs(t, leaving.Err(), context.Canceled)
	staying.requireSequence(t, 1, 30)
	h.Close()
	<-staying.done
	require.ErrorIs(t, staying.sub.Err(), arena.ErrClosing)
	require.ErrorIs(t, stuck.Err(), arena.ErrClosing)
	_, err = h.Subscribe(b.ctx, at(0))
	require.ErrorIs(t, err, arena.ErrClosing)
}

// Events that are removed while nobody polls leave a gap, which is told.
func TestAGapEndsTheSubscription(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := NewHub(HubOptions{Outbox: b.store.Outbox, Page: 4})
	b.tell(t, 3)
	live, err := h.Subscribe(b.ctx, at(-1))
	require.NoError(t, err)
	behind, err := h.Subscribe(b.ctx, at(0))
	require.NoError(t, err)
	require.Equal(t, int64(1), (<-behind.Events()).Sequence)
	b.tell(t, 10)
	_, err = Prune(b.ctx, b.store, time.Now().Add(Keep+time.Minute))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(b.ctx)
	var group sync.WaitGroup
	group.Go(func() { h.Run(ctx) })
	defer group.Wait()
	defer cancel()
	_, open := <-live.Events()
	require.False(t, open)
	require.ErrorIs(t, live.Err(), arena.ErrGone)
	last := int64(1)
	for e := range behind.Events() {
		require.Equal(t, last+1, e.Sequence)
		last = e.Sequence
	}
	require.ErrorIs(t, behind.Err(), arena.ErrGone)
	h.Close()
}

func TestSubscribeWithoutPostgres(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := openStore(t, b.dsn)
	h := NewHub(HubOptions{Outbox: s.Outbox})
	ctx, cancel := context.WithDeadline(b.ctx, time.Now())
	defer cancel()
	_, err := h.Subscribe(ctx, at(0))
	require.ErrorIs(t, err, arena.ErrUnavailable)
}

// An id is followed where it is of the events that are here, or can be of no others.
func TestOnlyIDsOfTheOwnHistoryAreFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := NewHub(HubOptions{Outbox: b.store.Outbox})
	defer h.Close()
	h.SetHistory("aaaa")
	b.tell(t, 9)
	follows := func(p arena.Position) bool {
		t.Helper()
		sub, err := h.Subscribe(b.ctx, p)
		if err != nil {
			require.ErrorIs(t, err, arena.ErrGone)
			return false
		}
		sub.Close()
		return true
	}
	for _, c := range []struct {
		id      arena.Position
		follows bool
	}{
		{at(-1), true},
		{at(0), true}, // from the begin
		{arena.Position{Sequence: 5, History: "aaaa"}, true},
		{arena.Position{Sequence: 9, History: "aaaa"}, true},
		{arena.Position{Sequence: 10, History: "aaaa"}, false},
		{arena.Position{Sequence: 5, History: "bbbb"}, false},
		{arena.Position{Sequence: 0, History: "bbbb"}, false},
		{at(5), false}, // nobody here has told it so
		{at(9), false},
	} {
		require.Equal(t, c.follows, follows(c.id), "%v", c.id)
	}

	// As after a deploy over servers that told sequences alone: theirs are followed,
	// those of later events are not.
	db, err := pgx.Connect(b.ctx, b.dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close(context.Background())) }()
	_, err = db.Exec(b.ctx, `
		UPDATE outbox_events SET relayed_at = relayed_at - interval '1 hour' WHERE sequence <= 6;
		UPDATE store_identity SET untagged_until = now() - interval '30 minutes'`)
	require.NoError(t, err)
	require.True(t, follows(at(1)))
	require.True(t, follows(at(6)))
	require.False(t, follows(at(7)))
	require.False(t, follows(at(70)))

	// Another state of the database takes the place of this one.
	live, err := h.Subscribe(b.ctx, at(-1))
	require.NoError(t, err)
	behind, err := h.Subscribe(b.ctx, arena.Position{Sequence: 2, History: "aaaa"})
	require.NoError(t, err)
	require.Equal(t, arena.Position{Sequence: 3, History: "aaaa"}, (<-behind.Events()).Position)
	h.SetHistory("bbbb")
	for _, sub := range []arena.Subscription{live, behind} {
		for range sub.Events() {
		}
		require.ErrorIs(t, sub.Err(), arena.ErrGone)
	}
	require.False(t, follows(arena.Position{Sequence: 5, History: "aaaa"}))
	require.True(t, follows(arena.Position{Sequence: 5, History: "bbbb"}))
}
