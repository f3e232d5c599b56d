package repository

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
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
	return &pipeline{Conn: conn.(*stdlib.Conn), observe: c.observe, prepared: make(map[string]bool)}, nil //nolint:forcetypeassert // stdlib makes nothing else
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
	// ahead are queries to send with the next ones, and known those that were, as they
	// have been answered (see queries).
	ahead, known []question
	prepared     map[string]bool // texts of queries that have been sent
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

// beginTx begins a transaction that sees what was committed before each of its statements,
// whatever the database begins otherwise: what is read under a lock is newer than the lock.
const beginTx = "BEGIN ISOLATION LEVEL READ COMMITTED"

// BeginTx queues the BEGIN of a transaction without options.
func (p *pipeline) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o != (driver.TxOptions{}) {
		return p.Conn.BeginTx(ctx, o)
	}
	if p.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	p.in, p.queued = true, []statement{{query: beginTx}}
	p.forget()
	return &pipelined{ctx: ctx, conn: p}, nil
}

// forget drops what was asked ahead.
func (p *pipeline) forget() { p.ahead, p.known = nil, nil }

// ExecContext runs a statement, and those that wait, or lets it wait with them.
func (p *pipeline) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return driver.ResultNoRows, p.ask(ctx, x)
	}
	if p.waits(ctx, query, args) {
		return driver.ResultNoRows, nil
	}
	if len(p.queued) == 0 {
		p.forget()
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
	if p.waits(ctx, query, args) {
		return nothing{}, nil
	}
	if len(p.queued) == 0 {
		p.forget()
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
	p.queued, p.known = append(p.queued, statement{query, values(args)}), nil
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
	p.forget()
	results := p.Conn.Conn().SendBatch(ctx, &batch)
	for range waited {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // which says the same
			return nil, err
		}
	}
	return results, nil
}

// nothing is the rows of a statement that waits.
type nothing struct{}

func (nothing) Columns() []string         { return nil }
func (nothing) Close() error              { return nil }
func (nothing) Next([]driver.Value) error { return io.EOF }

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
	p.forget()
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
func (t *pipelined) unsent() bool { return len(t.conn.queued) > 0 && t.conn.queued[0].query == beginTx }

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
	asked []question
	err   error
}

// question is a query and what its rows are read into.
type question struct {
	statement

	into reflect.Value // a slice of structs
	of   *schema.Schema
}

// find asks for the rows of a query, which run reads into a pointer to a slice of structs.
func (r *queries) find(into any, query string, args ...any) {
	q := question{into: reflect.ValueOf(into).Elem()}
	q.query, q.args = render(query, args)
	stmt := &gorm.Statement{DB: r.db}
	r.err = errors.Join(r.err, stmt.Parse(into))
	q.of = stmt.Schema
	r.asked = append(r.asked, q)
}

type (
	// exchangeKey is of the queries that ExecContext sends.
	exchangeKey struct{}
	exchange    struct {
		asked []question
		ahead bool
	}
)

// run sends the queries and reads what they return.
func (r *queries) run() error { return r.send(false) }

// ahead makes the transaction send the queries behind those that run sends next, if
// that is the next that it sends. A query that is the same has its answer from then on,
// once, until anything else is sent or waits. Outside of a transaction it does nothing.
//
// It is for what is read under locks that are held by then, so that it stays so, and by
// queries that the connection has sent before.
func (r *queries) ahead() error { return r.send(true) }

func (r *queries) send(ahead bool) error {
	if r.err != nil || len(r.asked) == 0 {
		return r.err
	}
	return with(r.db, exchangeKey{}, &exchange{r.asked, ahead}).Exec("an exchange").Error
}

// ask sends the queries of an exchange, and those that were asked ahead, unless all of the
// former have been answered.
func (p *pipeline) ask(ctx context.Context, x *exchange) error {
	if x.ahead {
		if p.in {
			p.ahead = append(p.ahead, x.asked...)
		}
		return nil
	}
	var asked []question
	for _, q := range x.asked {
		if i := slices.IndexFunc(p.known, q.is); i >= 0 {
			q.into.Set(p.known[i].into)
			p.known = slices.Delete(p.known, i, i+1)
		} else {
			asked = append(asked, q)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	// To prepare a query takes the lock of its table, before the transaction has begun and
	// has bounded how long it waits for one.
	known := slices.DeleteFunc(p.ahead, func(q question) bool { return !p.prepared[q.query] })
	for i := range known {
		known[i].into = reflect.New(known[i].into.Type()).Elem()
	}
	asked = append(asked, known...)
	statements := make([]statement, len(asked))
	for i, q := range asked {
		statements[i] = q.statement
	}
	results, err := p.send(ctx, statements...)
	if err != nil {
		return err
	}
	for _, q := range asked {
		if err := q.read(ctx, results); err != nil {
			_ = results.Close()
			return err
		}
		p.prepared[q.query] = true
	}
	p.known = known
	return results.Close()
}

// is reports whether a question is the same as another.
func (q question) is(other question) bool {
	return q.query == other.query && q.into.Type() == other.into.Type() && reflect.DeepEqual(q.args, other.args)
}

// read reads the rows of a query, each column straight into the field that is its own: a
// column that is NULL leaves it at zero.
func (q question) read(ctx context.Context, results pgx.BatchResults) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	q.into.SetZero()
	var fields []*schema.Field
	var into []any
	for n := 0; rows.Next(); n++ {
		if n == 0 {
			for _, column := range rows.FieldDescriptions() {
				fields = append(fields, q.of.LookUpField(column.Name))
			}
			into = make([]any, len(fields))
		}
		q.into.Grow(1)
		q.into.SetLen(n + 1)
		for i, raw := range rows.RawValues() {
			if into[i] = nil; raw != nil && fields[i] != nil {
				into[i] = fields[i].ReflectValueOf(ctx, q.into.Index(n)).Addr().Interface()
			}
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("error reading a row: %w", err)
		}
	}
	return rows.Err()
}

// rendered are texts of queries as they have been cut up: there are no more of them than
// calls of find.
var rendered sync.Map //nolint:gochecknoglobals // what is in it depends on nothing that changes

// template is a query whose parameters are numbered in its text. Names has "" for those
// that have none.
type template struct {
	text  string
	names []string
}

var parameter = regexp.MustCompile(`\?|@\w+`)

// render numbers the parameters of a query, written as GORM takes them: ? and @name, of
// sql.Named or a map.
func render(query string, args []any) (text string, values []any) {
	t, ok := rendered.Load(query)
	if !ok {
		cut := &template{}
		cut.text = parameter.ReplaceAllStringFunc(query, func(p string) string {
			cut.names = append(cut.names, strings.TrimLeft(p, "?@"))
			return "$" + strconv.Itoa(len(cut.names))
		})
		t, _ = rendered.LoadOrStore(query, cut)
	}
	cut := t.(*template) //nolint:forcetypeassert // which has been stored
	named := make(map[string]any)
	var others []any
	for _, arg := range args {
		switch a := arg.(type) {
		case sql.NamedArg:
			named[a.Name] = a.Value
		case map[string]any:
			maps.Copy(named, a)
		default:
			others = append(others, arg)
		}
	}
	values = make([]any, len(cut.names))
	for i, name := range cut.names {
		if name != "" {
			values[i] = named[name]
		} else {
			values[i], others = others[0], others[1:]
		}
	}
	return cut.text, values
}
