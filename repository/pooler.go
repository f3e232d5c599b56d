package repository

import (
	"context"
	"database/sql"
	"strings"

	"github.com/jackc/pgx/v5"
)

// behindPooler reports whether a pooler stands between this process and the server:
// such a session goes by another number there than it was told. Where the pooler gives
// each transaction whatever session is free, a statement that one session has prepared
// is unknown to the next.
func behindPooler(ctx context.Context, pool *sql.DB) (behind bool, err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	err = conn.Raw(func(driver any) error {
		pg := driver.(*pipeline).Conn.Conn() //nolint:forcetypeassert // Open made the pool
		var pid uint32
		err := pg.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
		behind = pid != pg.PgConn().PID()
		return err
	})
	return behind, err
}

// choosesExecMode reports whether a DSN says itself how statements are sent.
func choosesExecMode(dsn string) bool { return strings.Contains(dsn, "default_query_exec_mode=") }
