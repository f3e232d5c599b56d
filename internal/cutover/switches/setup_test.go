package switches_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/cutover/switches"
	"nof0/internal/importer"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const provider = "hyperliquid"

// bundle is the rollout of a database of the test's own and of a directory.
type bundle struct {
	dsn      string
	dir      string
	store    *repository.Store
	rollout  *switches.Rollout
	parity   *runs
	rendered *renderings
	now      time.Time
}

func setup(t *testing.T, change ...func(*switches.Options)) *bundle {
	t.Helper()
	b := &bundle{
		dsn: testdb.New(t, atlastest.Migrator{}), dir: t.TempDir(),
		parity: &runs{by: map[string]run{}}, rendered: &renderings{}, now: time.Now(),
	}
	b.store = open(t, b.dsn, 8)
	o := switches.Options{
		Store: b.store, Importer: files{b.dir}, Renderer: b.rendered, Parity: b.parity, ParityLimit: time.Hour,
		Initial: arena.InitialModes(true), Logger: discard(),
		Now: func() time.Time { return b.now },
	}
	for _, c := range change {
		c(&o)
	}
	b.rollout = switches.New(o)
	return b
}

func open(t *testing.T, dsn string, connections int) *repository.Store {
	t.Helper()
	store, err := repository.Open(t.Context(), repository.Options{DSN: dsn, MaxOpen: connections, MaxIdle: connections})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// connect opens a connection beside the store.
func (b *bundle) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), b.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	return db
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// files imports the files of a directory.
type files struct{ dir string }

func (f files) Import(ctx context.Context, tx repository.Repositories, d arena.Domain) (refused []string, err error) {
	report, err := importer.ImportInto(ctx, tx, f.dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now,
		PrimaryProvider: provider, Domains: []arena.Domain{d}, CapturedAt: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range report.Kinds {
		for _, row := range kind.Rows {
			refused = append(refused, row.File+" "+row.ID)
		}
	}
	return refused, nil
}

// renderings notes what was asked to be rendered.
type renderings struct {
	mu      sync.Mutex
	domains []arena.Domain
	err     error
}

func (r *renderings) Render(_ context.Context, _ repository.Repositories, domains ...arena.Domain) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.domains = append(r.domains, domains...)
	return r.err
}

// taken returns what was rendered since it was last asked.
func (r *renderings) taken() []arena.Domain {
	r.mu.Lock()
	defer r.mu.Unlock()
	domains := r.domains
	r.domains = nil
	return domains
}

// runs are the newest parity runs by domain.
type runs struct{ by map[string]run }

type run struct {
	verdict string
	at      time.Time
	err     error
}

func (r *runs) Newest(_ context.Context, domain string) (string, time.Time, bool, error) {
	one, ok := r.by[domain]
	return one.verdict, one.at, ok, one.err
}

// equal makes the newest run of a domain one without a difference.
func (b *bundle) equal(d arena.Domain) {
	b.parity.by[string(d)] = run{verdict: wire.VerdictEqual, at: b.now}
}

// at brings a domain to modes without asking whether that is wise.
func (b *bundle) at(t *testing.T, d arena.Domain, read arena.ReadMode, write arena.WriteMode) {
	t.Helper()
	put(t, b.store, d, read, write)
}

func put(t *testing.T, store *repository.Store, d arena.Domain, read arena.ReadMode, write arena.WriteMode) {
	t.Helper()
	require.NoError(t, store.Rollout.Set(t.Context(), change(d, read, write)))
}

// modes returns where a domain is.
func (b *bundle) modes(t *testing.T, d arena.Domain) arena.Modes {
	t.Helper()
	state, err := b.rollout.List(t.Context())
	require.NoError(t, err)
	for _, one := range state.Domains {
		if one.Domain == d {
			return arena.Modes{Read: one.Read, Write: one.Write}
		}
	}
	t.Fatalf("%s is not listed", d)
	return arena.Modes{}
}

func (b *bundle) write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600))
}
