package parity_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
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
	path := filepath.Join(dir, "account-totals.json")
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	var file map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // as it stands
	require.NoError(t, decoder.Decode(&file))
	changed := 0
	rows, _ := file["accountTotals"].([]any)
	for _, one := range rows {
		row, _ := one.(map[string]any)
		if row["model_id"] != benchmark {
			continue
		}
		delete(row, "sharpe_ratio")
		positions, _ := row["positions"].(map[string]any)
		for _, one := range positions {
			p, _ := one.(map[string]any)
			p["exit_plan"], p["index_col"] = "N/A", -1
			for _, id := range []string{"entry_oid", "oid", "tp_oid", "sl_oid"} {
				p[id] = -1
			}
			changed++
		}
	}
	require.Positive(t, changed)
	body, err = json.Marshal(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, body, 0o600))

	b := setup(t, dir) // which refuses no row
	report := requireEqual(t, b)
	require.GreaterOrEqual(t, domain(t, report, arena.DomainAccounts).Counts.Compared, captures.Earlier.Rows["account-totals"])
}
