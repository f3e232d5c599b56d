package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/config"
)

func TestConfigMasksSecrets(t *testing.T) {
	t.Parallel()
	environ := []string{
		"DATABASE_URL=postgres://user:hidden-1@db.example/nof0", "REDIS_URL=redis://:hidden-2@cache.example:6379",
		"NOF0_INGEST_TOKEN=hidden-3-and-long-enough-to-be-a-token", "NOF0_ADMIN_TOKEN=hidden-4-and-long-enough-to-be-a-token",
		"NOF0_HTTP_ADDR=:9000",
	}
	for _, args := range [][]string{{"config"}, {"config", "--json"}} {
		e := mustNof0(t, environ, args...)
		require.NotContains(t, e.out, "hidden")
		require.Contains(t, e.out, "db.example")
		require.Empty(t, e.err)
	}
	shown := map[string]config.Row{}
	for _, row := range parsed[[]config.Row](t, nof0(t, environ, "config", "--json")) {
		shown[row.Key] = row
	}
	require.Equal(t, config.Row{Key: "http.addr", Env: "NOF0_HTTP_ADDR", Value: ":9000", Origin: config.OriginEnv}, shown["http.addr"])
	require.Equal(t, config.OriginDefault, shown["data_dir"].Origin)
}

func TestConfigListsEveryFault(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nof0.yaml")
	require.NoError(t, os.WriteFile(file, []byte("http:\n  read_timeout: soon\nredsi: {}\n"), 0o600))
	for _, args := range [][]string{{"config"}, {"config", "--json"}} {
		e := nof0(t, []string{"NOF0_HTPP_ADDR=:1", "NOF0_LOG_LEVEL=loud"}, append(args, "--config", file)...)
		require.Equal(t, 1, e.code)
		require.Contains(t, e.err, "nof0: the configuration has 4 faults:\n")
		require.Contains(t, e.err, file+": http.read_timeout: ")
		require.Contains(t, e.err, file+": redsi: no such key")
		require.Contains(t, e.err, "NOF0_HTPP_ADDR: no such variable; did you mean NOF0_HTTP_ADDR?\n")
		require.Contains(t, e.err, "NOF0_LOG_LEVEL: must be one of debug, info, warn, error, not \"loud\"\n")
		require.Contains(t, e.out, "http.addr", "what is in force is shown all the same")
	}
	e := nof0(t, nil, "config", "--config", file+".missing")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, file+".missing does not exist")
}
