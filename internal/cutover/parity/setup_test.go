package parity_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/cutover/parity"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const (
	provider  = "hyperliquid"
	benchmark = "buynhold_btc"
)

// bundle is a JSON directory and a database.
type bundle struct {
	dir   string
	dsn   string
	json  *jsonstore.Source
	store *repository.Store
	db    *sql.DB // behind everybody's back
	// captured is the time of the last directory, as its import tells it.
	captured time.Time
}

// setup imports directories into a database, of which the first is the JSON
// side.
func setup(t *testing.T, dirs ...string) *bundle {
	t.Helper()
	b := &bundle{dir: dirs[0], dsn: testdb.New(t, atlastest.Migrator{})}
	var err error
	b.store, err = repository.Open(t.Context(), repository.Options{DSN: b.dsn, MaxOpen: 5})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	b.db, err = sql.Open("pgx", b.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.db.Close()) })
	for _, dir := range dirs {
		report, err := importer.Import(t.Context(), dir, importer.Options{
			Bounds: wiretest.Bounds(), Now: time.Now,
			Store: b.store, PrimaryProvider: provider, Benchmarks: []string{benchmark},
		})
		require.NoError(t, err)
		require.Zero(t, report.Rejected())
		b.captured = report.CapturedAt
	}
	b.json = jsonstore.NewSource(jsonstore.SourceOptions{
		Dir: b.dir, PrimaryProvider: provider, Benchmarks: []string{benchmark}, Now: time.Now,
	})
	return b
}

func madeUp(t *testing.T, o season.Options) string {
	t.Helper()
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = s.Write(t.Context(), dir)
	require.NoError(t, err)
	return dir
}

func (b *bundle) answers() *arena.Store {
	return arena.NewStore(b.store.Repositories, provider, time.Now)
}

// always is the store's side, of whichever repositories.
func always(s arena.Source) func(repository.Repositories) arena.Source {
	return func(repository.Repositories) arena.Source { return s }
}

func (b *bundle) options(domains ...arena.Domain) parity.Options {
	return parity.Options{JSON: b.json, Store: always(b.answers()), Repos: b.store.Repositories, Domains: domains, Now: time.Now}
}

func (b *bundle) run(t *testing.T, domains ...arena.Domain) *parity.Report {
	t.Helper()
	report, err := parity.Run(t.Context(), b.options(domains...))
	require.NoError(t, err)
	return report
}

// exec changes exactly one row behind everybody's back.
func (b *bundle) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	res, err := b.db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n, query)
}

func findings(r *parity.Report) []wire.ParityFinding {
	var all []wire.ParityFinding
	for _, d := range r.Domains {
		all = append(all, d.Findings...)
	}
	return all
}

func domain(t *testing.T, r *parity.Report, d arena.Domain) wire.ParityRun {
	t.Helper()
	for _, run := range r.Domains {
		if run.Domain == string(d) {
			return run
		}
	}
	require.Fail(t, "no such domain in the report", d)
	return wire.ParityRun{}
}
