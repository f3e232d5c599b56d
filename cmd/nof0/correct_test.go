package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
)

func TestCorrect(t *testing.T) {
	t.Parallel()
	dir := smallSeason(t)
	environ := []string{migratedDatabase(t)}
	mustNof0(t, environ, "import", dir)
	rows := func(file, list string) []map[string]any {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		var content map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &content))
		var all []map[string]any
		require.NoError(t, json.Unmarshal(content[list], &all))
		return all
	}
	require.NotContains(t, mustNof0(t, environ, "correct").out, "void")

	decision := rows("conversations.json", "conversations")[0]
	model, id := decision["model_id"].(string), decision["id"].(string)
	void := []string{"correct", "decision", model, id, "--void", "--reason", "asked twice"}
	require.Equal(t, "decision "+id+" of "+model+": voided\n", mustNof0(t, environ, void...).out)
	require.Equal(t, "decision "+id+" of "+model+": unchanged\n", mustNof0(t, environ, void...).out)

	equity := rows("account-totals.json", "accountTotals")[0]
	equity["dollar_equity"] = 9000.5
	raw, err := json.Marshal(equity)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "row.json")
	require.NoError(t, os.WriteFile(file, append(raw, '\n'), 0o600))
	at, err := json.Marshal(equity["timestamp"])
	require.NoError(t, err)
	result := parsed[arena.CorrectionResult](t, mustNof0(t, environ,
		"correct", "equity", equity["model_id"].(string), string(at), "--replace", file, "--reason", "in cents", "--json"))
	require.Equal(t, "replaced", result.Outcome)
	require.Contains(t, string(result.Correction.After), "9000.5")
	require.Contains(t, result.Correction.By, "@")

	page := parsed[arena.Corrections](t, mustNof0(t, environ, "correct", "--limit", "1", "--json"))
	require.Len(t, page.Corrections, 1)
	require.Equal(t, "equity", page.Corrections[0].Kind)
	require.NotZero(t, page.Next)
	require.Regexp(t, `(?m)^ *\d+ +\S+Z +decision +\S+ +\S+ +void +\S+@\S+ +asked twice$`, mustNof0(t, environ, "correct").out)

	// An import names what it does not take, and takes the rest.
	again := mustNof0(t, environ, "import", dir)
	require.Contains(t, again.out, "not taken conversations.json row 0 ")
	require.Contains(t, again.out, ": asked twice\n")
}

func TestCorrectThatIsNotDone(t *testing.T) {
	t.Parallel()
	environ := []string{migratedDatabase(t)}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such kind":    {[]string{"position", "m", "1", "--void", "--reason", "x"}, 2, `"position" cannot be corrected; there are trade, equity, decision`},
		"no id":           {[]string{"trade", "m", "--void", "--reason", "x"}, 2, "2 arguments were given"},
		"no action":       {[]string{"trade", "m", "1", "--reason", "x"}, 2, "give one of --void and --replace FILE"},
		"two actions":     {[]string{"trade", "m", "1", "--void", "--replace", "f", "--reason", "x"}, 2, "give one of"},
		"no reason":       {[]string{"trade", "m", "1", "--void", "--reason", " "}, 2, "give a --reason"},
		"no fact":         {[]string{"--void", "--reason", "x"}, 2, "which fact?"},
		"no limit":        {[]string{"--limit", "0"}, 2, "--limit: 0 is less than 1"},
		"no such file":    {[]string{"trade", "m", "1", "--replace", filepath.Join(t.TempDir(), "none"), "--reason", "x"}, 1, "no such file"},
		"no such fact":    {[]string{"trade", "m", "1", "--void", "--reason", "x"}, 1, `no such fact: trade "1" of model "m"`},
		"no time":         {[]string{"equity", "m", "m_1", "--void", "--reason", "x"}, 1, "is no time in unix seconds"},
		"nothing written": {[]string{"trade", "m", "1", "--replace", "-", "--reason", "x"}, 1, `no such fact`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := nof0(t, environ, append([]string{"correct"}, c.args...)...)
			require.Equal(t, c.code, e.code, e.err)
			require.Contains(t, e.err, c.says)
			require.Empty(t, e.out)
		})
	}
}
