package switches_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/cutover/switches"
	"nof0/internal/wire"
	"nof0/repository"
)

func change(d arena.Domain, read arena.ReadMode, write arena.WriteMode) entities.RolloutChange {
	return entities.RolloutChange{Domain: string(d), ReadTo: string(read), WriteTo: string(write)}
}

func modesAre(read arena.ReadMode, write arena.WriteMode) arena.Modes {
	return arena.Modes{Read: read, Write: write}
}

// TestEveryMove holds each pair of modes that a domain can be in to what moving
// between them needs, or to why it is refused.
func TestEveryMove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := arena.DomainTrades
	b.equal(d)
	reads := []arena.ReadMode{arena.ReadJSON, arena.ReadShadow, arena.ReadStore}
	writes := []arena.WriteMode{arena.WriteJSON, arena.WriteBoth, arena.WriteStore}
	whole := func(m arena.Modes) bool {
		return (m.Read != arena.ReadStore || m.Write != arena.WriteJSON) && (m.Write != arena.WriteStore || m.Read == arena.ReadStore)
	}
	next := 0
	for _, fromRead := range reads {
		for _, fromWrite := range writes {
			for _, toRead := range reads {
				for _, toWrite := range writes {
					from, to := modesAre(fromRead, fromWrite), modesAre(toRead, toWrite)
					if !whole(from) || from == to {
						continue
					}
					name := fmt.Sprintf("%s to %s", from, to)
					b.at(t, d, from.Read, from.Write)
					next++
					b.write(t, "trades.json", fmt.Sprintf(`{"trades":[%s]}`, tradeRow(fmt.Sprint("m_", next))))

					listed := b.listed(t, d, to)
					require.Equal(t, whole(to), listed.Refused == "", "%s: listed as %q", name, listed.Refused)

					state, err := b.rollout.Set(t.Context(), arena.Flip{Domain: d, Read: to.Read, Write: to.Write, By: "test"})
					if !whole(to) {
						refused, ok := errors.AsType[*arena.RefusedError](err)
						require.True(t, ok, "%s: %v", name, err)
						require.Equal(t, listed.Refused, refused.Reason, name)
						require.Equal(t, from, b.modes(t, d), name)
						require.Empty(t, b.rendered.taken(), name)
						continue
					}
					require.NoError(t, err, name)
					require.Equal(t, to, modesAre(state.Read, state.Write), name)
					require.Equal(t, to, b.modes(t, d), name)

					imported := b.has(t, fmt.Sprint("m_", next))
					require.Equal(t, from.Write == arena.WriteJSON && to.Write != arena.WriteJSON, imported, "%s: imported", name)
					says := strings.Join(listed.Effects, " ")
					require.Equal(t, imported, strings.Contains(says, "files are imported"), "%s: %s", name, says)
					render := from.Write != arena.WriteJSON && to.Write != from.Write && to.Write != arena.WriteStore ||
						from.Write == arena.WriteBoth && to.Write == arena.WriteBoth && from.Read == arena.ReadStore
					require.Equal(t, render, len(b.rendered.taken()) == 1, "%s: rendered", name)
					require.Equal(t, render, strings.Contains(says, "files are rendered"), "%s: %s", name, says)
				}
			}
		}
	}
}

// listed is what a list says of a move.
func (b *bundle) listed(t *testing.T, d arena.Domain, to arena.Modes) arena.Move {
	t.Helper()
	state, err := b.rollout.List(t.Context())
	require.NoError(t, err)
	for _, one := range state.Domains {
		for _, move := range one.Moves {
			if one.Domain == d && modesAre(move.Read, move.Write) == to {
				return move
			}
		}
	}
	require.Fail(t, "no such move", "%s to %s", d, to)
	return arena.Move{}
}

func tradeRow(id string) string {
	return fmt.Sprintf(`{"id":%q,"model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_time":100,"exit_time":200,`+
		`"entry_price":190.5,"exit_price":200,"realized_net_pnl":9.25}`, id)
}

func (b *bundle) has(t *testing.T, trade string) bool {
	t.Helper()
	trades, err := b.store.Trades.Newest(t.Context(), 1000)
	require.NoError(t, err)
	for _, one := range trades {
		if one.ID == trade {
			return true
		}
	}
	return false
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for name, c := range map[string]struct {
		from    arena.Modes
		flip    arena.Flip
		parity  *run // its time is an age
		without bool // JSON files
		trades  string
		says    string
		forced  bool // the same with force and a reason is done
	}{
		"read store, write json": {
			from: modesAre(arena.ReadJSON, arena.WriteJSON), flip: arena.Flip{Read: arena.ReadStore},
			says: "cannot be read from the store while its writes go to the JSON files alone",
		},
		"write json, read store": {
			from: modesAre(arena.ReadStore, arena.WriteStore), flip: arena.Flip{Write: arena.WriteJSON},
			says: "cannot be read from the store while its writes go to the JSON files alone",
		},
		"write store, read json": {
			from: modesAre(arena.ReadJSON, arena.WriteBoth), flip: arena.Flip{Write: arena.WriteStore},
			says: "cannot go to the store alone while it is read from the JSON files (read=json)",
		},
		"write store, read shadow": {
			from: modesAre(arena.ReadShadow, arena.WriteBoth), flip: arena.Flip{Write: arena.WriteStore},
			says: "(read=shadow)",
		},
		"read json, write store": {
			from: modesAre(arena.ReadStore, arena.WriteStore), flip: arena.Flip{Read: arena.ReadJSON},
			says: "cannot go to the store alone",
		},
		"no parity run": {
			from: modesAre(arena.ReadShadow, arena.WriteBoth), flip: arena.Flip{Read: arena.ReadStore},
			says: "trades has no parity run yet; run `nof0 parity --domain trades` first", forced: true,
		},
		"parity unequal": {
			from: modesAre(arena.ReadShadow, arena.WriteBoth), flip: arena.Flip{Read: arena.ReadStore},
			parity: &run{verdict: "different"}, says: "ended with: different", forced: true,
		},
		"parity could not compare": {
			from: modesAre(arena.ReadShadow, arena.WriteBoth), flip: arena.Flip{Read: arena.ReadStore},
			parity: &run{verdict: "could not compare"}, says: "ended with: could not compare", forced: true,
		},
		"parity too old": {
			from: modesAre(arena.ReadJSON, arena.WriteBoth), flip: arena.Flip{Read: arena.ReadStore, Write: arena.WriteStore},
			parity: &run{verdict: wire.VerdictEqual, at: time.Unix(0, 0).Add(hour + time.Second)},
			says:   "is 1h0m1s old, and rollout.parity_limit is 1h0m0s", forced: true,
		},
		"rows that the store cannot take": {
			from: modesAre(arena.ReadJSON, arena.WriteJSON), flip: arena.Flip{Write: arena.WriteBoth},
			trades: `{"trades":[` + tradeRow("m_1") + `,` + tradeRow("m_{2}") + `]}`,
			says:   "the store cannot take 1 rows of the JSON files of trades, the first of them: trades.json m_{2}", forced: true,
		},
		"no JSON files, back": {
			from: modesAre(arena.ReadStore, arena.WriteStore), flip: arena.Flip{Write: arena.WriteBoth}, without: true,
			says: "no JSON store is configured here",
		},
		"no JSON files, on": {
			from: modesAre(arena.ReadJSON, arena.WriteJSON), flip: arena.Flip{Read: arena.ReadStore, Write: arena.WriteStore}, without: true,
			parity: &run{verdict: wire.VerdictEqual, at: time.Unix(0, 0)},
			says:   "none are configured here to take over from", forced: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changed int
			b := setup(t, func(o *switches.Options) {
				o.Changed = func(context.Context) { changed++ }
				if c.without {
					o.Importer, o.Renderer = nil, nil
				}
			})
			if c.parity != nil {
				b.parity.by["trades"] = run{verdict: c.parity.verdict, at: b.now.Add(-c.parity.at.Sub(time.Unix(0, 0)))}
				if c.parity.at.IsZero() {
					b.parity.by["trades"] = run{verdict: c.parity.verdict, at: b.now}
				}
			}
			if c.trades != "" {
				b.write(t, "trades.json", c.trades)
			}
			b.at(t, arena.DomainTrades, c.from.Read, c.from.Write)
			c.flip.Domain, c.flip.By = arena.DomainTrades, "test"
			if c.trades == "" { // what the files hold is known once they are imported
				to := modesAre(cmp.Or(c.flip.Read, c.from.Read), cmp.Or(c.flip.Write, c.from.Write))
				listed := b.listed(t, arena.DomainTrades, to)
				require.Contains(t, listed.Refused, c.says)
				require.Equal(t, c.forced, listed.Forceable)
			}
			_, err := b.rollout.Set(t.Context(), c.flip)
			refused, ok := errors.AsType[*arena.RefusedError](err)
			require.True(t, ok, "%v", err)
			require.Contains(t, refused.Reason, c.says)
			require.False(t, refused.Invalid)
			require.Equal(t, c.from, b.modes(t, arena.DomainTrades))
			require.Empty(t, b.rendered.taken())
			require.Zero(t, changed)
			require.False(t, b.has(t, "m_1"), "what was refused is undone")

			c.flip.Force, c.flip.Reason = true, "we know"
			state, err := b.rollout.Set(t.Context(), c.flip)
			if !c.forced {
				require.ErrorContains(t, err, refused.Reason)
				return
			}
			require.NoError(t, err)
			require.True(t, state.Changed.Forced)
			require.Equal(t, "we know", state.Changed.Reason)
			require.Equal(t, 1, changed)
		})
	}
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for says, f := range map[string]arena.Flip{
		`no domain "nothing"`:                  {Domain: "nothing", Read: arena.ReadJSON},
		"say what to set":                      {Domain: arena.DomainTrades},
		`read can be json, shadow, store, not`: {Domain: arena.DomainTrades, Read: "both"},
		`write can be json, both, store, not`:  {Domain: arena.DomainTrades, Write: "shadow"},
		"force needs a reason":                 {Domain: arena.DomainTrades, Read: arena.ReadJSON, Force: true, Reason: " "},
		"the reason has to be text":            {Domain: arena.DomainTrades, Read: arena.ReadJSON, Reason: "a\x00b"},
		"who changes it":                       {Domain: arena.DomainTrades, Read: arena.ReadJSON, By: strings.Repeat("x", 501)},
	} {
		_, err := b.rollout.Set(t.Context(), f)
		refused, ok := errors.AsType[*arena.RefusedError](err)
		require.True(t, ok, "%v", err)
		require.True(t, refused.Invalid)
		require.ErrorContains(t, err, says)
	}
	state, err := b.rollout.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, state.Changes)
}

func TestChangesAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	state, err := b.rollout.List(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Domains, 6)
	for i, d := range arena.Domains() {
		require.Len(t, state.Domains[i].Moves, 8)
		state.Domains[i].Moves = nil
		require.Equal(t, arena.DomainState{Domain: d, Read: arena.ReadJSON, Write: arena.WriteJSON}, state.Domains[i])
	}
	flip := func(f arena.Flip) {
		t.Helper()
		_, err := b.rollout.Set(t.Context(), f)
		require.NoError(t, err)
	}
	flip(arena.Flip{Domain: arena.DomainPrices, Write: arena.WriteBoth, By: "ann", Reason: "begin"})
	flip(arena.Flip{Domain: arena.DomainPrices, Write: arena.WriteBoth, By: "bob"}) // where it is
	flip(arena.Flip{Domain: arena.DomainPrices, Read: arena.ReadStore, By: "cat", Reason: "trust me", Force: true})
	b.equal(arena.DomainTrades)
	flip(arena.Flip{Domain: arena.DomainTrades, Read: arena.ReadStore, Write: arena.WriteStore, By: "dan", Reason: "unneeded", Force: true})

	state, err = b.rollout.List(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Changes, 3)
	at := b.now.UTC().Truncate(time.Microsecond)
	require.Equal(t, []arena.RolloutChange{
		{
			Domain: arena.DomainTrades, At: at, By: "dan", Reason: "unneeded",
			ReadFrom: arena.ReadJSON, ReadTo: arena.ReadStore, WriteFrom: arena.WriteJSON, WriteTo: arena.WriteStore,
		},
		{
			Domain: arena.DomainPrices, At: at, By: "cat", Reason: "trust me", Forced: true,
			ReadFrom: arena.ReadJSON, ReadTo: arena.ReadStore, WriteFrom: arena.WriteBoth, WriteTo: arena.WriteBoth,
		},
		{
			Domain: arena.DomainPrices, At: at, By: "ann", Reason: "begin",
			ReadFrom: arena.ReadJSON, ReadTo: arena.ReadJSON, WriteFrom: arena.WriteJSON, WriteTo: arena.WriteBoth,
		},
	}, state.Changes)
	require.Equal(t, state.Changes[1], *state.Domains[0].Changed)
	require.Equal(t, state.Changes[0], *state.Domains[1].Changed)
	require.Nil(t, state.Domains[2].Changed)
}

// TestFailuresChangeNothing holds that a side that cannot be brought along keeps
// the domain where it is.
func TestFailuresChangeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := arena.DomainTrades
	b.at(t, d, arena.ReadStore, arena.WriteStore)
	b.rendered.err = errors.New("no space left")
	_, err := b.rollout.Set(t.Context(), arena.Flip{Domain: d, Write: arena.WriteBoth})
	require.ErrorIs(t, err, arena.ErrUnavailable)
	require.Equal(t, modesAre(arena.ReadStore, arena.WriteStore), b.modes(t, d))

	b.at(t, d, arena.ReadJSON, arena.WriteJSON)
	b.write(t, "trades.json", `{"trades":[`+tradeRow("m_1"))
	_, err = b.rollout.Set(t.Context(), arena.Flip{Domain: d, Write: arena.WriteBoth})
	require.ErrorContains(t, err, "truncated")
	require.Equal(t, modesAre(arena.ReadJSON, arena.WriteJSON), b.modes(t, d))
	require.False(t, b.has(t, "m_1"))

	b.parity.by["trades"] = run{err: repository.ErrUnavailable}
	_, err = b.rollout.Set(t.Context(), arena.Flip{Domain: d, Read: arena.ReadStore, Write: arena.WriteBoth})
	require.ErrorIs(t, err, arena.ErrUnavailable)
}

// TestAFlipWaitsForWritesAndNotForever holds that no write is under way while a
// switch moves, and that a write that does not end holds up the others only for
// a while.
func TestAFlipWaitsForWritesAndNotForever(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *switches.Options) { o.LockWait = 50 * time.Millisecond })
	patient := switches.New(switches.Options{
		Store: b.store, Importer: files{b.dir}, Renderer: b.rendered, Parity: b.parity,
		Initial: arena.InitialModes(true), Logger: discard(), Now: time.Now, LockWait: time.Minute,
	})
	holding, release := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
			err := errors.Join(tx.Locks.Hold(ctx, []repository.Lock{repository.LockRollout}), tx.Flush(ctx))
			close(holding)
			<-release
			return err
		})
	}()
	<-holding
	_, err := b.rollout.Set(t.Context(), arena.Flip{Domain: arena.DomainTrades, Write: arena.WriteBoth})
	require.ErrorIs(t, err, arena.ErrBusy)
	require.Equal(t, modesAre(arena.ReadJSON, arena.WriteJSON), b.modes(t, arena.DomainTrades))

	flipped := make(chan error, 1)
	go func() {
		_, err := patient.Set(context.WithoutCancel(t.Context()), arena.Flip{Domain: arena.DomainTrades, Write: arena.WriteBoth})
		flipped <- err
	}()
	// While it waits, nobody else gets in before it.
	db := b.connect(t)
	await.True(t, func() bool {
		var waiting int
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks
			WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting)
		return err == nil && waiting > 0
	})
	select {
	case err := <-flipped:
		t.Fatalf("the switch moved under a write: %v", err)
	default:
	}
	close(release)
	require.NoError(t, <-written)
	require.NoError(t, <-flipped)
	require.Equal(t, modesAre(arena.ReadJSON, arena.WriteBoth), b.modes(t, arena.DomainTrades))
}
