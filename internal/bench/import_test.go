//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var captureHours = flag.Int("capture-hours", 2000, "how long the season of 50 models is that is imported")

// imported is a line of the table of imports: the seconds of `nof0 import` of a capture
// into an empty database beside those of reading its files with encoding/json, and of
// storing the same rows by COPY into staging tables and INSERT … ON CONFLICT from them.
type imported struct {
	Bytes     int64   `json:"bytes"`
	Rows      int64   `json:"rows"`
	Ours      float64 `json:"seconds"`
	Again     float64 `json:"seconds_again"` // of the same capture, which changes nothing
	Parsing   float64 `json:"parsing_seconds"`
	Copying   float64 `json:"copying_seconds"`
	Ratio     float64 `json:"ratio"` // of the speeds
	CaptureOf string  `json:"capture"`
}

// imports measures rounds in turn, and returns medians.
func imports(t *testing.T) *imported {
	t.Helper()
	const models = "50"
	hours := strconv.Itoa(*captureHours)
	if *short {
		hours = "20"
	}
	dir := filepath.Join(t.TempDir(), "capture")
	nof0(t, "", "season", "generate", dir, "--models", models, "--hours", hours, "--start", "2025-10-17T22:00:00Z")
	i := &imported{CaptureOf: models + " models for " + hours + " hours"}
	var ours, again, parsing, copying []float64
	for range *rounds {
		dsn := database(t)
		nof0(t, dsn, "migrate", "apply")
		ours = append(ours, seconds(func() { nof0(t, dsn, "import", dir) }))
		tables := copyOut(t, dsn)
		again = append(again, seconds(func() { nof0(t, dsn, "import", dir) }))
		parsing = append(parsing, seconds(func() { i.Bytes = parse(t, dir) }))
		yardstick := database(t)
		nof0(t, yardstick, "migrate", "apply")
		copying = append(copying, seconds(func() { i.Rows = copyIn(t, yardstick, tables) }))
	}
	i.Ours, i.Again, i.Parsing, i.Copying = medianOf(ours), medianOf(again), medianOf(parsing), medianOf(copying)
	i.Ratio = (i.Parsing + i.Copying) / i.Ours
	return i
}

func (i *imported) String() string {
	return fmt.Sprintf("import of %s, %.0f MB, %d rows: %.2f s, again %.2f s; encoding/json %.2f s and COPY %.2f s: ratio %.2f",
		i.CaptureOf, float64(i.Bytes)/1e6, i.Rows, i.Ours, i.Again, i.Parsing, i.Copying, i.Ratio)
}

func seconds(do func()) float64 {
	began := time.Now()
	do()
	return time.Since(began).Seconds()
}

func medianOf(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// parse reads every file of a directory and returns their size.
func parse(t *testing.T, dir string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var document any
		require.NoError(t, json.Unmarshal(raw, &document))
		size += int64(len(raw))
	}
	return size
}

// copied is a table as COPY writes it.
type copied struct {
	name string
	rows bytes.Buffer
}

// copyOut copies what an import has stored, each table after those that it refers to.
func copyOut(t *testing.T, dsn string) (tables []*copied) {
	t.Helper()
	conn := connect(t, dsn)
	rows, err := conn.Query(t.Context(), `WITH RECURSIVE behind AS (
			SELECT c.oid, 0 AS depth FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			UNION
			SELECT f.conrelid, b.depth + 1 FROM pg_constraint f JOIN behind b ON b.oid = f.confrelid WHERE f.contype = 'f' AND f.conrelid <> f.confrelid AND b.depth < 9)
		SELECT quote_ident(c.relname) FROM behind b JOIN pg_class c USING (oid) WHERE c.relname NOT IN ('store_identity', 'price_ticks') AND c.relname NOT LIKE 'atlas%'
		GROUP BY c.relname ORDER BY max(b.depth), c.relname`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, name := range names {
		table := &copied{name: name}
		tag, err := conn.PgConn().CopyTo(t.Context(), &table.rows, "COPY (SELECT * FROM "+name+") TO STDOUT")
		require.NoError(t, err)
		if tag.RowsAffected() > 0 {
			tables = append(tables, table)
		}
	}
	return tables
}

// copyIn stores tables in one transaction, through staging tables, and returns how many
// rows they have.
func copyIn(t *testing.T, dsn string, tables []*copied) (stored int64) {
	t.Helper()
	conn := connect(t, dsn)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	for _, table := range tables {
		_, err := tx.Exec(t.Context(), "CREATE TEMP TABLE staging (LIKE "+table.name+") ON COMMIT DROP")
		require.NoError(t, err)
		tag, err := conn.PgConn().CopyFrom(t.Context(), bytes.NewReader(table.rows.Bytes()), "COPY staging FROM STDIN")
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "INSERT INTO "+table.name+" OVERRIDING SYSTEM VALUE SELECT * FROM staging ON CONFLICT DO NOTHING")
		require.NoError(t, err, table.name)
		_, err = tx.Exec(t.Context(), "DROP TABLE staging")
		require.NoError(t, err)
		stored += tag.RowsAffected()
	}
	require.NoError(t, tx.Commit(t.Context()))
	return stored
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
