package repository

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// RequireUTF8 refuses a database that keeps text otherwise, as the server says when a
// connection begins: LATIN1 has no room for what models write, and SQL_ASCII, which
// initdb chooses without a locale, counts and searches bytes.
func RequireUTF8(_ context.Context, conn *pgx.Conn) error {
	if is := conn.PgConn().ParameterStatus("server_encoding"); is != "UTF8" {
		return fmt.Errorf("the database %s keeps text as %s, and UTF8 is needed: make it anew by CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, or its server by initdb --encoding=UTF8",
			conn.Config().Database, is)
	}
	return nil
}
