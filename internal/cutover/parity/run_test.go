package parity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/captures"
	"nof0/internal/catalogue"
	"nof0/internal/cutover/parity"
	"nof0/internal/season"
	"nof0/internal/wire"
)

func requireEqual(t *testing.T, b *bundle) *parity.Report {
	t.Helper()
	report := b.run(t)
	require.Empty(t, findings(report))
	require.Equal(t, wire.VerdictEqual, report.Verdict)
	for _, d := range report.Domains {
		require.Equal(t, d.Counts.Compared, d.Counts.Equal, d.Domain)
	}
	return report
}

func TestCapturesAreEqual(t *testing.T) {
	t.Parallel()
	t.Run(captures.Earlier.Name, func(t *testing.T) {
		t.Parallel()
		b := setup(t, captures.Earlier.Copy(t))
		captured, err := b.json.CapturedAt()
		require.NoError(t, err)
		require.Equal(t, b.captured, captured)
		report := requireEqual(t, b)
		require.GreaterOrEqual(t, domain(t, report, arena.DomainAccounts).Counts.Compared, captures.Earlier.Rows["account-totals"])
		t.Logf("%d hours were compared in %s", captures.Hours, report.Took)
		for _, d := range report.Domains {
			require.Empty(t, d.NotHeld, d.Domain)
		}
		require.NotEmpty(t, domain(t, report, arena.DomainAnalytics).Information, "leaderboard.json is frozen")
	})
	t.Run(captures.Later.Name, func(t *testing.T) {
		t.Parallel()
		b := setup(t, captures.Later.Copy(t))
		captured, err := b.json.CapturedAt()
		require.NoError(t, err)
		require.Equal(t, b.captured, captured)
		report := requireEqual(t, b)
		require.Equal(t, []string{string(catalogue.ViewAccountTotals)}, domain(t, report, arena.DomainAccounts).NotHeld)
		require.Equal(t, []string{string(catalogue.ViewPositions)}, domain(t, report, arena.DomainPositions).NotHeld)
	})
}

func TestSeasonIsEqual(t *testing.T) {
	t.Parallel()
	requireEqual(t, setup(t, madeUp(t, season.Options{Seed: 3, Models: 5, Hours: 60})))
}

// A competitor that only the store knows, without trades and decisions, is answered
// with metrics of no facts: those are no difference from a file without them.
func TestMetricsOfNoFactsAreNoDifference(t *testing.T) {
	t.Parallel()
	b := setup(t, madeUp(t, season.Options{Seed: 8, Models: 2, Hours: 5}))
	before := domain(t, b.run(t), arena.DomainAnalytics).Counts
	b.exec(t, "INSERT INTO models (id, display_name, kind) VALUES ('quiet', 'quiet', 'competitor')")
	one, err := b.answers().AnalyticsOf(t.Context(), "quiet")
	require.NoError(t, err)
	require.Len(t, one.Analytics, 1)
	report := b.run(t, arena.DomainAnalytics)
	require.Empty(t, findings(report))
	require.Equal(t, before, domain(t, report, arena.DomainAnalytics).Counts)
}
