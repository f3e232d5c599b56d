package captures

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// LiveBenchmark gives the equity rows of a benchmark in a directory the shape that they
// have on the live site, and returns how many positions it changed.
func LiveBenchmark(t testing.TB, dir, benchmark string) (changed int) {
	t.Helper()
	path := filepath.Join(dir, "account-totals.json")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // as it stands
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
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
	if body, err = json.Marshal(file); err == nil {
		err = os.WriteFile(path, body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
