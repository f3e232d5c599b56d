package parity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/captures"
)

// TestACaptureWithLiveBenchmarksIsEqual gives every row of a benchmark the shape
// that it has on the live site.
func TestACaptureWithLiveBenchmarksIsEqual(t *testing.T) {
	t.Parallel()
	dir := captures.Earlier.Copy(t)
	require.Positive(t, captures.LiveBenchmark(t, dir, benchmark))
	b := setup(t, dir) // which refuses no row
	report := requireEqual(t, b)
	require.GreaterOrEqual(t, domain(t, report, arena.DomainAccounts).Counts.Compared, captures.Earlier.Rows["account-totals"])
}
