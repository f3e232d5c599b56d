package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/captures"
	"nof0/internal/recompute"
	"nof0/internal/verify"
)

func TestVerifyCaptures(t *testing.T) {
	t.Parallel()
	for _, capture := range captures.Both() {
		dir := capture.Dir(t)
		r := parsed[verify.Report](t, mustNof0(t, nil, "analytics", "verify", "--snapshot", dir, "--json"))
		require.Empty(t, r.Faults)
		require.Len(t, r.Models, len(captures.Complete)+1)
		for _, m := range r.Models {
			require.Equal(t, m.Model == captures.Capped, m.TradesCapped, m.Model)
		}
		compared := 0
		for _, g := range r.Groups {
			if g.Class == "exact" {
				compared += g.Compared
				require.Less(t, g.Worst, verify.Tolerance)
			}
		}
		require.Equal(t, len(captures.Complete)*46, compared, "every exact field of every model that is complete")
		out := mustNof0(t, nil, "analytics", "verify", "--snapshot", dir).out
		require.Contains(t, out, "capped: "+captures.Capped+" has 100 trades here")
		require.Contains(t, out, "known difference: std_taker_fee")
		require.Contains(t, out, "placeholders")
		require.Contains(t, out, "not compared: those over decisions")
	}
}

func TestVerifyFindsACentInACapture(t *testing.T) {
	t.Parallel()
	dir := captures.Earlier.Copy(t)
	file := filepath.Join(dir, "trades.json")
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var trades map[string]any
	require.NoError(t, json.Unmarshal(raw, &trades))
	for _, one := range trades["trades"].([]any) {
		if trade := one.(map[string]any); trade["model_id"] == captures.Complete[0] {
			trade["realized_net_pnl"] = trade["realized_net_pnl"].(float64) + 0.01
			break
		}
	}
	raw, err = json.Marshal(trades)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	e := nof0(t, nil, "analytics", "verify", "--snapshot", dir)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, "fee_pnl_moves_breakdown_table/overall_pnl_with_fees: computed ")
	r := parsed[verify.Report](t, nof0(t, nil, "analytics", "verify", "--snapshot", dir, "--json"))
	fields := map[string]bool{}
	for _, f := range r.Faults {
		require.Equal(t, r.Faults[0].Model, f.Model)
		fields[f.Field] = true
	}
	for _, field := range []string{"overall_pnl_with_fees", "avg_net_pnl", "std_net_pnl"} {
		require.True(t, fields[field], field)
	}
}

func TestVerifyChecksDecisionsWhereAllAreThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "season")
	mustNof0(t, nil, "season", "generate", dir, "--seed", "5", "--models", "4", "--hours", "6")
	mustNof0(t, nil, "analytics", "verify", "--snapshot", dir)
	file := filepath.Join(dir, "analytics.json")
	edit(t, file, `"num_hold_signals":`, `"num_hold_signals":1`)
	e := nof0(t, nil, "analytics", "verify", "--snapshot", dir)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, "num_hold_signals")
}

func TestVerifyNeedsASnapshot(t *testing.T) {
	t.Parallel()
	require.NotZero(t, nof0(t, nil, "analytics", "verify").code)
	e := nof0(t, nil, "analytics", "verify", "--snapshot", t.TempDir())
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "has no trades.json")
	e = nof0(t, nil, "analytics", "verify", "--snapshot", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "does not exist")
}

func TestRecompute(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	mustNof0(t, environ, "import", smallSeason(t))
	type models struct {
		Models []recompute.Result `json:"models"`
	}
	first := parsed[models](t, mustNof0(t, environ, "analytics", "recompute", "--json")).Models
	require.Len(t, first, 3, "of the competitors, not of the benchmark")
	for _, r := range first {
		require.Equal(t, recompute.Updated, r.Outcome)
		require.True(t, r.Whole)
		require.Positive(t, r.Decisions)
	}
	again := parsed[models](t, mustNof0(t, environ, "analytics", "recompute", first[0].Model, "--json")).Models
	require.Len(t, again, 1)
	require.Equal(t, recompute.Unchanged, again[0].Outcome)
	require.Contains(t, mustNof0(t, environ, "analytics", "recompute").out, first[0].Model)

	e := nof0(t, environ, "analytics", "recompute", "nobody")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "unknown model")
	e = nof0(t, environ, "analytics", "recompute", "buynhold_btc")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "benchmark")
}
