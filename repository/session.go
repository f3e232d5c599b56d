package repository

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Session are settings that the server keeps for each session of a pool. They
// bound what a process that was frozen, or whose machine is gone, costs others.
type Session struct {
	Name string // application_name, as pg_stat_activity shows it
	// LockTimeout bounds each wait for a lock, the error then wraps ErrLocked; 0 is
	// the server's own.
	LockTimeout time.Duration
	// IdleInTransaction bounds how long a transaction may hold its locks and do
	// nothing; 0 is the server's own.
	IdleInTransaction time.Duration
}

// everySession is how a session speaks, whatever its database and its role have been told:
// settings that a pooler keeps for each client.
func everySession() map[string]string {
	return map[string]string{
		"timezone": "UTC", "client_encoding": "UTF8", "datestyle": "ISO, YMD", "standard_conforming_strings": "on",
	}
}

// keepalive is how long the server waits before it asks a silent client whether it is
// still there, and how often it asks; after three questions it ends the session.
const keepalive = 10 * time.Second

func (s Session) set(conf *pgx.ConnConfig) {
	params := conf.RuntimeParams
	// As everySession, but of those that a pooler does not keep: see beginTx and behindPooler.
	params["default_transaction_isolation"], params["extra_float_digits"], params["bytea_output"] = "read committed", "1", "hex"
	if s == (Session{}) {
		return
	}
	params["application_name"] = s.Name
	// What a statement here costs is estimated by its limits, of which it needs a part:
	// to compile its plan takes longer than to run it.
	params["jit"] = "off"
	if s.LockTimeout > 0 {
		params["lock_timeout"] = milliseconds(s.LockTimeout)
	}
	if s.IdleInTransaction > 0 {
		params["idle_in_transaction_session_timeout"] = milliseconds(s.IdleInTransaction)
	}
	if !strings.HasPrefix(conf.Host, "/") {
		seconds := strconv.Itoa(int(keepalive / time.Second))
		params["tcp_keepalives_idle"], params["tcp_keepalives_interval"], params["tcp_keepalives_count"] = seconds, seconds, "3"
	}
}

// refusesSettings reports whether a pooler answered that it knows none of the settings.
func refusesSettings(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "08P01" && strings.Contains(pg.Message, "startup parameter")
}

// readOnlyTransaction is the SQLSTATE of a write on a standby, or on a server that
// was turned read-only.
const readOnlyTransaction = "25006"

// keepsSession says whether a session is good for another statement: not where it
// leads to a server that takes no writes, since the primary may be elsewhere now.
func keepsSession(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	return err.SeverityUnlocalized != "FATAL" && err.Code != readOnlyTransaction
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }
