package arena_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/repository"
)

// fillOf makes a write of one fill.
func fillOf(model, id string, pnl int) arena.Batch {
	return batch(arena.IngestTrades, fillItem(model, id, pnl))
}

func fillItem(model, id string, pnl int) string {
	return fmt.Sprintf(`{"id":%q,"model_id":%q,"symbol":"SOL","side":"long","quantity":1,"entry_oid":99,"entry_time":1,"exit_time":2,`+
		`"entry_price":1,"exit_price":2,"realized_net_pnl":%d}`, id, model, pnl)
}

// gathered hands in writes that all arrive while another one is in its transaction, and
// returns what became of them in their order. Meanwhile, where given, runs before the
// transaction ends.
func (b *intakeBundle) gathered(t *testing.T, writes []arena.Batch, meanwhile func()) (replies []*arena.Reply, errs []error) {
	t.Helper()
	within, end := make(chan struct{}), make(chan struct{})
	first := fillOf("m", "first-"+t.Name(), 1)
	first.Key = &arena.RequestKey{TokenID: "t", Key: "first-" + t.Name(), Digest: "d"}
	var once sync.Once
	first.Respond = func(*arena.Reply) (arena.Response, error) {
		once.Do(func() { close(within) })
		<-end
		return arena.Response{Status: 200, Body: []byte("{}")}, nil
	}
	var all sync.WaitGroup
	defer all.Wait()
	release := sync.OnceFunc(func() { close(end) })
	defer release()
	all.Go(func() {
		_, err := b.intake.Ingest(t.Context(), first)
		assert.NoError(t, err)
	})
	<-within
	replies, errs = make([]*arena.Reply, len(writes)), make([]error, len(writes))
	for i, w := range writes {
		all.Go(func() {
			defer func() {
				if why := recover(); why != nil {
					errs[i] = fmt.Errorf("panic: %v", why)
				}
			}()
			replies[i], errs[i] = b.intake.Ingest(t.Context(), w)
		})
		await.True(t, func() bool { return b.intake.Gathered(arena.IngestTrades) == i+1 })
	}
	if meanwhile != nil {
		meanwhile()
	}
	release()
	all.Wait()
	return replies, errs
}

// keyed gives a write a key.
func keyed(w arena.Batch, key, digest string) arena.Batch {
	w.Key, w.Respond = &arena.RequestKey{TokenID: "t", Key: key, Digest: digest}, respond
	return w
}

func TestWritesShareATransaction(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestModels, `{"id":"n"}`)
	b.send(t, arena.IngestTrades, fillItem("m", "stored", 1))
	writes := []arena.Batch{
		fillOf("m", "a", 1),
		fillOf("n", "a", 1),
		fillOf("m", "stored", 1),
		fillOf("m", "stored", 2),
		fillOf("nobody", "a", 1),
		fillOf("n", "twice", 1),
		fillOf("n", "twice", 1),
		fillOf("m", "differs", 1),
		fillOf("m", "differs", 2),
		keyed(fillOf("n", "keyed", 1), "k", "d"),
		keyed(fillOf("n", "keyed", 1), "k", "d"),
		keyed(fillOf("n", "keyed", 1), "k", "other"),
		keyed(fillOf("m", "stored", 3), "k2", "d"),
		batch(arena.IngestTrades, fillItem("m", "b", 1), fillItem("m", "stored", 4), fillItem("n", "b", 1)),
	}
	replies, errs := b.gathered(t, writes, nil)
	want := [][]string{
		{"inserted"},
		{"inserted"},
		{"unchanged"},
		{"rejected"},
		{"rejected"},
		{"inserted"},
		{"unchanged"},
		{"inserted"},
		{"rejected"},
		{"inserted"},
		nil, nil,
		{"rejected"},
		{"inserted", "rejected", "inserted"},
	}
	for i, reply := range replies {
		if i == 11 {
			require.ErrorIs(t, errs[i], arena.ErrKeyReused)
			continue
		}
		require.NoError(t, errs[i], "%d", i)
		var outcomes []string
		for _, r := range reply.Results {
			outcomes = append(outcomes, r.Outcome)
		}
		require.Equal(t, want[i], outcomes, "%d", i)
	}
	require.Equal(t, arena.RejectedConflict, replies[3].Rejection)
	require.Equal(t, arena.RejectedUnknown, replies[4].Rejection)
	require.Empty(t, replies[13].Rejection, "that of a list is its items'")
	require.Equal(t, replies[9].Response, replies[10].Response, "the same key gets the same response")
	require.Equal(t, arena.RejectedConflict, replies[12].Rejection)

	again, err := b.intake.Ingest(t.Context(), writes[12])
	require.NoError(t, err)
	require.Equal(t, replies[12].Response, again.Response, "also that of a rejection")

	require.Equal(t, 7, b.count(t, "SELECT count(*) FROM trades WHERE id IN ('a', 'b', 'twice', 'differs', 'keyed')"))
	require.Equal(t, 1, b.count(t, "SELECT count(DISTINCT xmin::text) FROM trades WHERE id IN ('a', 'b', 'twice', 'differs', 'keyed')"), "one transaction")
	require.Equal(t, b.count(t, "SELECT count(*) FROM trades"), b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"), "one event each")
	require.Equal(t, b.count(t, "SELECT count(*) FROM trades"), b.count(t, "SELECT sum(num_trades)::bigint FROM model_stats"))
}

// A write that cannot be stored at all takes nothing from those that it would have shared
// the transaction with.
func TestAWriteThatFailsIsAloneWithIt(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]func(*arena.Reply) (arena.Response, error){
		"error": func(*arena.Reply) (arena.Response, error) { return arena.Response{}, errors.New("no response") },
		"refused by the database": func(*arena.Reply) (arena.Response, error) {
			return arena.Response{Status: 200}, nil // without a body
		},
		"panic": func(*arena.Reply) (arena.Response, error) { panic("no response") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupIntake(t)
			b.send(t, arena.IngestModels, `{"id":"n"}`)
			failing := keyed(fillOf("n", "failing", 1), "failing", "d")
			failing.Respond = respond
			replies, errs := b.gathered(t, []arena.Batch{fillOf("m", "a", 1), failing, fillOf("n", "b", 1), keyed(fillOf("m", "c", 1), "k", "d")}, nil)
			require.Error(t, errs[1])
			for _, i := range []int{0, 2, 3} {
				require.NoError(t, errs[i])
				require.Equal(t, "inserted", replies[i].Results[0].Outcome)
			}
			require.Equal(t, 3, b.count(t, "SELECT count(*) FROM trades WHERE id IN ('a', 'b', 'c', 'failing')"))
			require.Equal(t, 3, b.count(t, "SELECT count(*) FROM outbox_events WHERE payload->>'id' IN ('a', 'b', 'c', 'failing')"))
			require.Equal(t, 1, b.count(t, "SELECT count(*) FROM idempotency_keys WHERE key IN ('k', 'failing')"))
		})
	}
}

// A model that somebody else holds keeps its own writes waiting, and no others.
func TestAWriteThatWaitsForALockIsAloneWithIt(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	b.send(t, arena.IngestModels, `{"id":"n"}`)
	holds, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	end := sync.OnceFunc(func() { close(release) })
	defer end()
	all.Go(func() {
		assert.NoError(t, b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
			err := errors.Join(tx.Locks.Hold(ctx, []repository.Lock{repository.LockModel("m")}), tx.Flush(ctx))
			close(holds)
			<-release
			return err
		}))
	})
	<-holds
	stored := make(chan string, 100)
	send := func(model, id string) {
		all.Go(func() {
			reply, err := b.intake.Ingest(t.Context(), fillOf(model, id, 1))
			if assert.NoError(t, err) {
				stored <- model + reply.Results[0].Outcome
			}
		})
	}
	for i := range 10 {
		send("m", fmt.Sprint(i))
		send("n", fmt.Sprint(i))
	}
	for range 10 {
		require.Equal(t, "ninserted", <-stored, "m is held")
	}
	end()
	for range 10 {
		require.Equal(t, "minserted", <-stored)
	}
	all.Wait()
	require.Zero(t, b.intake.Gathered(arena.IngestTrades))
}

// Whoever gives up before its turn has changed nothing, and the others go on.
func TestAWriteThatGivesUpBeforeItsTurn(t *testing.T) {
	t.Parallel()
	b := setupIntake(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	replies, errs := b.gathered(t, []arena.Batch{fillOf("m", "a", 1), fillOf("m", "b", 1)}, func() {
		go func() {
			_, err := b.intake.Ingest(ctx, fillOf("m", "gone", 1))
			gone <- err
		}()
		await.True(t, func() bool { return b.intake.Gathered(arena.IngestTrades) == 3 })
		cancel()
		assert.ErrorIs(t, <-gone, arena.ErrBusy)
	})
	for i := range errs {
		require.NoError(t, errs[i])
		require.Equal(t, "inserted", replies[i].Results[0].Outcome)
	}
	require.Zero(t, b.count(t, "SELECT count(*) FROM trades WHERE id = 'gone'"))
}
