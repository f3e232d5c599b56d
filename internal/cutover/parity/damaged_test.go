package parity_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/importer"
	"nof0/internal/season"
	"nof0/internal/snapshot"
	"nof0/internal/testdb"
	"nof0/internal/testsize"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// damage spoils some rows of every file of a directory, and names them.
func damage(t *testing.T, dir string, r *rand.Rand) (damaged []string) {
	t.Helper()
	c, err := snapshot.Read(dir)
	require.NoError(t, err)
	for _, f := range c.Files {
		body, err := os.ReadFile(filepath.Join(dir, f.Name))
		require.NoError(t, err)
		hit := r.Perm(len(f.Rows))[:(len(f.Rows)+9)/10]
		slices.Sort(hit)
		for _, i := range slices.Backward(hit) { // from the end, so that offsets stay
			row := f.Rows[i]
			bad := []string{"null", `"N/A"`, "[]", "{}", "1e3", string(bytes.Replace(row.Raw, []byte("{"), []byte(`{"x":1,"x":2,`), 1))}[r.IntN(6)]
			body = slices.Concat(body[:row.Offset], []byte(bad), body[row.Offset+int64(len(row.Raw)):])
			damaged = append(damaged, f.Name+" "+strconv.Itoa(i))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), body, 0o600))
	}
	slices.Sort(damaged)
	return damaged
}

// TestDamagedRowsAreNamedAndTheOthersEqual imports generated seasons with rows
// damaged at random: both sides refuse these by name, and agree on the others.
func TestDamagedRowsAreNamedAndTheOthersEqual(t *testing.T) {
	t.Parallel()
	for seed := range testsize.Pick[uint64](2, 4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir := madeUp(t, season.Options{Seed: seed, Models: 5, Hours: 40})
			damaged := damage(t, dir, rand.New(rand.NewPCG(seed, 13)))
			store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 5})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			report, err := importer.Import(t.Context(), dir, importer.Options{
				Bounds: wiretest.Bounds(), Now: time.Now, Store: store, PrimaryProvider: provider, Benchmarks: []string{benchmark},
			})
			require.NoError(t, err)
			var refused []string
			for _, kind := range report.Kinds {
				for _, row := range kind.Rows {
					refused = append(refused, row.File+" "+strconv.Itoa(row.Row))
				}
			}
			slices.Sort(refused)
			require.Equal(t, damaged, refused)

			b := &bundle{dir: dir, store: store, json: jsonstore.NewSource(jsonstore.SourceOptions{
				Dir: dir, PrimaryProvider: provider, Benchmarks: []string{benchmark}, Now: time.Now,
			})}
			compared := b.run(t)
			for _, f := range findings(compared) {
				require.Equal(t, wire.FindingRefused, f.Kind, "%+v", f)
			}
			require.Equal(t, wire.VerdictEqual, compared.Verdict)
			require.Positive(t, domain(t, compared, arena.DomainAccounts).Counts.Equal)
			require.Positive(t, domain(t, compared, arena.DomainTrades).Counts.Equal)
		})
	}
}

// TestAnUnreadableStatementIsNamedAsTheImportNamesIt runs parity where no positions.json
// states what is open, and the newest equity row of a model carries something else.
func TestAnUnreadableStatementIsNamedAsTheImportNamesIt(t *testing.T) {
	t.Parallel()
	dir := madeUp(t, season.Options{Seed: 3, Models: 3, Hours: 5})
	require.NoError(t, os.Remove(filepath.Join(dir, "positions.json")))
	path := filepath.Join(dir, "account-totals.json")
	c, err := snapshot.Read(dir, snapshot.AccountTotals)
	require.NoError(t, err)
	rows := c.Files[0].Rows
	last := rows[len(rows)-1]
	at := last.Offset + int64(bytes.Index(last.Raw, []byte(`"positions":`))) + int64(len(`"positions":`))
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, slices.Concat(body[:at], []byte(`"N/A","was":`), body[at:]), 0o600))

	store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 5})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	report, err := importer.Import(t.Context(), dir, importer.Options{
		Bounds: wiretest.Bounds(), Now: time.Now, Store: store, PrimaryProvider: provider, Benchmarks: []string{benchmark},
	})
	require.NoError(t, err)
	require.Equal(t, 1, report.Rejected())
	b := &bundle{dir: dir, store: store, json: jsonstore.NewSource(jsonstore.SourceOptions{
		Dir: dir, PrimaryProvider: provider, Benchmarks: []string{benchmark}, Now: time.Now,
	})}
	compared := b.run(t)
	require.Equal(t, wire.VerdictEqual, compared.Verdict)
	named := findings(compared)
	require.Len(t, named, 1)
	require.Equal(t, string(arena.DomainPositions), named[0].Domain)
	require.Equal(t, wire.FindingRefused, named[0].Kind)
	require.Equal(t, "/positions", named[0].Field)
	require.Contains(t, named[0].Reason, fmt.Sprintf("account-totals.json row %d ", last.Index))
}
