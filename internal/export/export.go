// Package export writes a directory of JSON files that holds what Postgres does, as
// far as their format can.
package export

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/mapping"
	"nof0/internal/snapshot"
	"nof0/internal/wire"
	"nof0/repository"
)

// Options configure Write.
type Options struct {
	Store           *repository.Store
	PrimaryProvider string
	// Competition is what is exported; "" is the default one, which DefaultCompetition
	// is as configured.
	Competition, DefaultCompetition string
	Now                             func() time.Time
	// LockWait is how long a statement waits for a lock, such as that of a
	// migration; 0 is 10 s.
	LockWait time.Duration
	// Force writes also into a directory that holds other files.
	Force bool
	// Progress, where given, is called with the rows that are written and their total.
	Progress func(done, total int)
	// PageSize is how many rows are held at a time; 0 is 1000.
	PageSize int
}

// Report says what an export wrote.
type Report struct {
	Dir string `json:"dir"`
	// Competition is that of all files but the prices.
	Competition string `json:"competition"`
	Files       []File `json:"files"`
}

// File is one file of an export.
type File struct {
	Name  string `json:"name"`
	Rows  int    `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// ErrForeignDir says that a directory holds files that no export writes.
var ErrForeignDir = errors.New("the directory is not empty and no snapshot directory")

// Write writes a snapshot directory of all that its format can hold: every
// trade, equity snapshot, decision document and thread, and the newest state of
// the rest, all of one moment. The directory is made where it is not there; an
// older snapshot in it is replaced. On an error, and when it is killed, the
// directory is as it was.
func Write(ctx context.Context, dir string, o Options) (exported *Report, err error) {
	o.PageSize = cmp.Or(o.PageSize, 1000)
	o.LockWait = cmp.Or(o.LockWait, 10*time.Second)
	created, err := makeDir(dir, o.Force)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && created {
			_ = os.RemoveAll(dir) // it was made for this, and holds no more than a lock
		}
	}()
	exported = &Report{Dir: dir}
	err = snapshot.Edit(ctx, dir, func(e *snapshot.Editing) error {
		return o.Store.InSnapshot(ctx, o.LockWait, func(ctx context.Context, tx repository.Repositories) error {
			competition, err := tx.Competitions.Default(ctx, cmp.Or(o.Competition, o.DefaultCompetition))
			if err != nil {
				return err
			}
			exported.Competition = competition.ID
			x := &writer{Options: o, tx: tx.In(competition.ID), edit: e, report: exported}
			return x.run(ctx)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("nothing was exported to %s: %w", dir, err)
	}
	return exported, nil
}

// makeDir makes the directory where it is not there, and refuses one that holds
// something else.
func makeDir(dir string, force bool) (created bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, os.MkdirAll(dir, 0o755) //nolint:gosec // snapshots are public
	case errors.Is(err, syscall.ENOTDIR):
		return false, fmt.Errorf("%s is a file; a directory is expected", dir)
	case err != nil || force:
		return false, err
	}
	foreign := false
	for _, entry := range entries {
		if snapshot.IsFile(entry.Name()) {
			return false, nil
		}
		foreign = foreign || !strings.HasPrefix(entry.Name(), ".")
	}
	if foreign {
		return false, fmt.Errorf("%w: %s; --force writes there all the same", ErrForeignDir, dir)
	}
	return false, nil
}

// writer is one export on its way.
type writer struct {
	Options

	tx     repository.Repositories
	store  *arena.Store
	edit   *snapshot.Editing
	report *Report
	// serverTime is that of every file. It is rounded up: what was written a
	// moment ago is not newer.
	serverTime  int64
	done, total int
}

func (x *writer) run(ctx context.Context) error {
	at := x.Now().Add(time.Millisecond - 1).Truncate(time.Millisecond)
	x.serverTime = wire.Millis(at)
	x.store = arena.NewStore(x.tx, x.PrimaryProvider, func() time.Time { return at })
	total, err := x.tx.Mirror.HistorySize(ctx)
	if err != nil {
		return err
	}
	x.total = int(total)
	for _, f := range []struct {
		kind  snapshot.Kind
		write func(context.Context, *rows) error
	}{
		{snapshot.CryptoPrices, x.prices},
		{snapshot.Trades, x.trades},
		{snapshot.Positions, x.positions},
		{snapshot.AccountTotals, x.totals},
		{snapshot.SinceInception, x.inception},
		{snapshot.Analytics, x.analytics},
		{snapshot.Leaderboard, x.leaderboard},
		{snapshot.Conversations, x.conversations},
	} {
		if err := x.file(ctx, f.kind, f.write); err != nil {
			return err
		}
	}
	// Those of one model would add what the database does not have.
	models, err := x.edit.Models(snapshot.ModelAnalytics)
	for _, model := range models {
		err = errors.Join(err, x.edit.Remove(snapshot.ModelAnalytics, model))
	}
	return err
}

func (x *writer) file(ctx context.Context, kind snapshot.Kind, write func(context.Context, *rows) error) error {
	name := snapshot.FileName(kind, "")
	return x.edit.Create(kind, "", func(w io.Writer) error {
		counted := &counter{w: w}
		r := &rows{w: bufio.NewWriterSize(counted, 1<<20)}
		err := write(ctx, r)
		if err == nil {
			err = r.end(x.serverTime)
		}
		x.report.Files = append(x.report.Files, File{Name: name, Rows: r.n, Bytes: counted.n})
		return err
	})
}

func (x *writer) prices(ctx context.Context, r *rows) error {
	v, err := x.store.CryptoPrices(ctx)
	if err != nil {
		return err
	}
	r.begin("prices", '{')
	for _, symbol := range slices.Sorted(maps.Keys(v.Prices)) {
		if err := r.put(symbol, v.Prices[symbol]); err != nil {
			return err
		}
	}
	return nil
}

func (x *writer) positions(ctx context.Context, r *rows) error {
	v, err := x.store.Positions(ctx, 0)
	if err != nil {
		return err
	}
	r.begin("accountTotals", '[')
	return putAll(r, v.AccountTotals)
}

func (x *writer) inception(ctx context.Context, r *rows) error {
	v, err := x.store.SinceInception(ctx)
	if err != nil {
		return err
	}
	r.begin("sinceInceptionValues", '[')
	if len(v.Counted) > 0 {
		counted, err := wire.Marshal(v.Counted)
		if err != nil {
			return fmt.Errorf("error rendering the counted models: %w", err)
		}
		r.members = fmt.Sprintf(`,%q:%s`, snapshot.CountedMember, counted)
	}
	return putAll(r, v.SinceInceptionValues)
}

func (x *writer) leaderboard(ctx context.Context, r *rows) error {
	v, err := x.store.Leaderboard(ctx)
	if err != nil {
		return err
	}
	r.begin("leaderboard", '[')
	imported, err := wire.Marshal(v.ImportedAsOf)
	if err != nil {
		return fmt.Errorf("error rendering the times of imported rows: %w", err)
	}
	r.members = fmt.Sprintf(`,%q:%s`, snapshot.ImportedMember, imported)
	return putAll(r, v.Leaderboard)
}

func (x *writer) analytics(ctx context.Context, r *rows) error {
	docs, err := x.tx.Analytics.All(ctx, entities.AnalyticsImported)
	if err != nil {
		return err
	}
	r.begin("analytics", '[')
	for _, doc := range docs {
		if err := r.put("", jsontext.Value(doc.Payload)); err != nil {
			return err
		}
	}
	return nil
}

func (x *writer) trades(ctx context.Context, r *rows) error {
	r.begin("trades", '[')
	return x.ofEachModel(ctx, func(model string) error {
		return putEach(r, pages(x, x.PageSize, mapping.TradePayload, func(last *entities.Trade) ([]entities.Trade, error) {
			return x.tx.Trades.Before(ctx, model, last, x.PageSize)
		}))
	})
}

func (x *writer) totals(ctx context.Context, r *rows) error {
	r.begin("accountTotals", '[')
	last, err := x.store.LastMarker(ctx)
	if err != nil {
		return err
	}
	err = x.ofEachModel(ctx, func(model string) error {
		return putEach(r, pages(x, x.PageSize, mapping.EquityPayload, func(last *entities.AccountEquitySnapshot) ([]entities.AccountEquitySnapshot, error) {
			return x.tx.Equity.After(ctx, model, last, x.PageSize)
		}))
	})
	r.members = fmt.Sprintf(`,"lastHourlyMarkerRead":%d`, last)
	return err
}

func (x *writer) conversations(ctx context.Context, r *rows) error {
	r.begin("conversations", '[')
	size := max(1, x.PageSize/threadWeight)
	return putEach(r, merge(
		pages(x, x.PageSize, decisionDocument, func(last *entities.DecisionCycle) ([]entities.DecisionCycle, error) {
			return x.tx.Decisions.Before(ctx, last, x.PageSize)
		}),
		pages(x, size, threadDocument, func(last *repository.Thread) ([]repository.Thread, error) {
			return x.tx.Conversations.ThreadsBefore(ctx, last, size)
		}), arena.CompareDocuments))
}

// merge hands out two ordered lists as one.
func merge[T any](a, b iter.Seq2[T, error], compare func(a, b T) int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		nextB, stop := iter.Pull2(b)
		defer stop()
		y, err, more := nextB()
		for x, errA := range a {
			for errA == nil && more && (err != nil || compare(y, x) < 0) {
				if !yield(y, err) {
					return
				}
				y, err, more = nextB()
			}
			if !yield(x, errA) {
				return
			}
		}
		for more && yield(y, err) {
			y, err, more = nextB()
		}
	}
}

// threadWeight is how many rows a thread counts for, which comes with all its
// messages.
const threadWeight = 10

func threadDocument(t repository.Thread) (wire.Document, error) {
	thread, err := mapping.ThreadPayload(t.Conversation, t.Messages)
	return wire.Document{Thread: &thread}, err
}

func decisionDocument(row entities.DecisionCycle) (wire.Document, error) {
	decision, err := mapping.DecisionPayload(row)
	return wire.Document{Decision: &decision}, err
}

func (x *writer) ofEachModel(ctx context.Context, do func(model string) error) error {
	models, err := x.tx.Models.Participants(ctx)
	if err != nil {
		return err
	}
	for _, model := range models {
		if err := do(model.ID); err != nil {
			return err
		}
	}
	return nil
}

// pages hands out the payloads of rows that are read page by page: next returns
// the rows after the last one, nil before the first. An error is the last of it.
func pages[R, P any](x *writer, size int, payload func(R) (P, error), next func(last *R) ([]R, error)) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		for last, full := (*R)(nil), true; full; {
			page, err := next(last)
			if err != nil {
				yield(*new(P), err)
				return
			}
			for i := range page {
				if p, err := payload(page[i]); !yield(p, err) || err != nil {
					return
				}
			}
			x.done += len(page)
			if x.Progress != nil {
				x.Progress(x.done, x.total)
			}
			if full = len(page) == size; full {
				last = &page[len(page)-1]
			}
		}
	}
}

// rows writes a payload row by row.
type rows struct {
	w       *bufio.Writer
	n       int
	closing byte
	members string // those between the rows and serverTime
}

// begin opens the member that holds the rows. An error of the writer stays with
// it until the end.
func (r *rows) begin(member string, opening byte) {
	r.closing = opening + 2 // ] or }
	_, _ = fmt.Fprintf(r.w, "{%q:%c", member, opening)
}

// put writes a row; one that stands in an object has a name.
func (r *rows) put(name string, row any) error {
	if r.n > 0 {
		_ = r.w.WriteByte(',')
	}
	r.n++
	if r.closing == '}' {
		quoted, err := wire.Marshal(name)
		if err != nil {
			return fmt.Errorf("error rendering the name of a row: %w", err)
		}
		_, _ = r.w.Write(append(quoted, ':'))
	}
	body, err := wire.Marshal(row)
	if err != nil {
		return fmt.Errorf("error rendering a row: %w", err)
	}
	_, err = r.w.Write(body)
	return err
}

func (r *rows) end(serverTime int64) error {
	_, _ = fmt.Fprintf(r.w, `%c%s,"serverTime":%d}`, r.closing, r.members, serverTime)
	return r.w.Flush()
}

func putAll[P any](r *rows, payloads []P) error {
	for _, p := range payloads {
		if err := r.put("", p); err != nil {
			return err
		}
	}
	return nil
}

func putEach[P any](r *rows, payloads iter.Seq2[P, error]) error {
	for p, err := range payloads {
		if err == nil {
			err = r.put("", p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
