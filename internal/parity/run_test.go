package parity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/season"
	"nof0/internal/wire"
)

func requireEqual(t *testing.T, b *bundle) {
	t.Helper()
	report := b.run(t)
	require.Empty(t, findings(report))
	require.Equal(t, wire.VerdictEqual, report.Verdict)
	for _, d := range report.Domains {
		t.Logf("%s: %+v not held %v", d.Domain, d.Counts, d.NotHeld)
		require.Equal(t, d.Counts.Compared, d.Counts.Equal)
	}
}

func TestCapturesAreEqual(t *testing.T) {
	t.Parallel()
	for _, name := range []string{earlier, later} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireEqual(t, setup(t, capture(t, name)))
		})
	}
	t.Run("what a capture lacks is no fault", func(t *testing.T) {
		t.Parallel()
		report := setup(t, capture(t, later)).run(t, arena.DomainAccounts, arena.DomainPositions)
		require.Equal(t, []string{string(arena.ViewAccountTotals)}, domain(t, report, arena.DomainAccounts).NotHeld)
		require.Equal(t, []string{string(arena.ViewPositions)}, domain(t, report, arena.DomainPositions).NotHeld)
	})
}

func TestSeasonIsEqual(t *testing.T) {
	t.Parallel()
	requireEqual(t, setup(t, madeUp(t, season.Options{Seed: 3, Models: 5, Hours: 60})))
}
