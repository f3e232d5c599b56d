package main

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSeasonGenerateGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	generate := func(seed float64) map[string]string {
		dir := filepath.Join(t.TempDir(), "season")
		e := mustNof0(t, nil, "season", "generate", dir, "--seed", strconv.FormatFloat(seed, 'f', 0, 64), "--models", "3", "--hours", "5", "--start", "2025-10-17T22:00:00.847073Z", "--json")
		files := readDir(t, dir)
		size := 0
		for _, content := range files {
			size += len(content)
		}
		require.Equal(t, map[string]any{"dir": dir, "seed": seed, "files": float64(len(files)), "bytes": float64(size)},
			parsed[map[string]any](t, e))
		return files
	}
	once := generate(8)
	require.Equal(t, once, generate(8))
	require.NotEqual(t, once, generate(9))
}

func TestSeasonGenerateWritesADirectoryPerCompetition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	of := []string{"--models", "3", "--hours", "5", "--start", "2025-10-17T22:00:00.847073Z", "--json"}
	e := mustNof0(t, nil, append([]string{"season", "generate", dir, "--competitions", "s1,s2-calm,s2-wild"}, of...)...)
	written := parsed[[]map[string]any](t, e)
	require.Len(t, written, 3)
	for i, id := range []string{"s1", "s2-calm", "s2-wild"} {
		require.Equal(t, id, written[i]["competition"])
		require.Equal(t, filepath.Join(dir, id), written[i]["dir"])
		require.EqualValues(t, len(readDir(t, filepath.Join(dir, id))), written[i]["files"])
	}
	require.NotEqual(t, readDir(t, filepath.Join(dir, "s2-calm")), readDir(t, filepath.Join(dir, "s2-wild")))
	for _, id := range []string{"..", "a/b", ".", "s{2}", "../s2"} {
		e := nof0(t, nil, append([]string{"season", "generate", dir, "--competitions", "fine," + id}, of...)...)
		require.Equal(t, 2, e.code, id)
		require.Contains(t, e.err, "--competitions")
		require.NoDirExists(t, filepath.Join(dir, "fine"))
	}
}

func TestSeasonGenerateRefusesWhatMakesNoSeason(t *testing.T) {
	t.Parallel()
	e := nof0(t, nil, "season", "generate", t.TempDir(), "--hours", "-3", "--models", "1")
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "models is 1; 2 to 200 are accepted")
	require.Contains(t, e.err, "hours is -3; 1 to 8784 are accepted")
}
