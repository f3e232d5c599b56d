package faults

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/snapshot"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const primary = "hyperliquid"

// mirrored is a database under load whose JSON files a child keeps up to date.
type mirrored struct {
	t      *testing.T
	dir    string
	dsn    string
	db     *pgx.Conn
	store  *arena.Store
	files  arena.Source
	intake *arena.Intake

	// paused is held by who wants no writes meanwhile.
	paused  sync.RWMutex
	written atomic.Int64
}

func startMirrored(t *testing.T) *mirrored {
	t.Helper()
	m := &mirrored{t: t, dir: t.TempDir(), dsn: testdb.New(t, atlastest.Migrator{})}
	store, err := repository.Open(t.Context(), repository.Options{DSN: m.dsn, MaxOpen: 6, MaxIdle: 6})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	m.db, err = pgx.Connect(t.Context(), m.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.db.Close(context.Background())) })
	for _, d := range arena.Domains() {
		_, err := m.db.Exec(t.Context(), `INSERT INTO rollout_switches (domain, read_mode, write_mode) VALUES ($1, 'json', 'both')`, d)
		require.NoError(t, err)
	}
	m.store = arena.NewStore(store.Repositories, primary, time.Now)
	m.files = jsonstore.NewSource(jsonstore.SourceOptions{Dir: m.dir, PrimaryProvider: primary, Now: time.Now})
	m.intake = arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  store, PrimaryProvider: primary, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	return m
}

// round is how many writes in a row are of every kind.
const round = 8

// write writes the nth fact of a model.
func (m *mirrored) write(ctx context.Context, model string, n int) error {
	kind, item := factOf(model, n)
	m.paused.RLock()
	defer m.paused.RUnlock()
	_, err := m.intake.Ingest(ctx, arena.Batch{Kind: kind, Items: []jsontext.Value{jsontext.Value(item)}, Single: true, Register: true})
	m.written.Add(1)
	return err
}

// load writes facts of every domain until ctx ends.
func (m *mirrored) load(ctx context.Context, model string) {
	for n := round; ctx.Err() == nil; n++ {
		if err := m.write(ctx, model, n); err != nil && ctx.Err() == nil {
			m.t.Errorf("a write failed: %v", err)
		}
	}
}

// factOf is the nth fact of a model.
func factOf(model string, n int) (arena.IngestKind, string) {
	switch n % round {
	case 0:
		return arena.IngestPositions, fmt.Sprintf(`{"model_id":%q,"position":{"symbol":"SOL","entry_oid":%d,"entry_price":200,"quantity":3}}`, model, n)
	case 1, 2, 3: // the third closes
		return arena.IngestTrades, fmt.Sprintf(`{"id":"%s_%d","model_id":%[1]q,"symbol":"SOL","side":"long","quantity":1,"entry_oid":%d,`+
			`"entry_time":100,"exit_time":%[2]d,"entry_price":190.5,"exit_price":200,"realized_net_pnl":9.25}`, model, n, n-n%round)
	case 4:
		return arena.IngestEquity, fmt.Sprintf(`{"model_id":%q,"timestamp":%d,"dollar_equity":%d,"since_inception_hourly_marker":%d,"positions":{}}`,
			model, 10*n, n, n/80)
	case 5:
		return arena.IngestPrices, fmt.Sprintf(`{"symbol":%q,"price":%d.5,"timestamp":%d}`, model, n, n)
	case 6:
		return arena.IngestDecisions, fmt.Sprintf(`{"id":"%s_%d","model_id":%[1]q,"timestamp":%[2]d,"cot_trace":"%[3]s"}`, model, n, strings.Repeat("why ", n%50))
	}
	return arena.IngestAnalytics, fmt.Sprintf(`{"id":%q,"model_id":%[1]q,"updated_at":%d,"x":%[2]d}`, model, n)
}

// watch reads the whole directory again and again until ctx ends. It returns
// how often it did.
func watch(ctx context.Context, t *testing.T, dir string) (reads int) {
	t.Helper()
	for ctx.Err() == nil {
		c, err := snapshot.Read(dir)
		if err != nil {
			t.Errorf("half a file: %v", err)
			return reads
		}
		for _, f := range c.Files {
			if f.ServerTime == 0 {
				t.Errorf("half a file: %s", f.Name)
			}
		}
		reads++
	}
	return reads
}

// behind tells whether some event is not in the files yet.
func (m *mirrored) behind() bool {
	var behind bool
	err := m.db.QueryRow(m.t.Context(), `SELECT
		EXISTS (SELECT 1 FROM outbox_events WHERE relayed_at IS NULL)
		OR (SELECT count(*) FROM json_mirror) < $1
		OR (SELECT min(sequence) FROM json_mirror) < (SELECT max(sequence) FROM outbox_events)`, len(arena.Domains())).Scan(&behind)
	require.NoError(m.t, err)
	return behind
}

// state is what the files wait for, for whoever reads of a failure.
func (m *mirrored) state() (state string) {
	err := m.db.QueryRow(m.t.Context(), `SELECT jsonb_pretty(jsonb_build_object(
		'files', (SELECT jsonb_object_agg(domain, sequence) FROM json_mirror),
		'newest', (SELECT max(sequence) FROM outbox_events),
		'waiting', (SELECT jsonb_object_agg(type, n) FROM (SELECT type, count(*) AS n FROM outbox_events WHERE relayed_at IS NULL GROUP BY type) w),
		'sessions', (SELECT jsonb_agg(jsonb_build_object('pid', pid, 'state', state, 'waits for', wait_event, 'blocked by', pg_blocking_pids(pid),
			'since', now() - state_change, 'query', left(query, 200))) FROM pg_stat_activity WHERE datname = current_database())))`).Scan(&state)
	require.NoError(m.t, err)
	return state
}

// same reports whether the files answer every view as the store does; which is
// the first that they do not.
func (m *mirrored) same() (which string) {
	for name, ask := range map[string]func(context.Context, arena.Source) (any, error){
		"prices": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.CryptoPrices(ctx)
			return v.Prices, err
		},
		"trades": func(ctx context.Context, s arena.Source) (any, error) { v, err := s.Trades(ctx); return v.Trades, err },
		"positions": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.Positions(ctx, 0)
			return v.AccountTotals, err
		},
		"account totals": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.AccountTotals(ctx, 0)
			v.ServerTime = 0
			return v, err
		},
		"inceptions": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.SinceInception(ctx)
			return v.SinceInceptionValues, err
		},
		"leaderboard": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.Leaderboard(ctx)
			return v.Leaderboard, err
		},
		"analytics": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.Analytics(ctx)
			return v.Analytics, err
		},
		"conversations": func(ctx context.Context, s arena.Source) (any, error) {
			v, err := s.Conversations(ctx)
			return v.Conversations, err
		},
	} {
		var bodies [2][]byte
		for i, source := range []arena.Source{m.store, m.files} {
			v, err := ask(m.t.Context(), source)
			if i == 1 && err != nil {
				return fmt.Sprintf("%s: %v", name, err) // perhaps not rendered yet
			}
			require.NoError(m.t, err)
			bodies[i], err = wire.Marshal(v)
			require.NoError(m.t, err)
		}
		if !bytes.Equal(bodies[0], bodies[1]) {
			return fmt.Sprintf("%s: the store says %.2000s\nthe files say %.2000s", name, bodies[0], bodies[1])
		}
	}
	return ""
}

// restarted starts a follower while nothing is written, waits until the files follow,
// and kills the follower when both sides are equal. It reports whether the files were
// behind before.
func (m *mirrored) restarted(env []string, kill int) (stale bool) {
	m.t.Helper()
	m.paused.Lock()
	defer m.paused.Unlock() // also when a check below ends the test: the load waits for it
	stale = m.same() != ""
	c := startChild(m.t, nil, env...)
	defer c.kill()
	for deadline := time.Now().Add(2 * time.Minute); m.behind(); time.Sleep(5 * time.Millisecond) {
		require.False(m.t, c.ended(), "the follower ended by itself after kill %d", kill+1)
		require.True(m.t, time.Now().Before(deadline), "the files do not follow after kill %d: %s", kill+1, m.state())
	}
	require.Empty(m.t, m.same(), "after kill %d", kill+1)
	return stale
}

// TestFilesFollowThroughKills kills the process that lets the JSON files follow,
// by turns between its reading of Postgres and the replacement of the files and
// at any moment. Started again, it must make both sides equal, and no reader may
// ever have seen half a file.
func TestFilesFollowThroughKills(t *testing.T) {
	t.Parallel()
	m := startMirrored(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i := range 2 {
		model := fmt.Sprint("model-", i)
		// The store answers metrics of no facts for a model that has none; the files do not.
		for n := range round {
			require.NoError(t, m.write(ctx, model, n))
		}
		all.Go(func() { m.load(ctx, model) })
	}
	var reads int
	all.Go(func() { reads = watch(ctx, t, m.dir) })

	kills := sized(200, 8)
	random := rand.New(rand.NewPCG(7, 7))
	began, stale := time.Now(), 0
	for n := range kills {
		env := []string{childVar + "=follower", childDSN + "=" + m.dsn, childDir + "=" + m.dir}
		if inTheGap := n%2 == 0; inTheGap {
			// The first rounds may all be of domains that have never followed.
			c := startChild(t, nil, append(env, fmt.Sprintf("%s=%d", childKillAt, 1+random.IntN(20)))...)
			<-c.done
		} else {
			c := startChild(t, nil, env...)
			time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond)))) // the moment is the point
			c.kill()
		}
		if m.restarted(env, n) {
			stale++
		}
	}
	cancel()
	all.Wait()
	entries, err := os.ReadDir(m.dir)
	require.NoError(t, err)
	fmt.Fprintf(os.Stderr, "%s: the follower killed %d times and %d times more when idle, with files behind Postgres %d times; %d writes, 0 failed; "+
		"equal after each restart, 0 half files in %d reads of the directory; %d names in it; %.0f s\n",
		t.Name(), kills, kills, stale, m.written.Load(), reads, len(entries), time.Since(began).Seconds())
	require.Positive(t, stale, "no kill was ever between the commit and the files")
}

// writeOf is a write of a sequence: by turns a position of three, a fill of one
// and a fill of two that closes it, each fill with an equity row, so that
// several files change together.
func writeOf(step int) (arena.IngestKind, any, error) {
	n, part := step/3, step%3
	text := func(format string, args ...any) jsontext.Value { return fmt.Appendf(nil, format, args...) }
	if part == 0 {
		item, err := wire.Decode[wire.PositionItem](text(
			`{"model_id":"m","position":{"symbol":"SOL","entry_oid":%d,"entry_price":200,"quantity":3}}`, n))
		return arena.IngestPositions, item, err
	}
	item, err := wire.DecodeTradeItem(text(`{"trade":{"id":"m_%d","model_id":"m","symbol":"SOL","side":"long","quantity":%d,"entry_oid":%d,`+
		`"entry_time":100,"exit_time":%[4]d,"entry_price":190.5,"exit_price":200,"realized_net_pnl":9.25},`+
		`"equity":{"model_id":"m","timestamp":%[4]d,"dollar_equity":%[4]d,"since_inception_hourly_marker":%[5]d}}`,
		step, part, n, 1000+step, step/50))
	return arena.IngestTrades, item, err
}

// TestJSONWritesSurviveKills kills a process that writes to the JSON files alone
// at any moment. What it acknowledged must be there, and a fill must have
// counted once in every file that it changes.
func TestJSONWritesSurviveKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var reads int
	all.Go(func() { reads = watch(ctx, t, dir) })

	kills := sized(200, 8)
	random := rand.New(rand.NewPCG(9, 9))
	source := jsonstore.NewSource(jsonstore.SourceOptions{Dir: dir, PrimaryProvider: primary, Now: time.Now})
	began, acknowledged, amid := time.Now(), -1, 0
	for range kills {
		out, err := os.Create(filepath.Join(t.TempDir(), "acknowledged"))
		require.NoError(t, err)
		c := startChild(t, out, childVar+"=writer", childDir+"="+dir, fmt.Sprintf("%s=%d", childFrom, acknowledged+1))
		await.True(t, func() bool {
			said, err := out.Stat()
			return err == nil && said.Size() > 0 || c.ended()
		}, "a write is acknowledged")
		time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond)))) // the moment is the point
		c.kill()
		require.Equal(t, -1, c.cmd.ProcessState.ExitCode(), "it was killed and did not fail")
		said, err := os.ReadFile(out.Name())
		require.NoError(t, err)
		require.NoError(t, out.Close())
		if lines := strings.Split(string(said), "\n"); len(lines) > 1 { // the last may be cut off
			acknowledged, err = strconv.Atoi(lines[len(lines)-2])
			require.NoError(t, err)
		}
		if _, err := os.Stat(filepath.Join(dir, ".commit")); err == nil {
			amid++
		}
		require.NoError(t, snapshot.Edit(t.Context(), dir, func(*snapshot.Editing) error { return nil }))
		if acknowledged > 0 {
			requireWhole(t, source, acknowledged)
		}
	}
	cancel()
	all.Wait()
	fmt.Fprintf(os.Stderr, "%s: killed %d times, %d of them among the replacements of one write; %d writes acknowledged, 0 lost, 0 doubled, 0 half files in %d reads; %.0f s\n",
		t.Name(), kills, amid, acknowledged+1, reads, time.Since(began).Seconds())
	require.Greater(t, acknowledged, kills)
}

// requireWhole holds the files to the sequence of writes: they show all up to
// the acknowledged one, perhaps the one after it, and nothing in part.
func requireWhole(t *testing.T, source arena.Source, acknowledged int) {
	t.Helper()
	trades, err := source.Trades(t.Context())
	require.NoError(t, err)
	positions, err := source.Positions(t.Context(), 0)
	require.NoError(t, err)
	totals, err := source.AccountTotals(t.Context(), 0)
	require.NoError(t, err)
	var found []string
	shows := func(last int) bool {
		quantity, fills := 3.0, []string{}
		if last%3 > 0 {
			quantity = float64(3 - last%3*(last%3+1)/2)
		}
		for step := last; step > 0 && len(fills) < arena.RecentTrades; step-- {
			if step%3 > 0 {
				fills = append(fills, fmt.Sprint("m_", step))
			}
		}
		found = nil
		for _, trade := range trades.Trades {
			found = append(found, trade.ID)
		}
		newest := totals.AccountTotals[len(totals.AccountTotals)-1]
		return positions.AccountTotals[0].Positions["SOL"].Quantity == quantity && slices.Equal(found, fills) &&
			fmt.Sprint("m_", newest.Timestamp-1000) == fills[0]
	}
	require.True(t, shows(acknowledged) || shows(acknowledged+1), "acknowledged %d, trades %v, positions %+v", acknowledged, found, positions)
}
