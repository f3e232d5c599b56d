package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/cutover/parity"
	"nof0/internal/testdb"
	"nof0/internal/wire"
)

func TestParity(t *testing.T) {
	t.Parallel()
	dir := smallSeason(t)
	environ := []string{migratedDatabase(t), "NOF0_JSON_DIR=" + dir}
	mustNof0(t, environ[:1], "import", dir)

	report := parsed[parity.Report](t, mustNof0(t, environ, "parity", "--json"))
	require.Equal(t, wire.VerdictEqual, report.Verdict)
	require.Len(t, report.Domains, 6)
	e := mustNof0(t, environ[:1], "parity", "--snapshot", dir, "--domain", "trades", "--domain", "prices", "--domain", "trades")
	require.Regexp(t, `(?m)^domain +verdict +compared`, e.out)
	require.Regexp(t, `(?m)^trades +equal `, e.out)
	require.NotContains(t, e.out, "accounts")

	edit(t, filepath.Join(dir, "crypto-prices.json"), `"price":`, `"price":1`)
	e = nof0(t, environ, "parity", "--domain", "prices", "--once")
	require.Equal(t, 1, e.code)
	require.Regexp(t, `crypto_prices .*/price +value +1\d`, e.out)
	e = nof0(t, environ, "parity", "--domain", "prices", "--json") // and what is read again stays different
	require.Equal(t, 1, e.code)
	report = parsed[parity.Report](t, e)
	require.Equal(t, wire.VerdictDifferent, report.Verdict)
	require.Equal(t, "/price", report.Domains[0].Findings[0].Field)
	require.Positive(t, report.Domains[0].ID, "the report is kept")

	edit(t, filepath.Join(dir, "trades.json"), `"trades":`, `"trades:`)
	e = nof0(t, environ, "parity", "--domain", "trades", "--once")
	require.Equal(t, 2, e.code)
	require.Contains(t, e.out, "the JSON side cannot be read")
}

func TestAServerCompares(t *testing.T) {
	t.Parallel()
	dir := smallSeason(t)
	database, token := migratedDatabase(t), "NOF0_ADMIN_TOKEN=of-the-operators-of-it"
	mustNof0(t, []string{database}, "import", dir)
	r := start(t, []string{database, token, "REDIS_URL=" + testdb.NewRedis(t).URL(), "NOF0_JSON_DIR=" + dir, "NOF0_HTTP_ADDR=127.0.0.1:0"}, "serve")
	url := r.ready(t)

	report := parsed[parity.Report](t, mustNof0(t, []string{token}, "parity", "--url", url, "--json"))
	require.Equal(t, wire.VerdictEqual, report.Verdict)
	require.Len(t, report.Domains, 6)
	edit(t, filepath.Join(dir, "crypto-prices.json"), `"price":`, `"price":1`)
	e := nof0(t, []string{token}, "parity", "--url", url, "--domain", "trades", "--domain", "prices")
	require.Equal(t, 1, e.code)
	require.Regexp(t, `(?m)^trades +equal `, e.out)
	require.Regexp(t, `crypto_prices .*/price +value +1\d`, e.out)

	for says, run := range map[string]struct{ environ, args []string }{
		"NOF0_ADMIN_TOKEN": {nil, nil},
		"401":              {[]string{"NOF0_ADMIN_TOKEN=of-somebody-else-again"}, nil},
		"snapshot":         {[]string{token}, []string{"--snapshot", dir}},
	} {
		e := nof0(t, run.environ, append([]string{"parity", "--url", url}, run.args...)...)
		require.Equal(t, 2, e.code, says)
		require.Contains(t, e.err, says)
	}
}

func TestParityThatCannotCompare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ, args []string
		says          string
	}{
		"no directory":      {[]string{unreachable}, nil, "give --snapshot, or set NOF0_JSON_DIR"},
		"no database":       {nil, nil, "DATABASE_URL"},
		"no schema":         {[]string{emptyDatabase(t)}, []string{"--snapshot", t.TempDir()}, "schema"},
		"nobody answers":    {[]string{unreachable}, []string{"--snapshot", t.TempDir()}, "Is Postgres running there?"},
		"an unknown domain": {[]string{unreachable}, []string{"--domain", "Trades"}, `there is no domain "Trades"; there are prices trades`},
		"an empty one":      {[]string{migratedDatabase(t)}, []string{"--snapshot", t.TempDir()}, ""},
	} {
		e := nof0(t, c.environ, append([]string{"parity"}, c.args...)...)
		require.Equal(t, 2, e.code, name)
		require.Contains(t, e.err, c.says, name)
	}
}
