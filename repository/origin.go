package repository

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// origin watches which database the store speaks of. What was read of one says
// nothing about another: not about the same one after a restore or after a
// failover that lost its tail, and not about another of the same name.
type origin struct {
	// query is the place in originQueries of the first that the role may ask.
	query atomic.Int32

	mu        sync.Mutex
	is        string // "" before the first look, and of a database without a schema
	listeners []func(identity string)
}

// originQueries are tried in order: not every role may read the control file.
// The row's xmin changes where a dump is restored, the oid with the database, the
// system identifier with the server, and the timeline with each promotion.
var originQueries = [...]string{ //nolint:gochecknoglobals // constants, spelled by one function
	originQuery("(SELECT system_identifier::text FROM pg_control_system())"),
	originQuery("'unknown'"),
}

func originQuery(system string) string {
	return `SELECT concat_ws('/',
		(SELECT string_agg(id || ':' || xmin::text, ',' ORDER BY id COLLATE "C") FROM store_identity),
		(SELECT oid::text FROM pg_database WHERE datname = current_database()),
		` + system + `,
		CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)`
}

// SQLSTATEs of a database that has no schema yet, and of a question that the
// role may not ask.
const (
	undefinedTable        = "42P01"
	insufficientPrivilege = "42501"
)

// ask looks through one connection. Where the answer differs from the last one,
// the listeners are called before ask returns.
func (o *origin) ask(ctx context.Context, conn *pgx.Conn) error {
	var is string
	at := o.query.Load()
	// In one round trip, also through a pooler.
	err := conn.QueryRow(ctx, originQueries[at], pgx.QueryExecModeSimpleProtocol).Scan(&is)
	pg, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused && pg.Code == insufficientPrivilege && int(at)+1 < len(originQueries):
		o.query.Store(at + 1)
		return o.ask(ctx, conn)
	case refused && pg.Code == undefinedTable:
		return nil
	case err != nil:
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if is != o.is {
		o.is = is
		for _, listen := range o.listeners {
			listen(is)
		}
	}
	return nil
}

// OnIdentity calls listen with the identity of the database, now and whenever it
// is another one: before a new connection to the other database is used, and
// else as CheckIdentity finds it. Listen must not use the store.
func (s *Store) OnIdentity(listen func(identity string)) {
	s.origin.mu.Lock()
	defer s.origin.mu.Unlock()
	s.origin.listeners = append(s.origin.listeners, listen)
	listen(s.origin.is)
}

// CheckIdentity looks whether the database is still the same. A connection that
// stays finds only so that it was restored, or that a pooler leads elsewhere.
func (s *Store) CheckIdentity(ctx context.Context) error {
	conn, err := s.pool.Conn(ctx)
	if err == nil {
		err = conn.Raw(func(driver any) error {
			return s.origin.ask(ctx, driver.(*pipeline).Conn.Conn()) //nolint:forcetypeassert // Open made the pool
		})
		err = errors.Join(err, conn.Close())
	}
	return classify(withCause(ctx, err))
}
