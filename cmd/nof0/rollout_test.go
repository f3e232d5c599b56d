package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
)

func TestRollout(t *testing.T) {
	t.Parallel()
	dir := smallSeason(t)
	environ := []string{migratedDatabase(t), "NOF0_JSON_DIR=" + dir}

	state := parsed[arena.RolloutState](t, mustNof0(t, environ, "rollout", "--json"))
	require.Len(t, state.Domains, 6)
	require.Empty(t, state.Changes)
	for _, d := range state.Domains {
		require.Equal(t, arena.DomainState{Domain: d.Domain, Read: arena.ReadJSON, Write: arena.WriteJSON, Moves: d.Moves}, d)
	}

	one := parsed[arena.DomainState](t, mustNof0(t, environ, "rollout", "prices", "write=both", "--reason", "begin", "--json"))
	require.Equal(t, arena.WriteBoth, one.Write)
	require.Equal(t, "begin", one.Changed.Reason)
	require.Contains(t, one.Changed.By, "@")
	mustNof0(t, environ, "rollout", "prices", "read=shadow")

	e := nof0(t, environ, "rollout", "prices", "read=store")
	require.Equal(t, 1, e.code)
	require.Equal(t, "nof0: prices has no parity run yet; run `nof0 parity --domain prices` first; or force it and say why\n", e.err)
	mustNof0(t, environ, "parity", "--domain", "prices")
	mustNof0(t, environ, "rollout", "prices", "read=store", "write=store", "--reason", "equal")

	// The way back writes the files anew.
	require.NoError(t, os.Remove(filepath.Join(dir, "crypto-prices.json")))
	mustNof0(t, environ, "rollout", "prices", "read=json", "write=json")
	require.FileExists(t, filepath.Join(dir, "crypto-prices.json"))

	mustNof0(t, environ, "rollout", "trades", "read=store", "write=store", "--force", "--reason", "no time")
	table := mustNof0(t, environ, "rollout").out
	require.Regexp(t, `(?m)^domain +read +write +since +by +reason$`, table)
	require.Regexp(t, `(?m)^prices +json +json +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ +\S+@\S+$`, table)
	require.Regexp(t, `(?m)^trades +store +store +\S+ +\S+@\S+ +no time \(forced\)$`, table)
	require.Regexp(t, `(?m)^positions +json +json +the start$`, table)
	require.Regexp(t, `(?m)^\S+Z +prices +shadow → store +both → store +\S+ +equal$`, table)
	require.Regexp(t, `(?m)^trades +store`, mustNof0(t, environ, "rollout", "trades").out)
}

func TestRolloutThatIsNotDone(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such domain":   {[]string{"rollout", "nothing"}, 2, `there is no domain "nothing"; there are prices, trades,`},
		"no such argument": {[]string{"rollout", "trades", "reads=json"}, 2, `"reads=json": read=… and write=… are set, once each`},
		"no mode":          {[]string{"rollout", "trades", "read"}, 2, `"read" is neither read=… nor write=…`},
		"twice":            {[]string{"rollout", "trades", "read=json", "read=store"}, 2, "once each"},
		"no such mode":     {[]string{"rollout", "trades", "read=both"}, 1, `read can be json, shadow, store, not "both"`},
		"no reason":        {[]string{"rollout", "trades", "read=json", "write=json", "--force"}, 1, "force needs a reason"},
		"no JSON files":    {[]string{"rollout", "trades", "read=json", "write=json"}, 1, "no JSON store is configured here: without json_dir (NOF0_JSON_DIR)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := nof0(t, environ, c.args...)
			require.Equal(t, c.code, e.code, e.err)
			require.Contains(t, e.err, c.says)
			require.Empty(t, e.out)
		})
	}
	state := parsed[arena.RolloutState](t, mustNof0(t, environ, "rollout", "--json"))
	require.Equal(t, arena.ReadStore, state.Domains[0].Read, "without files everything is in the store")
}
