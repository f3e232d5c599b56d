package retention

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// Restored is what became of the rows of an archive.
type Restored struct {
	Partition string `json:"partition"`
	Rows      int64  `json:"rows"`
	Inserted  int64  `json:"inserted"`
	Unchanged int64  `json:"unchanged"` // are in the table already
	Conflicts int64  `json:"conflicts"` // are in the table with another price, and were left out
}

// Restore reads an archive back into the table, in one transaction. It may be
// repeated. The candles count the rows since they first came: they are put into the
// partition itself, of which the triggers of the table hear nothing, and the candles of
// the month are made anew where they count fewer. Of the options it takes DSN, Prices and LockTimeout. The next run
// archives the rows again, into the same file, unless more is kept by then.
func Restore(ctx context.Context, o Options, path string) (r Restored, err error) {
	m, _, err := Verify(path)
	if err != nil {
		return r, err
	}
	r.Partition, r.Rows = m.Partition, m.Rows
	s, err := openSession(ctx, o.DSN, o.LockTimeout)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if err := o.Prices.EnsurePartitions(ctx, []time.Time{m.From}); err != nil {
		return r, err
	}
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		columns := list(m.Columns)
		if _, err := tx.Exec(ctx, fmt.Sprintf(
			"CREATE TEMPORARY TABLE restored ON COMMIT DROP AS SELECT %s FROM %s WITH NO DATA", columns, parent)); err != nil {
			return err
		}
		if err := withArchive(path, func(_ Manifest, rows io.Reader) error {
			_, err := tx.Conn().PgConn().CopyFrom(ctx, rows, fmt.Sprintf(
				"COPY restored (%s) FROM STDIN (FORMAT csv, HEADER true)", columns))
			return err
		}); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, fmt.Sprintf(
			"INSERT INTO %s (%s) SELECT %s FROM restored ORDER BY provider, symbol, observed_at ON CONFLICT DO NOTHING",
			quoted(m.Partition), columns, columns))
		if err != nil {
			return err
		}
		r.Inserted = tag.RowsAffected()
		if _, err := tx.Exec(ctx, `
			SELECT rebuild_price_candles(provider, symbol, $1, $2)
			FROM (SELECT DISTINCT provider, symbol FROM restored ORDER BY provider, symbol) AS series`, m.From, m.To); err != nil {
			return err
		}
		if err := announce(ctx, tx, changeRestored, m.From, m.To, r.Inserted); err != nil {
			return err
		}
		if r.Inserted == m.Rows {
			return nil
		}
		return tx.QueryRow(ctx, `
			SELECT count(*) FROM restored r JOIN price_ticks t USING (provider, symbol, observed_at)
			WHERE t.observed_at >= $1 AND t.observed_at < $2
				AND (t.price IS DISTINCT FROM r.price OR t.extra IS DISTINCT FROM r.extra)`, m.From, m.To).Scan(&r.Conflicts)
	})
	if err != nil {
		return r, fmt.Errorf("error restoring %s: %w", path, err)
	}
	r.Unchanged = r.Rows - r.Inserted - r.Conflicts
	return r, nil
}
