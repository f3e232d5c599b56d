package app_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/await"
	"nof0/internal/catalogue"
	"nof0/internal/season"
	"nof0/internal/telemetry"
	"nof0/internal/wire"
)

// inside asks for what operators see of the process.
func inside[T any](t *testing.T, b *bundle, path string) (into T) {
	t.Helper()
	res := request(t, adminToken, http.MethodGet, b.url+"/admin/"+path, "")
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
	require.NoError(t, wire.Unmarshal(res.body, &into))
	return into
}

// TestOperatorsSeeTheInside compares what the admin surface says of the system with what was
// done to it.
func TestOperatorsSeeTheInside(t *testing.T) {
	t.Parallel()
	archives := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(archives, "price_ticks_2025_01-0123456789ab.csv.zst"), []byte("four"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(archives, ".price_ticks_2025_02.1.rows"), nil, 0o600))
	b := setup(t, withTokens, func(c *config.Config) { c.Retention.ArchiveDir = archives })
	b.load(t, madeUp(t, season.Options{Seed: 3, Hours: 12, Models: 2}))
	for range 5 {
		require.Equal(t, http.StatusOK, get(t, b.url+"/api/leaderboard").StatusCode)
	}

	await.True(t, func() bool {
		return inside[wire.SystemState](t, b, "system").Requests == 1 // this one: those before have been answered, and may not have ended yet
	})
	state := inside[wire.SystemState](t, b, "system")
	require.True(t, state.Postgres.Usable)
	require.True(t, state.Redis.Usable, state.Redis.Reason)
	require.Equal(t, "closed", state.Breaker)
	require.Positive(t, state.StartedAt)
	var pools []string
	for _, p := range state.Pools {
		pools = append(pools, p.Name)
		require.Positive(t, p.Max)
		require.LessOrEqual(t, p.InUse, p.Max)
	}
	require.ElementsMatch(t, []string{"jobs", "reads", "writes"}, pools)

	var board wire.CacheFamily
	for _, f := range inside[wire.CacheState](t, b, "cache").Families {
		if f.Family == "leaderboard" {
			board = f
		}
	}
	require.EqualValues(t, 5, board.Local+board.Redis+board.Misses, "%+v", board)
	require.InDelta(t, float64(board.Local+board.Redis)/5, board.HitRatio.Or(-1), 1e-9)

	outbox := func() wire.OutboxState { return inside[wire.OutboxState](t, b, "outbox") }
	await.True(t, func() bool { // events of metrics follow that of the import
		o := outbox()
		return o.Waiting == 0 && o.Lag == 0 && o.Relayed["import"] > 0
	})
	require.Positive(t, outbox().Newest)

	await.True(t, func() bool {
		for _, job := range inside[wire.JobStates](t, b, "jobs").Jobs {
			last, next := job.LastSuccess.Or(0), job.Next.Or(0)
			if job.Name == "prune the outbox" && last > 0 {
				require.InDelta(t, 3600, next-last, 1e-3)
				return true
			}
		}
		return false
	})

	migrations := inside[wire.MigrationStates](t, b, "migrations")
	require.Empty(t, migrations.Pending)
	require.Equal(t, migrations.Applied[len(migrations.Applied)-1].Version, migrations.Version)

	tables := inside[wire.TableStates](t, b, "tables")
	var ticks wire.TableState
	for _, table := range tables.Tables {
		if table.Name == "price_ticks" {
			ticks = table
		}
	}
	require.Positive(t, ticks.Bytes)
	require.Positive(t, ticks.Ahead)
	require.Len(t, tables.Archives, 1)
	require.EqualValues(t, 4, tables.Archives[0].Bytes)

	statements := inside[wire.StatementStates](t, b, "statements").Statements
	for i, s := range statements {
		require.InDelta(t, s.Total, s.Mean*float64(s.Calls), 1e-6, s.Name)
		require.True(t, i == 0 || s.Total <= statements[i-1].Total, s.Name)
		require.LessOrEqual(t, s.Median.Or(31), s.P99.Or(31), s.Name)
	}
	require.NotEmpty(t, statements)

	for _, s := range inside[wire.Settings](t, b, "configuration").Settings {
		if s.Key == "ingest_token" || s.Key == "admin_token" {
			require.Equal(t, "***", s.Value, s.Key)
		}
		require.NotContains(t, s.Value, ingestToken)
	}
}

// TestOperatorsSeeWhatWritesBecame holds that items are counted by what became of them, and
// that rejected ones are listed with their reasons, the newest first.
func TestOperatorsSeeWhatWritesBecame(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	write := func(kind, body string) {
		res := request(t, ingestToken, http.MethodPost, b.url+"/api/ingest/"+kind+"?register=true", body)
		require.Contains(t, []int{http.StatusOK, http.StatusConflict, http.StatusUnprocessableEntity}, res.StatusCode, "%s", res.body)
	}
	row := `{"model_id":"m","timestamp":1760000000,"dollar_equity":10000,"since_inception_hourly_marker":0,"positions":{}}`
	write("equity", row)
	write("equity", row)
	write("equity", strings.Replace(row, "10000", "20000", 1))
	write("models", `{"items":[{"id":"other"},{"id":""}]}`)

	state := inside[wire.IngestState](t, b, "ingest")
	require.Equal(t, []wire.IngestKind{
		{Kind: "equity", IngestCounts: wire.IngestCounts{Accepted: 1, Unchanged: 1, Rejected: 1}},
		{Kind: "models", IngestCounts: wire.IngestCounts{Accepted: 1, Rejected: 1}},
	}, state.Kinds)
	sums := map[string]wire.IngestCounts{}
	for _, m := range state.Minutes {
		sum := sums[m.Kind]
		sum.Accepted += m.Accepted
		sum.Unchanged += m.Unchanged
		sum.Rejected += m.Rejected
		sums[m.Kind] = sum
		require.Zero(t, m.At%60)
	}
	require.Equal(t, map[string]wire.IngestCounts{"equity": state.Kinds[0].IngestCounts, "models": state.Kinds[1].IngestCounts}, sums)
	require.Len(t, state.Rejected, 2)
	require.Equal(t, []string{"models", "equity"}, []string{state.Rejected[0].Kind, state.Rejected[1].Kind})
	require.Equal(t, []string{"invalid", "conflict"}, []string{state.Rejected[0].Why, state.Rejected[1].Why})
	require.NotEmpty(t, state.Rejected[0].Errors)

	for range 60 {
		write("models", `{"items":[{"id":""},{"id":" "}]}`)
	}
	require.Len(t, inside[wire.IngestState](t, b, "ingest").Rejected, 100)
}

// TestTheLogLevelIsSetThroughTheAPI sets the level of the log.
func TestTheLogLevelIsSetThroughTheAPI(t *testing.T) {
	t.Parallel()
	cfg := setup(t, withTokens).cfg
	var log bytes.Buffer
	logger, err := telemetry.NewLogger(&log, config.Log{Level: "error", Format: "text"})
	require.NoError(t, err)
	a, err := app.New(t.Context(), cfg, logger, telemetry.Build{})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	b := &bundle{url: server.URL}
	require.Equal(t, "error", inside[wire.LogLevel](t, b, "log-level").Level)
	set := func(level string) int {
		return request(t, adminToken, http.MethodPut, b.url+"/admin/log-level", `{"level":"`+level+`"}`).StatusCode
	}
	require.Equal(t, http.StatusOK, set("warn"))
	require.Equal(t, "warn", inside[wire.LogLevel](t, b, "log-level").Level)
	for _, wrong := range []string{"", "loud", "INFO+2"} {
		require.Equal(t, http.StatusUnprocessableEntity, set(wrong), wrong)
	}
	require.False(t, logger.Enabled(t.Context(), slog.LevelInfo))
	require.Contains(t, log.String(), `level=WARN by="admin API, 127.0.0.1"`)
}

// TestNothingOfOperatorsWithoutTheToken asks for everything of operators without their token.
func TestNothingOfOperatorsWithoutTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	asked := 0
	// Many wrong tokens are refused without being looked at.
	refused := []int{http.StatusUnauthorized, http.StatusTooManyRequests}
	for _, e := range catalogue.Endpoints() {
		if e.Tag != catalogue.TagAdmin {
			continue
		}
		asked++
		url := b.url + strings.Replace(e.Path, ":domain", "trades", 1)
		for token, at := range map[string]string{"": url, ingestToken: url, adminToken + "x": url, "none": url + "?token=" + adminToken} {
			res := request(t, token, e.Method, at, "")
			require.Contains(t, refused, res.StatusCode, "%s %s with %q", e.Method, at, token)
			require.Contains(t, res.Header.Get("Content-Type"), "application/problem+json")
		}
	}
	require.GreaterOrEqual(t, asked, 15)
}
