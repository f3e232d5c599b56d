package repository

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// behindPooler reports whether a pooler stands between this process and the server:
// such a session goes by another number there than it was told. Where the pooler gives
// each transaction whatever session is free, a statement that one session has prepared
// is unknown to the next.
//
// It refuses a database that writes fewer digits of a double than tell it from others: as text
// it would come back as another one.
func behindPooler(ctx context.Context, pool *sql.DB) (behind bool, err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	err = conn.Raw(func(driver any) error {
		pg := driver.(*pipeline).Conn.Conn() //nolint:forcetypeassert // Open made the pool
		var pid uint32
		var digits int
		err := pg.QueryRow(ctx, "SELECT pg_backend_pid(), current_setting('extra_float_digits')::int", pgx.QueryExecModeSimpleProtocol).Scan(&pid, &digits)
		if err == nil && digits < 1 {
			err = errors.New("the pooler leaves extra_float_digits at " + strconv.Itoa(digits) + ", by which doubles lose digits: ALTER ROLE … RESET extra_float_digits, or set it to 1 there")
		}
		behind = pid != pg.PgConn().PID()
		return err
	})
	return behind, err
}

// choosesExecMode reports whether a DSN says itself how statements are sent.
func choosesExecMode(dsn string) bool { return strings.Contains(dsn, "default_query_exec_mode=") }
