package switches_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/cutover/switches"
	"nof0/repository"
)

// process is the switches of one process.
type process struct {
	*switches.Switches

	registry *prometheus.Registry
}

func startProcess(t *testing.T, store switches.Store, initial arena.Modes) *process {
	t.Helper()
	p := &process{registry: prometheus.NewRegistry()}
	var err error
	p.Switches, err = switches.NewSwitches(t.Context(), switches.ModesOptions{
		Store: store, Initial: initial, Logger: discard(), Registerer: p.registry, Now: time.Now,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return p
}

func (p *process) awaits(t *testing.T, d arena.Domain, want arena.Modes) time.Duration {
	t.Helper()
	began := time.Now()
	await.True(t, func() bool { return p.Modes(d) == want })
	return time.Since(began)
}

// TestProcessesFeelAFlip prints how long two of them take.
func TestProcessesFeelAFlip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	initial := arena.InitialModes(true)
	processes := []*process{
		startProcess(t, open(t, b.dsn, 1).Rollout, initial),
		startProcess(t, open(t, b.dsn, 1).Rollout, initial),
	}
	var slowest time.Duration
	for i := range 10 {
		want := modesAre(arena.ReadJSON, arena.WriteBoth)
		if i%2 == 1 {
			want.Write = arena.WriteJSON
		}
		_, err := b.rollout.Set(t.Context(), arena.Flip{Domain: arena.DomainPrices, Write: want.Write, By: "test"})
		require.NoError(t, err)
		for _, p := range processes {
			slowest = max(slowest, p.awaits(t, arena.DomainPrices, want))
			require.Equal(t, initial, p.Modes(arena.DomainTrades))
		}
	}
	t.Logf("10 flips, felt by 2 processes after %d ms at most", slowest.Milliseconds())
	for _, p := range processes {
		require.NoError(t, testutil.GatherAndCompare(p.registry, strings.NewReader(`
			# HELP nof0_rollout_flips_total Changes of the modes of a domain that this process has felt.
			# TYPE nof0_rollout_flips_total counter
			nof0_rollout_flips_total{domain="accounts"} 0
			nof0_rollout_flips_total{domain="analytics"} 0
			nof0_rollout_flips_total{domain="conversations"} 0
			nof0_rollout_flips_total{domain="positions"} 0
			nof0_rollout_flips_total{domain="prices"} 10
			nof0_rollout_flips_total{domain="trades"} 0
		`), "nof0_rollout_flips_total"))
		modes, err := testutil.GatherAndCount(p.registry, "nof0_rollout_mode")
		require.NoError(t, err)
		require.Equal(t, 6*6, modes)
	}
}

// outage is a store that can be taken away.
type outage struct {
	switches.Store

	mu    sync.Mutex
	away  bool
	asked int
}

func (o *outage) Switches(ctx context.Context) ([]entities.RolloutSwitch, error) {
	o.mu.Lock()
	o.asked++
	away := o.away
	o.mu.Unlock()
	if away {
		return nil, repository.ErrUnavailable
	}
	return o.Store.Switches(ctx)
}

func (o *outage) set(away bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away, o.asked = away, 0
}

func (o *outage) times() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

func TestTheLastKnownHoldWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store := &outage{Store: b.store.Rollout}
	p := startProcess(t, store, arena.InitialModes(true))
	both, shadow := modesAre(arena.ReadJSON, arena.WriteBoth), modesAre(arena.ReadShadow, arena.WriteBoth)
	b.at(t, arena.DomainPrices, both.Read, both.Write)
	p.awaits(t, arena.DomainPrices, both)

	store.set(true)
	await.True(t, func() bool { return store.times() > 2 })
	b.at(t, arena.DomainPrices, shadow.Read, shadow.Write)
	require.Equal(t, both, p.Modes(arena.DomainPrices))
	require.ErrorIs(t, p.Refresh(t.Context()), repository.ErrUnavailable)
	require.Equal(t, both, p.Modes(arena.DomainPrices))

	store.set(false)
	p.awaits(t, arena.DomainPrices, shadow)

	// Who has never known them does not guess.
	store.set(true)
	_, err := switches.NewSwitches(t.Context(), switches.ModesOptions{Store: store, Logger: discard(), Now: time.Now})
	require.ErrorIs(t, err, repository.ErrUnavailable)
}

func TestInitialModes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for jsonFiles, want := range map[bool]arena.Modes{
		true:  modesAre(arena.ReadJSON, arena.WriteJSON),
		false: modesAre(arena.ReadStore, arena.WriteStore),
	} {
		p := startProcess(t, b.store.Rollout, arena.InitialModes(jsonFiles))
		for _, d := range arena.Domains() {
			require.Equal(t, want, p.Modes(d))
		}
	}
}
