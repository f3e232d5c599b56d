package app_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/config"
	"nof0/entities"
	"nof0/internal/apiclient"
	"nof0/internal/app"
	"nof0/internal/arena"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/telemetry"
	"nof0/internal/testdb"
	"nof0/internal/wire/wiretest"
)

// bundle is one running system with servers of its own.
type bundle struct {
	app   *app.App
	cfg   config.Config
	owner string // the URL of its database for who may do anything
	redis *testdb.RedisServer
	url   string
}

// setup starts the system on an empty database, in which it has the rights of
// nof0_server.
func setup(t testing.TB, change ...func(*config.Config)) *bundle {
	t.Helper()
	cfg := config.Default()
	cfg.Bounds.EarliestYear = 1970 // many tests count from there
	cfg.Cache.StaleAfter = 0       // a busy machine takes long, and tests wait
	cfg.Redis.SlowAfter, cfg.Postgres.HungAfter = 0, 0
	cfg.Postgres.LockTimeout, cfg.Postgres.ConnectTimeout = 20*time.Second, 20*time.Second // less than a request may take
	redisWaits(&cfg, 10*time.Second)
	var owner string
	cfg.DatabaseURL, owner = newDatabase(t)
	redis := testdb.NewRedis(t)
	cfg.RedisURL = redis.URL()
	for _, c := range change {
		c(&cfg)
	}
	b := &bundle{cfg: cfg, owner: owner, redis: redis}
	b.app, b.url = start(t, cfg)
	return b
}

// redisWaits is for how long Redis is waited for. A breaker that opens on a busy machine is
// no fault of what is tested.
func redisWaits(c *config.Config, atMost time.Duration) {
	c.Redis.DialTimeout, c.Redis.ReadTimeout, c.Redis.WriteTimeout, c.Redis.PoolTimeout = atMost, atMost, atMost, atMost
}

// newDatabase returns the URLs of a database for nof0_server and for who may do anything.
// A pooler takes no role with a connection: who comes through one has all rights.
func newDatabase(t testing.TB) (server, owner string) {
	t.Helper()
	if os.Getenv("NOF0_TEST_POOLER_URL") != "" {
		dsn := testdb.New(t, atlastest.Migrator{})
		return dsn, testdb.As(t, dsn, "")
	}
	roles, err := os.ReadFile("../../deploy/postgres/roles.sql")
	require.NoError(t, err)
	dsn := testdb.New(t, atlastest.Migrator{Roles: string(roles)})
	return testdb.As(t, dsn, "nof0_server"), testdb.As(t, dsn, "")
}

// start starts one process of the system.
func start(t testing.TB, cfg config.Config) (*app.App, string) {
	t.Helper()
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), telemetry.Build{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	t.Cleanup(a.Start(t.Context()))
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	return a, server.URL
}

// load imports a directory and expects every row to be taken.
func (b *bundle) load(t testing.TB, dir string) *importer.Report {
	t.Helper()
	report, err := b.importDir(t.Context(), dir)
	require.NoError(t, err)
	require.Zero(t, report.Rejected(), "%+v", report.Kinds)
	return report
}

func (b *bundle) importDir(ctx context.Context, dir string) (*importer.Report, error) {
	return importer.Import(ctx, dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now,
		Store:           b.app.Store,
		PrimaryProvider: b.cfg.Arena.PrimaryProvider,
		Benchmarks:      b.cfg.Arena.Benchmarks,
	})
}

// set sets the switches of a domain without asking whether that is wise.
func (b *bundle) set(t *testing.T, d arena.Domain, to arena.Modes) {
	t.Helper()
	require.NoError(t, b.app.Store.Rollout.Set(t.Context(), entities.RolloutChange{
		Domain: string(d), ReadTo: string(to.Read), WriteTo: string(to.Write),
	}))
}

// madeUp writes a generated season.
func madeUp(t testing.TB, o season.Options) string {
	t.Helper()
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "season")
	_, err = s.Write(t.Context(), dir)
	require.NoError(t, err)
	return dir
}

type response struct {
	*http.Response
	body []byte
}

// get asks and reads the whole answer. Headers come in pairs.
func get(t *testing.T, url string, headers ...string) response {
	t.Helper()
	return request(t, "", http.MethodGet, url, "", headers...)
}

// request sends a request to a URL and reads the whole answer. A body of "" is none.
func request(t testing.TB, token, method, url, body string, headers ...string) response {
	t.Helper()
	var sent []byte
	if body != "" {
		sent = []byte(body)
	}
	res, err := apiclient.Client{Token: token}.Do(t.Context(), method, url, sent, headers...)
	require.NoError(t, err)
	return response{res.Response, res.Body}
}

func (r response) object(t *testing.T) map[string]any {
	t.Helper()
	return parse(t, r.body)
}

// parse reads JSON with numbers as doubles.
func parse(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(raw, &v), "%.200s", raw)
	return v
}

// exec changes one row behind everybody's back.
func (b *bundle) exec(t *testing.T, query string) {
	t.Helper()
	res, err := b.sql(t).ExecContext(t.Context(), query)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// sql opens the database of the system.
func (b *bundle) sql(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", b.owner)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

const adminToken = "admin"

// withJSON gives the system a JSON store, which it compares once and then not
// again by itself.
func withJSON(dir string) func(*config.Config) {
	return func(c *config.Config) {
		c.JSONDir, c.AdminToken, c.IngestToken = dir, adminToken, ingestToken
		c.Rollout.ParityInterval = time.Hour
	}
}
