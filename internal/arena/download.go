package arena

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// The formats of downloads.
const (
	FormatCSV    = "csv"
	FormatNDJSON = "ndjson"
)

// download is every row that a request selects, one in memory at a time but for the
// page that it was read with.
type download struct {
	format string
	row    reflect.Type
	each   func(ctx context.Context, emit func(row any) error) error
}

var _ Stream = (*download)(nil)

// downloaded answers with a download. Nothing of it is kept.
func (s *Service) downloaded(ctx context.Context, source Source, v *view, req Request, origin string) (*Answer, error) {
	stream, err := s.download(ctx, source, v, req)
	if err != nil {
		return nil, err
	}
	return &Answer{Origin: origin, Stream: stream}, nil
}

// download answers with the rows that a request selects, from a source. What there is
// no such model or symbol of is an error here already, before anything is sent.
func (s *Service) download(ctx context.Context, source Source, v *view, req Request) (Stream, error) {
	if s.o.Store == nil {
		return nil, fmt.Errorf("%w: no database is configured", ErrUnavailable)
	}
	if v.row == nil {
		return nil, fmt.Errorf("the view %s has no rows to download", v.Name)
	}
	d := &download{format: req.Format, row: v.row}
	store, bound := source.(*Store)
	if !bound {
		store = s.o.Store
	}
	if v.rows != nil {
		if err := store.selectable(ctx, req); err != nil {
			return nil, err
		}
		d.each = func(ctx context.Context, emit func(any) error) error { return v.rows(ctx, store, req, emit) }
		return d, nil
	}
	wanted := req.Limit
	next := func(ctx context.Context, cursor string, sent int) (list, error) {
		page := req
		page.Format = ""
		if v.Paged {
			page.Cursor, page.Limit = cursor, catalogue.MaxPage
			if wanted > 0 {
				page.Limit = min(page.Limit, wanted-sent)
			}
		}
		payload, err := v.from(ctx, source, store, page)
		if err != nil {
			return nil, err
		}
		rows, ok := payload.(list)
		if !ok {
			return nil, fmt.Errorf("%T is no list of rows", payload)
		}
		return rows, nil
	}
	first, err := next(ctx, req.Cursor, 0)
	if err != nil {
		return nil, err
	}
	d.each = func(ctx context.Context, emit func(any) error) error {
		page, sent := first, 0
		for {
			rows := page.Rows()
			for _, row := range rows {
				if err := emit(row); err != nil {
					return err
				}
			}
			sent += len(rows)
			if page.Next() == "" || sent == wanted {
				return nil
			}
			following, err := next(ctx, page.Next(), sent)
			if err != nil {
				return err
			}
			page = following
		}
	}
	return d, nil
}

// list is a payload that can be downloaded: its rows, and the cursor of those behind
// them.
type list interface {
	Rows() []any
	Next() string
}

// Identity implements Stream.
func (d *download) Identity(ctx context.Context, w io.Writer) error {
	const atOnce = 64 << 10
	out := bufio.NewWriterSize(w, atOnce)
	emit, flush, err := d.encoder(out)
	if err != nil {
		return err
	}
	if err := d.each(ctx, emit); err != nil {
		return err
	}
	return errors.Join(flush(), out.Flush())
}

// Gzip implements Stream.
func (d *download) Gzip(ctx context.Context, w io.Writer) error {
	gz := gzip.NewWriter(w)
	if err := d.Identity(ctx, gz); err != nil {
		return err
	}
	return gz.Close()
}

// encoder writes rows in the format of the download, with the header that it has.
func (d *download) encoder(out io.Writer) (emit func(row any) error, flush func() error, err error) {
	if d.format == FormatNDJSON {
		return func(row any) error {
			raw, err := wire.Marshal(row)
			if err == nil {
				_, err = out.Write(append(raw, '\n'))
			}
			return err
		}, func() error { return nil }, nil
	}
	names := columnsOf(d.row)
	place := make(map[string]int, len(names))
	for i, name := range names {
		place[name] = i
	}
	table := csv.NewWriter(out)
	table.UseCRLF = true // as RFC 4180 has it
	flush = func() error { table.Flush(); return table.Error() }
	return func(row any) error {
		raw, err := wire.Marshal(row)
		if err != nil {
			return fmt.Errorf("error rendering a row: %w", err)
		}
		cells := make([]string, len(names))
		if err := eachMember(raw, func(name string, value jsontext.Value) error {
			if i, ok := place[name]; ok {
				cells[i], err = cell(value)
			}
			return err
		}); err != nil {
			return err
		}
		return table.Write(cells)
	}, flush, table.Write(names)
}

// columnsOf lists the members of a row, but for those that no field names.
func columnsOf(row reflect.Type) (names []string) {
	for field := range row.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			names = append(names, columnsOf(field.Type)...)
		case name != "" && name != "-" && options != "embed":
			names = append(names, name)
		}
	}
	return names
}

// eachMember hands out the members of an object.
func eachMember(raw []byte, fn func(name string, value jsontext.Value) error) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		member := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := fn(member, value); err != nil {
			return err
		}
	}
	return nil
}

// cell is a value in a table: text as it is, everything else as JSON, and null as
// nothing. Text that a spreadsheet would take for a formula gets an apostrophe before
// it, which it takes for the mark of text.
func cell(value jsontext.Value) (string, error) {
	switch value.Kind() {
	case 'n':
		return "", nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if len(text) > 0 && strings.IndexByte("=+-@\t\r\n", text[0]) >= 0 {
			text = append([]byte{'\''}, text...)
		}
		return string(text), err
	}
	return string(value), nil
}

// equityRows hands out the equity of a model, or of every model in the order of lists,
// by time.
func equityRows(ctx context.Context, s *Store, req Request, emit func(any) error) error {
	models := []string{req.Model}
	if req.Model == "" {
		all, err := s.repos.Models.All(ctx)
		if err != nil {
			return Unavailable(err)
		}
		models = models[:0]
		for _, m := range all {
			models = append(models, m.ID)
		}
	}
	for _, model := range models {
		if err := chunks(req.Series, func(part Series) ([]entities.AccountEquitySnapshot, error) {
			return s.repos.Equity.During(ctx, model, part.span(), catalogue.MaxPage)
		}, func(e entities.AccountEquitySnapshot) (time.Time, error) {
			return e.ObservedAt, emit(wire.EquityRow{
				ModelID: model, Timestamp: wire.Seconds(e.ObservedAt), DollarEquity: e.DollarEquity,
				SinceInceptionHourlyMarker: e.SinceInceptionHourlyMarker,
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// priceRows hands out the prices of a symbol at the primary provider by time.
func priceRows(ctx context.Context, s *Store, req Request, emit func(any) error) error {
	return chunks(req.Series, func(part Series) ([]entities.PriceTick, error) {
		return s.repos.Prices.During(ctx, s.provider, req.Symbol, part.span(), catalogue.MaxPage)
	}, func(p entities.PriceTick) (time.Time, error) {
		return p.ObservedAt, emit(wire.PriceRow{Symbol: req.Symbol, Timestamp: wire.Seconds(p.ObservedAt), Price: p.Price})
	})
}

// chunks hands out the rows of a series: as many as load returns at once, then those
// behind the time of the last. No two rows of a series are of one time.
func chunks[R any](part Series, load func(Series) ([]R, error), each func(R) (time.Time, error)) error {
	for {
		rows, err := load(part)
		if err != nil {
			return Unavailable(err)
		}
		var last time.Time
		for _, row := range rows {
			if last, err = each(row); err != nil {
				return err
			}
		}
		if len(rows) < catalogue.MaxPage {
			return nil
		}
		part.From = last.Add(time.Microsecond)
	}
}
