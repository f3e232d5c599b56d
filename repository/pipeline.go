package repository

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// connector makes the connections of a pool.
type connector struct {
	driver.Connector

	observe func(ctx context.Context, repository, method string) func(err *error)
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &pipeline{Conn: conn.(*stdlib.Conn), observe: c.observe}, nil //nolint:forcetypeassert // stdlib makes nothing else
}

// pipeline is a connection that sends statements of a transaction together, in one round
// trip and in their order: its BEGIN and those that later marks with the one that comes
// next, or with the COMMIT. The server runs each after the one before it, and none after
// one that has failed.
type pipeline struct {
	*stdlib.Conn

	observe func(ctx context.Context, repository, method string) func(err *error) // nil is none

	in     bool        // a transaction that sends statements together
	queued []statement // of the transaction, not sent yet
}

// statement waits to be sent.
type statement struct {
	query string
	args  []any
}

type laterKey struct{}

// later makes statements of a session wait for the next one of the transaction, or for
// its commit, which then return their errors. How many rows they change, and what they
// return, nobody hears. Outside of a transaction they run at once.
func later(db *gorm.DB) *gorm.DB {
	return with(db, laterKey{}, true)
}

// with is a session whose statements carry a value to the connection.
func with(db *gorm.DB, key, value any) *gorm.DB {
	return db.WithContext(context.WithValue(db.Statement.Context, key, value))
}

// Flush sends what the transaction has not sent yet: it is for what must not happen
// elsewhere unless the database has taken the statements.
func (r Repositories) Flush(ctx context.Context) error {
	return r.Models.run(ctx, "store", "Flush", func(db *gorm.DB) error { return db.Exec("SELECT").Error })
}

// BeginTx queues the BEGIN of a transaction without options.
func (p *pipeline) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o != (driver.TxOptions{}) {
		return p.Conn.BeginTx(ctx, o)
	}
	if p.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	p.in, p.queued = true, []statement{{query: "BEGIN"}}
	return &pipelined{ctx: ctx, conn: p}, nil
}

// ExecContext runs a statement, and those that wait, or lets it wait with them.
func (p *pipeline) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return driver.ResultNoRows, p.ask(ctx, x)
	}
	if p.waits(ctx, query, args) {
		return driver.ResultNoRows, nil
	}
	if len(p.queued) == 0 {
		return p.Conn.ExecContext(ctx, query, args)
	}
	results, err := p.send(ctx, statement{query, values(args)})
	if err != nil {
		return nil, err
	}
	tag, err := results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	return driver.RowsAffected(tag.RowsAffected()), err
}

// QueryContext is ExecContext of a statement that returns rows: none where it waits.
func (p *pipeline) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if k, ok := ctx.Value(knownKey{}).(*known); ok {
		return k, nil
	}
	if p.waits(ctx, query, args) {
		return &known{}, nil
	}
	if len(p.queued) == 0 {
		return p.Conn.QueryContext(ctx, query, args)
	}
	results, err := p.send(ctx, statement{query, values(args)})
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	a := &answer{conn: p.Conn.Conn(), results: results, rows: rows}
	if err == nil {
		// Which columns there are, and whether the statement has failed, is known with the first row.
		a.more, err = rows.Next(), rows.Err()
	}
	if err != nil {
		_ = a.Close()
		return nil, err
	}
	return a, nil
}

// PrepareContext sends what waits before it prepares a statement.
func (p *pipeline) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if len(p.queued) > 0 {
		results, err := p.send(ctx)
		if err != nil {
			return nil, err
		}
		if err := results.Close(); err != nil {
			return nil, err
		}
	}
	return p.Conn.PrepareContext(ctx, query)
}

// waits queues a statement that later has marked.
func (p *pipeline) waits(ctx context.Context, query string, args []driver.NamedValue) bool {
	if !p.in || ctx.Value(laterKey{}) == nil {
		return false
	}
	p.queued = append(p.queued, statement{query, values(args)})
	return true
}

// send sends what waits, and more behind it, and returns the results of the latter.
func (p *pipeline) send(ctx context.Context, more ...statement) (pgx.BatchResults, error) {
	waited := len(p.queued)
	var batch pgx.Batch
	for _, s := range append(p.queued, more...) {
		batch.Queue(s.query, s.args...)
	}
	p.queued = nil
	results := p.Conn.Conn().SendBatch(ctx, &batch)
	for range waited {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // which says the same
			return nil, err
		}
	}
	return results, nil
}

func values(args []driver.NamedValue) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a.Value
	}
	return list
}

// pipelined is a transaction of a pipeline.
type pipelined struct {
	ctx  context.Context //nolint:containedctx // driver.Tx has no other place for it
	conn *pipeline
}

// Commit sends what waits with the COMMIT, which does not run unless all before it did.
func (t *pipelined) Commit() (err error) {
	p := t.conn
	p.in = false
	if t.unsent() && len(p.queued) == 1 {
		p.queued = nil // a transaction of nothing
		return nil
	}
	if p.observe != nil {
		defer p.observe(t.ctx, "store", "Commit")(&err)
	}
	defer func() { err = uncertain(err) }()
	results, err := p.send(t.ctx, statement{query: "COMMIT"})
	if err != nil {
		return t.undo(err)
	}
	tag, err := results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err == nil && tag.String() == "ROLLBACK" {
		err = pgx.ErrTxCommitRollback
	}
	return t.undo(err)
}

// uncertain says of an error of a commit that was sent whether the server may have done it:
// it has not where it says so, and ends neither the session nor itself.
func uncertain(err error) error {
	pg, said := errors.AsType[*pgconn.PgError](err)
	if err == nil || said && pg.SeverityUnlocalized == "ERROR" || errors.Is(err, pgx.ErrTxCommitRollback) || pgconn.SafeToRetry(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUncertain, err)
}

// Rollback forgets what waits.
func (t *pipelined) Rollback() error {
	p := t.conn
	p.in = false
	unsent := t.unsent()
	p.queued = nil
	if unsent {
		return nil
	}
	_, err := p.Conn.Conn().Exec(t.ctx, "ROLLBACK")
	if err != nil {
		_ = p.Close() // the server then undoes what it may have begun
	}
	return err
}

// unsent reports whether the server has not heard of the transaction.
func (t *pipelined) unsent() bool { return len(t.conn.queued) > 0 && t.conn.queued[0].query == "BEGIN" }

// undo ends the transaction on the server where an error has left it open.
func (t *pipelined) undo(err error) error {
	conn := t.conn.Conn.Conn()
	if err == nil || conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = t.conn.Close()
	}
	return err
}

// answer is the rows of a statement that was sent with others, as they come.
type answer struct {
	conn    *pgx.Conn
	results pgx.BatchResults
	rows    pgx.Rows
	more    bool // the row after those that were handed out is there
}

// Columns names them.
func (a *answer) Columns() []string {
	fields := a.rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Next reads a row, of which every column has a type that database/sql converts.
func (a *answer) Next(dest []driver.Value) error {
	if !a.more {
		a.rows.Close()
		if err := a.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	types := a.conn.TypeMap()
	for i, raw := range a.rows.RawValues() {
		value, err := decode(types, a.rows.FieldDescriptions()[i], raw)
		if err != nil {
			return err
		}
		dest[i] = value
	}
	a.more = a.rows.Next()
	return nil
}

// Close reads the rest.
func (a *answer) Close() error {
	a.rows.Close()
	return a.results.Close()
}

// decode makes of a column what stdlib would.
func decode(types *pgtype.Map, field pgconn.FieldDescription, raw []byte) (driver.Value, error) {
	if raw == nil {
		return nil, nil //nolint:nilnil // which is what NULL is
	}
	if t, ok := types.TypeForOID(field.DataTypeOID); ok {
		if _, isArray := t.Codec.(*pgtype.ArrayCodec); isArray && field.Format == pgx.BinaryFormatCode {
			list, err := t.Codec.DecodeValue(types, field.DataTypeOID, field.Format, raw)
			if err != nil {
				return nil, err
			}
			text, err := types.Encode(field.DataTypeOID, pgx.TextFormatCode, list, nil)
			return string(text), err
		}
		return t.Codec.DecodeDatabaseSQLValue(types, field.DataTypeOID, field.Format, raw)
	}
	return string(raw), nil
}

// queries are sent together, in one round trip.
type queries struct {
	db    *gorm.DB
	asked []*gorm.DB // as GORM has rendered them, with what they are read into
}

// find asks for the rows of a query, which run reads into a pointer to a slice of structs.
func (r *queries) find(into any, query string, args ...any) {
	r.asked = append(r.asked, r.db.Session(&gorm.Session{DryRun: true}).Raw(query, args...).Find(into))
}

type (
	// exchangeKey is of the statements that ExecContext sends, and known for the rows
	// that QueryContext returns instead of asking.
	exchangeKey struct{}
	knownKey    struct{}
	exchange    struct {
		statements []statement
		answers    []*known
	}
)

// run sends the queries and reads what they return.
func (r *queries) run() error {
	x := new(exchange)
	for _, q := range r.asked {
		if q.Error != nil {
			return q.Error
		}
		x.statements = append(x.statements, statement{q.Statement.SQL.String(), q.Statement.Vars})
	}
	if len(x.statements) == 0 {
		return nil
	}
	if err := with(r.db, exchangeKey{}, x).Exec("an exchange").Error; err != nil {
		return err
	}
	for i, q := range r.asked {
		if err := take(with(r.db, knownKey{}, x.answers[i]), q); err != nil {
			return err
		}
	}
	return nil
}

// take reads the rows that a session has into what a query was asked for.
func take(db, q *gorm.DB) (err error) {
	rows, err := db.Raw("known").Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	gorm.Scan(rows, q, 0)
	return errors.Join(q.Error, rows.Err())
}

// ask sends the statements of an exchange and keeps their rows.
func (p *pipeline) ask(ctx context.Context, x *exchange) error {
	results, err := p.send(ctx, x.statements...)
	if err != nil {
		return err
	}
	for range x.statements {
		rows, err := results.Query()
		if err == nil {
			a := &answer{conn: p.Conn.Conn(), rows: rows, more: rows.Next()}
			k := &known{columns: a.Columns()}
			x.answers = append(x.answers, k)
			for err == nil {
				row := make([]driver.Value, len(k.columns))
				if err = a.Next(row); err == nil {
					k.rows = append(k.rows, row)
				}
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
		}
		if err != nil {
			_ = results.Close()
			return err
		}
	}
	return results.Close()
}

// known are rows that have been read.
type known struct {
	columns []string
	rows    [][]driver.Value
}

// Columns names them.
func (k *known) Columns() []string { return k.columns }

// Close forgets them.
func (k *known) Close() error { return nil }

// Next hands out one.
func (k *known) Next(dest []driver.Value) error {
	if len(k.rows) == 0 {
		return io.EOF
	}
	copy(dest, k.rows[0])
	k.rows = k.rows[1:]
	return nil
}
