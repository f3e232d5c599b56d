package retention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/entities"
	"nof0/internal/await"
	"nof0/internal/testdb"
	"nof0/repository"
)

// now is when the runs of the tests take place: of the months before, those to
// October are wholly older than 30 days.
var now = time.Date(2025, time.December, 10, 12, 0, 0, 0, time.UTC)

func months() []time.Time {
	var at []time.Time
	for _, month := range []time.Month{time.September, time.October, time.November, time.December} {
		at = append(at, time.Date(2025, month, 1, 0, 0, 0, 0, time.UTC))
	}
	return at
}

const (
	september = "price_ticks_2025_09"
	october   = "price_ticks_2025_10"
)

// bundle is a database with ticks of four months.
type bundle struct {
	store   *repository.Store
	conn    *pgx.Conn
	options Options
	ticks   []string // as text, with all columns
}

func setup(t *testing.T) *bundle {
	t.Helper()
	dsn := testdb.New(t, atlastest.Migrator{})
	store, err := repository.Open(t.Context(), repository.Options{DSN: dsn, MaxOpen: 4, MaxIdle: 4, StatementTimeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })

	require.NoError(t, store.Prices.EnsurePartitions(t.Context(), months()))
	var ticks []entities.PriceTick
	for _, month := range months() {
		for i := range 500 {
			tick := entities.PriceTick{
				Provider: "hyperliquid", Symbol: fmt.Sprintf("S%d", i%7), Price: float64(i) / 7,
				ObservedAt: month.Add(time.Duration(i) * 73 * time.Minute).Add(time.Duration(i) * time.Microsecond),
			}
			switch i % 50 {
			case 0:
				tick.Extra = entities.JSON(`{"note": "ünïcödé, \"quoted\"\nand \\ on"}`)
			case 1:
				tick.Symbol, tick.Price = `a,"b"`, 15.479999999999999
			case 2:
				tick.Price = math.MaxFloat64
			case 3:
				tick.Price = 5e-324
			}
			ticks = append(ticks, tick)
		}
	}
	_, err = store.Prices.InsertTicks(t.Context(), ticks)
	require.NoError(t, err)
	b := &bundle{store: store, conn: conn, options: Options{
		DSN: dsn, Prices: store.Prices, Keep: 30 * 24 * time.Hour, ArchiveDir: filepath.Join(t.TempDir(), "archive"), Now: now,
		LockTimeout: time.Minute, // a busy machine
	}}
	b.ticks = b.rows(t)
	require.Len(t, b.ticks, 2000)
	return b
}

// rows returns all ticks as text, with all columns.
func (b *bundle) rows(t *testing.T) []string {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), `SELECT to_jsonb(t)::text FROM price_ticks t ORDER BY observed_at, symbol`)
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return texts
}

// tables lists the partitions and what was one.
func (b *bundle) tables(t *testing.T) []string {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'price_ticks_%' ORDER BY 1`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

func (b *bundle) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := b.conn.Exec(t.Context(), statement)
	require.NoError(t, err)
}

// archives lists the files of the archive directory, whatever they are.
func (b *bundle) archives(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(b.options.ArchiveDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (b *bundle) run(t *testing.T) Report {
	t.Helper()
	report, err := Run(t.Context(), b.options)
	require.NoError(t, err)
	return report
}

func (b *bundle) restoreAll(t *testing.T) {
	t.Helper()
	for _, name := range b.archives(t) {
		r, err := Restore(t.Context(), b.options, filepath.Join(b.options.ArchiveDir, name))
		require.NoError(t, err)
		assert.Zero(t, r.Conflicts)
	}
}

func states(r Report) map[string]State {
	by := make(map[string]State)
	for _, p := range r.Partitions {
		by[p.Name] = p.State
	}
	return by
}

func TestRunArchivesWhatIsOldAndRestoreBringsItBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	done := 0
	b.options.Progress = func(n, total int) { done = n; assert.Equal(t, 1000, total) }
	report := b.run(t)
	assert.Equal(t, 1000, done)
	assert.Equal(t, map[string]State{
		september: StateArchived, october: StateArchived, "price_ticks_2025_11": StateKept, "price_ticks_2025_12": StateKept,
		"price_ticks_2026_01": StateKept, "price_ticks_2026_02": StateKept,
	}, states(report))
	assert.Equal(t, b.ticks[1000:], b.rows(t))
	assert.NotContains(t, b.tables(t), october)
	require.Len(t, b.archives(t), 2)
	for _, p := range report.Partitions[:2] {
		m, size, err := Verify(p.File)
		require.NoError(t, err)
		assert.Equal(t, int64(500), m.Rows)
		assert.Equal(t, int64(500), p.Rows)
		assert.Equal(t, size, p.Bytes)
		assert.Positive(t, size)
		assert.Equal(t, p.Name+"-"+m.SHA256[:12]+".csv.zst", filepath.Base(p.File))
	}

	files := b.archives(t)
	assert.NotContains(t, states(b.run(t)), october)
	assert.Equal(t, files, b.archives(t))

	for i, want := range []Restored{{october, 500, 500, 0, 0}, {october, 500, 0, 500, 0}} {
		r, err := Restore(t.Context(), b.options, report.Partitions[1].File)
		require.NoError(t, err)
		assert.Equal(t, want, r, i)
	}
	b.restoreAll(t)
	assert.Equal(t, b.ticks, b.rows(t), "bit for bit, with their bookkeeping")

	b.run(t)
	assert.Equal(t, files, b.archives(t), "the same rows make the same files")
	assert.Equal(t, b.ticks[1000:], b.rows(t))
}

// What leaves and what comes back is announced, once for each change, and nothing
// else is.
func TestChangesOfTicksAreAnnounced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	announced := func() (all []string) {
		t.Helper()
		rows, err := b.conn.Query(t.Context(), `
			WITH gone AS (DELETE FROM outbox_events RETURNING *)
			SELECT concat_ws(' ', type, aggregate, payload->>'change', to_timestamp((payload->>'from')::bigint) AT TIME ZONE 'UTC',
				(payload->>'to')::bigint - (payload->>'from')::bigint, payload->>'rows') FROM gone ORDER BY id`)
		require.NoError(t, err)
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return all
	}
	september, october := "2025-09-01 00:00:00 2592000", "2025-10-01 00:00:00 2678400"
	b.options.DryRun = true
	b.run(t)
	assert.Empty(t, announced())
	b.options.DryRun = false
	report := b.run(t)
	assert.Equal(t, []string{"price_history price_ticks archived " + september + " 500", "price_history price_ticks archived " + october + " 500"}, announced())
	b.run(t)
	assert.Empty(t, announced())
	for _, want := range [][]string{{"price_history price_ticks restored " + october + " 500"}, {}} {
		_, err := Restore(t.Context(), b.options, report.Partitions[1].File)
		require.NoError(t, err)
		assert.Equal(t, want, announced())
	}
	b.exec(t, "DELETE FROM price_ticks WHERE observed_at < '2025-11-01' AND symbol = 'S1'")
	_, err := Restore(t.Context(), b.options, report.Partitions[1].File)
	require.NoError(t, err)
	left := announced()
	require.Len(t, left, 1)
	assert.NotContains(t, left[0], " 500", "of the rows that came back")
	b.exec(t, "DELETE FROM price_ticks WHERE observed_at < '2025-11-01'")
	b.run(t) // a month that is empty
	assert.Empty(t, announced())

	b.exec(t, "ALTER TABLE price_ticks DETACH PARTITION price_ticks_2025_11")
	b.run(t)
	require.Len(t, announced(), 1, "a month that comes back")
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tables := b.tables(t)
	b.options.DryRun = true
	report := b.run(t)
	assert.Equal(t, map[string]State{
		september: StateDue, october: StateDue, "price_ticks_2025_11": StateKept, "price_ticks_2025_12": StateKept,
	}, states(report))
	assert.Equal(t, int64(500), report.Partitions[0].Rows)
	assert.Equal(t, tables, b.tables(t))
	assert.Equal(t, b.ticks, b.rows(t))
	assert.Empty(t, b.archives(t))
}

// A month stays until its last moment is as old as is kept.
func TestAMonthLeavesAsAWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Now = time.Date(2025, time.December, 1, 0, 0, 0, 0, time.UTC).Add(b.options.Keep)
	b.options.DryRun = true
	b.options.Now = b.options.Now.Add(-time.Nanosecond)
	assert.Equal(t, StateKept, states(b.run(t))["price_ticks_2025_11"])
	b.options.Now = b.options.Now.Add(time.Nanosecond)
	assert.Equal(t, StateDue, states(b.run(t))["price_ticks_2025_11"])
}

var errCrash = errors.New("the power fails")

// Wherever a run ends, what it leaves holds every row, and the next one
// completes it.
func TestACrashLosesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"detached", "written", "verified", "dropped"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.options.step = func(partition, done string) error {
				if partition == september && done == at {
					return errCrash
				}
				return nil
			}
			_, err := Run(t.Context(), b.options)
			require.ErrorIs(t, err, errCrash)

			kept := b.conn.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", september)
			var there bool
			require.NoError(t, kept.Scan(&there))
			files := b.archives(t)
			assert.Equal(t, at != "dropped", there)
			assert.Equal(t, at != "detached", len(files) == 1)

			b.options.step = nil
			report := b.run(t)
			assert.Equal(t, StateArchived, states(report)[october])
			assert.NotContains(t, b.tables(t), september)
			assert.Len(t, b.archives(t), 2)
			assert.Subset(t, b.archives(t), files)
			b.restoreAll(t)
			assert.Equal(t, b.ticks, b.rows(t))
		})
	}
}

// A process that is killed leaves files in the making.
func TestLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.ArchiveDir = filepath.Join(b.options.ArchiveDir, "a [b]*")
	require.NoError(t, os.MkdirAll(b.options.ArchiveDir, 0o750))
	for _, name := range []string{"." + october + ".123.rows", "." + october + "-0123456789ab.csv.zst.77", "notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(b.options.ArchiveDir, name), []byte("x"), 0o600))
	}
	b.run(t)
	names := b.archives(t)
	require.Len(t, names, 3)
	assert.Equal(t, "notes.txt", names[0])
}

// A reader with an open transaction is not held up, and holds up no other; its
// month waits for the next run.
func TestAMonthInUseIsPostponed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.LockTimeout = 50 * time.Millisecond
	reader, err := b.conn.Begin(t.Context())
	require.NoError(t, err)
	var n int
	require.NoError(t, reader.QueryRow(t.Context(), "SELECT count(*) FROM price_ticks").Scan(&n))

	report, err := Run(t.Context(), b.options)
	require.ErrorIs(t, err, ErrPostponed)
	require.ErrorContains(t, err, "2 partitions are in use")
	assert.Equal(t, StatePostponed, states(report)[october])
	assert.Contains(t, report.Partitions[0].Reason, "being read or written")
	assert.Empty(t, b.archives(t))

	latest, err := b.store.Prices.InsertTicks(t.Context(), []entities.PriceTick{{Provider: "x", Symbol: "y", ObservedAt: now, Price: 1}})
	require.NoError(t, err)
	assert.Equal(t, []repository.Outcome{repository.Inserted}, latest)
	require.NoError(t, reader.Rollback(t.Context()))
	b.options.LockTimeout = time.Minute

	assert.Equal(t, StateArchived, states(b.run(t))[october])
	assert.Len(t, b.archives(t), 2)
}

// What was detached, or half detached, when less was to be kept is no longer
// seen by readers, and comes back.
func TestAMonthThatIsToBeKeptAfterAllComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.LockTimeout = 50 * time.Millisecond
	b.exec(t, "ALTER TABLE price_ticks DETACH PARTITION "+september)
	reader, err := b.conn.Begin(t.Context())
	require.NoError(t, err)
	var n int
	require.NoError(t, reader.QueryRow(t.Context(), "SELECT count(*) FROM price_ticks").Scan(&n))
	assert.Equal(t, 1500, n)
	_, err = Run(t.Context(), b.options) // archives September, and comes half-way with October
	require.ErrorIs(t, err, ErrPostponed)
	require.NoError(t, reader.Rollback(t.Context()))
	b.options.LockTimeout = time.Minute
	assert.Equal(t, b.ticks[1000:], b.rows(t))

	b.options.Keep = 1000 * 24 * time.Hour
	assert.Equal(t, StateKept, states(b.run(t))[october])
	assert.Equal(t, b.ticks[500:], b.rows(t))
	b.exec(t, "ALTER TABLE price_ticks DETACH PARTITION "+october)
	b.run(t)
	assert.Equal(t, b.ticks[500:], b.rows(t))
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	inner := b.options
	b.options.step = func(string, string) error {
		_, err := Run(t.Context(), inner)
		require.ErrorIs(t, err, ErrRunning)
		_, err = Restore(t.Context(), inner, "none")
		require.ErrorIs(t, err, os.ErrNotExist)
		return nil
	}
	b.run(t)
	b.options.step = nil
	b.run(t) // the lock is free again
}

// A late tick attaches the month anew while it is being archived.
func TestWhatIsWrittenMeanwhileIsNotDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := entities.PriceTick{Provider: "hyperliquid", Symbol: "late", ObservedAt: months()[0].Add(time.Hour), Price: 7}
	b.options.step = func(partition, done string) error {
		if partition != september || done != "verified" {
			return nil
		}
		if err := b.store.Prices.EnsurePartitions(t.Context(), months()[:1]); err != nil {
			return err
		}
		_, err := b.store.Prices.InsertTicks(t.Context(), []entities.PriceTick{late})
		return err
	}
	report, err := Run(t.Context(), b.options)
	require.ErrorIs(t, err, ErrPostponed)
	assert.Contains(t, report.Partitions[0].Reason, "attached again")
	assert.Contains(t, strings.Join(b.rows(t), "\n"), "late")

	b.options.step = nil
	b.run(t)
	assert.Len(t, b.archives(t), 3, "the earlier file stays")
	b.restoreAll(t)
	assert.Len(t, b.rows(t), len(b.ticks)+1)
}

// A tick that is committed while the drop waits for the table is counted, however the
// database begins its transactions.
func TestWhatIsCommittedWhileTheDropWaitsIsNotDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, statement := range []string{
		"ALTER TABLE price_ticks DETACH PARTITION " + september,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''repeatable read''', current_database()); END $$",
	} {
		_, err := b.conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s, err := openSession(t.Context(), b.options.DSN, time.Minute)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close(t.Context())) }()
	p := Partition{Name: september}
	p.Rows, err = s.count(t.Context(), s.conn, september)
	require.NoError(t, err)
	tx, err := b.conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "INSERT INTO "+september+" (provider, symbol, observed_at, price) SELECT provider, 'late', observed_at, price FROM "+september+" LIMIT 1")
	require.NoError(t, err)

	dropped := make(chan error, 1)
	go func() { dropped <- s.drop(t.Context(), &p) }()
	await.True(t, func() bool {
		var waits bool
		return tx.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = '"+september+"'::regclass AND NOT granted)").Scan(&waits) == nil && waits
	})
	require.NoError(t, tx.Commit(t.Context()))
	var inUse *inUseError
	require.ErrorAs(t, <-dropped, &inUse)
}

// A month leaves between the look at its partition and a late tick: the write makes it
// anew, and waits for one that is on its way out.
func TestATickWhoseMonthLeavesMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := entities.PriceTick{Provider: "hyperliquid", Symbol: "late", ObservedAt: months()[1].Add(time.Hour), Price: 7}
	tries := 0
	write := func(ctx context.Context, tx repository.Repositories) error {
		if tries++; tries == 1 {
			b.run(t)
		}
		_, err := tx.Prices.InsertTicks(ctx, []entities.PriceTick{late})
		return err
	}
	require.NoError(t, b.store.InTxRetrying(t.Context(), write))
	require.Equal(t, 2, tries)
	require.Contains(t, strings.Join(b.rows(t), "\n"), "late")

	reader, err := pgx.Connect(t.Context(), b.options.DSN)
	require.NoError(t, err)
	defer reader.Close(context.WithoutCancel(t.Context()))
	_, err = reader.Exec(t.Context(), "BEGIN; SELECT count(*) FROM price_ticks")
	require.NoError(t, err)
	b.options.LockTimeout = 100 * time.Millisecond
	_, err = Run(t.Context(), b.options)
	require.ErrorIs(t, err, ErrPostponed) // half detached
	b.options.LockTimeout = time.Minute
	late.Symbol = "later"
	require.ErrorIs(t, b.store.InTxRetrying(t.Context(), write), repository.ErrContended)
	_, err = reader.Exec(t.Context(), "COMMIT")
	require.NoError(t, err)
	b.run(t)
	require.NoError(t, b.store.InTxRetrying(t.Context(), write))
	require.Contains(t, strings.Join(b.rows(t), "\n"), "later")
}

// A month that has left takes in late ticks like any other.
func TestLateTicksOfAMonthThatHasLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t)
	late := []entities.PriceTick{
		{Provider: "hyperliquid", Symbol: "late", ObservedAt: months()[1], Price: 7},
		{Provider: "hyperliquid", Symbol: "S0", ObservedAt: months()[1].Add(7 * (73*time.Minute + time.Microsecond)), Price: 12345},
	}
	require.NoError(t, b.store.Prices.EnsurePartitions(t.Context(), months()[1:2]))
	_, err := b.store.Prices.InsertTicks(t.Context(), late)
	require.NoError(t, err)

	for _, name := range b.archives(t) {
		r, err := Restore(t.Context(), b.options, filepath.Join(b.options.ArchiveDir, name))
		require.NoError(t, err)
		if r.Partition == october {
			assert.Equal(t, Restored{october, 500, 499, 0, 1}, r)
		}
	}
	b.run(t)
	assert.Len(t, b.archives(t), 3)
}

func TestADefaultPartitionRulesOutDetachingConcurrently(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "CREATE TABLE price_ticks_rest PARTITION OF price_ticks DEFAULT")
	assert.Equal(t, StateArchived, states(b.run(t))[october])
	assert.Contains(t, b.tables(t), "price_ticks_rest")
}

func TestATableThatIsNoPartitionStopsTheRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, "CREATE TABLE price_ticks_2025_08 (note text)")
	_, err := Run(t.Context(), b.options)
	require.ErrorContains(t, err, "price_ticks_2025_08 has the columns note and is no partition of price_ticks")
	assert.Contains(t, b.tables(t), "price_ticks_2025_08")
	assert.Equal(t, b.ticks, b.rows(t))
}

func TestAnArchiveThatIsDamagedIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.run(t).Partitions[0].File
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	z, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer z.Close()
	plain, err := z.DecodeAll(whole, nil)
	require.NoError(t, err)
	packed := func(content []byte) []byte {
		w, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		return w.EncodeAll(content, nil)
	}
	for what, content := range map[string][]byte{
		"cut off":          whole[:len(whole)-40],
		"one bit":          append(append([]byte(nil), whole[:len(whole)/2]...), append([]byte{whole[len(whole)/2] ^ 4}, whole[len(whole)/2+1:]...)...),
		"no rows":          packed(plain[:bytes.IndexByte(plain, '\n')+1]),
		"another price":    packed(bytes.Replace(plain, []byte("15.479999999999999"), []byte("15.479999999999998"), 1)),
		"another month":    packed(bytes.Replace(plain, []byte(`"2025-09-01`), []byte(`"2025-08-01`), 1)),
		"another table":    packed(bytes.Replace(plain, []byte(`"table":"price_ticks"`), []byte(`"table":"trades"`), 1)),
		"a later version":  packed(bytes.Replace(plain, []byte(`"version":1`), []byte(`"version":2`), 1)),
		"another column":   packed(bytes.Replace(plain, []byte(`"columns":["`), []byte(`"columns":["x","`), 1)),
		"a row too many":   packed(append(bytes.Clone(plain), plain[bytes.LastIndexByte(plain[:len(plain)-1], '\n')+1:]...)),
		"something else":   []byte("hello"),
		"nothing":          {},
		"another manifest": packed([]byte("{}\n")),
	} {
		damaged := filepath.Join(t.TempDir(), "damaged")
		require.NoError(t, os.WriteFile(damaged, content, 0o600))
		_, err := Restore(t.Context(), b.options, damaged)
		require.ErrorContains(t, err, "error reading "+damaged, what)
	}
	assert.Equal(t, b.ticks[1000:], b.rows(t))
	_, err = Restore(t.Context(), b.options, path)
	require.NoError(t, err)
}

func TestAnUnreachableDatabaseIsReportedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"postgres://u:hunter2@127.0.0.1:1/d", "postgres://u:hunter2@[::1/d"} {
		_, err := Run(t.Context(), Options{DSN: dsn})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

// Candles outlive the ticks, count each once however often its archive is read back, and
// are made of an archive that is older than they are.
func TestCandlesOutliveTheTicks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	candles := func() []string {
		t.Helper()
		rows, err := b.conn.Query(t.Context(), `SELECT (to_jsonb(c) - 'created_at' - 'updated_at')::text FROM price_candles c ORDER BY symbol, resolution, bucket`)
		require.NoError(t, err)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return all
	}
	rebuild := func() {
		t.Helper()
		_, err := b.store.Candles.Rebuild(t.Context(), func(int, int) {})
		require.NoError(t, err)
	}
	whole := candles()
	report := b.run(t)
	assert.Equal(t, whole, candles())
	rebuild()
	assert.Equal(t, whole, candles(), "archived ticks are not forgotten")
	b.restoreAll(t)
	assert.Equal(t, whole, candles())
	b.restoreAll(t)
	b.run(t)
	assert.Equal(t, whole, candles())

	// A tick that comes late moves them, and its archive beside the first does not.
	late := entities.PriceTick{Provider: "hyperliquid", Symbol: "S1", Price: 1e9, ObservedAt: months()[1].Add(time.Hour)}
	require.NoError(t, b.store.Prices.EnsurePartitions(t.Context(), []time.Time{late.ObservedAt}))
	_, err := b.store.Prices.InsertTicks(t.Context(), []entities.PriceTick{late})
	require.NoError(t, err)
	moved := candles()
	assert.NotEqual(t, whole, moved)
	rebuild()
	assert.Equal(t, moved, candles())
	b.run(t)
	require.Len(t, b.archives(t), 3)
	_, err = Restore(t.Context(), b.options, report.Partitions[1].File)
	require.NoError(t, err)
	assert.Equal(t, moved, candles(), "of which the late one is not there")
	b.restoreAll(t)
	assert.Equal(t, moved, candles())

	b.run(t)
	b.exec(t, "DELETE FROM price_candles WHERE bucket < '2025-11-01'")
	b.restoreAll(t)
	assert.Equal(t, moved, candles())
}
