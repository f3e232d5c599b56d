package console

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/analytics"
)

// Every metric that is published is shown, and no other.
func TestMetricsAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, f := range analytics.Fields() {
		want = append(want, words(f.Name))
	}
	tables, err := tablesOf([]byte(`{"winners_losers_breakdown_table":{"win_rate":62.5}}`))
	require.NoError(t, err)
	for _, table := range tables {
		for _, m := range table.Metrics {
			have = append(have, m.Name)
			assert.NotEmpty(t, m.Formula, m.Name)
			if m.Name == "win rate" {
				require.InDelta(t, 62.5, m.Value.Or(0), 0)
			} else {
				require.Nil(t, m.Value.Ptr(), m.Name)
			}
		}
	}
	require.ElementsMatch(t, want, have)
}
