package repository

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Candles keeps what equities and prices were by spans of time. Triggers of the facts
// move them, see atlas/migrations.
type Candles struct{ base }

// candleSeries is a series of rows, of an account or of a symbol at a provider, from a
// day to a time.
type candleSeries struct {
	Kind, Of, Named string
	Since, Until    time.Time
}

// Rebuild makes all candles anew from the rows that there are, of every competition, a
// day of a series in each transaction, which writers of that day wait for. Candles of
// prices that count more rows than there are stay: their ticks were archived. Progress is
// called with how many days are done. It returns how many there were.
func (r Candles) Rebuild(ctx context.Context, progress func(done, total int)) (days int, err error) {
	var list []candleSeries
	if err := r.run(ctx, "candles", "Series", func(db *gorm.DB) error {
		return db.Raw("SELECT kind, of, named, since, until FROM candle_series()").Scan(&list).Error
	}); err != nil {
		return 0, err
	}
	const day = 24 * time.Hour
	total := 0
	for _, s := range list {
		total += int(s.Until.Sub(s.Since)/day) + 1
	}
	for _, s := range list {
		for since := s.Since; !since.After(s.Until); since = since.Add(day) {
			if err := r.run(ctx, "candles", "Rebuild", func(db *gorm.DB) error {
				return db.Exec("SELECT rebuild_"+s.Kind+"_candles(?, ?, ?, ?)", s.Of, s.Named, since, since.Add(day)).Error
			}); err != nil {
				return days, err
			}
			days++
			progress(days, total)
		}
	}
	return days, nil
}

// Segment is a part of a series that is read: candles of a resolution whose buckets begin
// in the span, or, of the resolution 0, rows. The span has both ends.
type Segment struct {
	Span
	Resolution time.Duration
}

// Piece is what a part of a series was: a candle, or a row, of the resolution 0. The fall
// is that of entities.EquityCandle, of prices 0.
type Piece struct {
	entities.Candle

	Resolution time.Duration
	Fall       float64
}

// The columns of a piece, packed by the server: thousands of rows of them take most of
// the time to be told apart otherwise.
const (
	packedCandle = `int8send(resolution::bigint) || float8send(FALL) || float8send(open) || timestamptz_send(open_at) || float8send(high) || timestamptz_send(high_at)
		|| float8send(low) || timestamptz_send(low_at) || float8send(close) || timestamptz_send(close_at) || int8send(rows)`
	packedRow = `int8send(0) || float8send(0) || float8send(VALUE) || timestamptz_send(observed_at) || float8send(VALUE) || timestamptz_send(observed_at)
		|| float8send(VALUE) || timestamptz_send(observed_at) || float8send(VALUE) || timestamptz_send(observed_at) || int8send(1)`
	packedWords = 11
)

// Candles returns the pieces of segments of a model's equity in order of time.
func (r Equity) Candles(ctx context.Context, model string, segments []Segment) (pieces []Piece, err error) {
	err = r.run(ctx, "equity", "Candles", func(db *gorm.DB) error {
		pieces, err = piecesOf(db, segments, "equity_candles", strings.Replace(packedCandle, "FALL", "fall", 1),
			"account_equity_snapshots", strings.ReplaceAll(packedRow, "VALUE", "dollar_equity"),
			"competition_id = @competition AND model_id = @model", map[string]any{"model": model}, in(db))
		return err
	})
	return pieces, err
}

// Candles returns the pieces of segments of the prices of a symbol at a provider in order
// of time.
func (r Prices) Candles(ctx context.Context, provider, symbol string, segments []Segment) (pieces []Piece, err error) {
	err = r.run(ctx, "prices", "Candles", func(db *gorm.DB) error {
		pieces, err = piecesOf(db, segments, "price_candles", strings.Replace(packedCandle, "FALL", "0", 1),
			"price_ticks", strings.ReplaceAll(packedRow, "VALUE", "price"),
			"provider = @provider AND symbol = @symbol", map[string]any{"provider": provider, "symbol": symbol})
		return err
	})
	return pieces, err
}

// piecesOf reads all segments in one statement, which is the same however many they are:
// OFFSET has each of them looked up in the key.
func piecesOf(db *gorm.DB, segments []Segment, candles, candle, rows, row, of string, args ...any) (pieces []Piece, err error) {
	widths, since, until := make([]int64, len(segments)), make([]time.Time, len(segments)), make([]time.Time, len(segments))
	for i, s := range segments {
		widths[i], since[i], until[i] = int64(s.Resolution/time.Second), s.From, s.To
	}
	err = eachRow(db, `
		WITH segment AS (
			SELECT * FROM unnest(CAST(@widths AS integer[]), CAST(@since AS timestamptz[]), CAST(@until AS timestamptz[])) AS given (width, since, until)
		)
		SELECT string_agg(packed, ''::bytea ORDER BY at)
		FROM (
			SELECT c.at, c.packed
			FROM segment AS s
			CROSS JOIN LATERAL (
				SELECT open_at AS at, `+candle+` AS packed FROM `+candles+` WHERE `+of+` AND resolution = s.width AND bucket BETWEEN s.since AND s.until OFFSET 0
			) AS c
			WHERE s.width > 0
			UNION ALL
			SELECT r.at, r.packed
			FROM segment AS s
			CROSS JOIN LATERAL (
				SELECT observed_at AS at, `+row+` AS packed FROM `+rows+` WHERE `+of+` AND observed_at BETWEEN s.since AND s.until OFFSET 0
			) AS r
			WHERE s.width = 0
		) AS piece`, append(args, map[string]any{"widths": &widths, "since": &since, "until": &until}),
		func(scan func(...any) error) error {
			var raw []byte
			if err := scan(&raw); err != nil {
				return err
			}
			pieces = unpack(raw)
			return nil
		})
	return pieces, err
}

// unpack reads what piecesOf has packed.
func unpack(raw []byte) []Piece {
	pieces := make([]Piece, len(raw)/8/packedWords)
	next := func() (word uint64) {
		word, raw = binary.BigEndian.Uint64(raw), raw[8:]
		return word
	}
	value := func() float64 { return math.Float64frombits(next()) }
	at := func() time.Time { return time.UnixMicro(postgresEpoch + int64(next())).UTC() }
	for i := range pieces {
		p := &pieces[i]
		p.Resolution, p.Fall = time.Duration(next())*time.Second, value()
		p.Open, p.OpenAt = value(), at()
		p.High, p.HighAt = value(), at()
		p.Low, p.LowAt = value(), at()
		p.Close, p.CloseAt = value(), at()
		p.Rows = int64(next())
	}
	return pieces
}

// postgresEpoch is from when Postgres counts microseconds, 2000-01-01, in those of Unix.
const postgresEpoch = 946_684_800_000_000

// Ends returns, to a minute, when the first and the last row of a model in a span is, both
// zero without rows.
func (r Equity) Ends(ctx context.Context, model string, span Span) (first, last time.Time, err error) {
	err = r.run(ctx, "equity", "Ends", func(db *gorm.DB) error {
		first, last, err = endsOf(db, span, "equity_candles", "competition_id = @competition AND model_id = ?", []any{model}, in(db))
		return err
	})
	return first, last, err
}

// Ends is that of Equity.
func (r Prices) Ends(ctx context.Context, provider, symbol string, span Span) (first, last time.Time, err error) {
	err = r.run(ctx, "prices", "Ends", func(db *gorm.DB) error {
		first, last, err = endsOf(db, span, "price_candles", "provider = ? AND symbol = ?", []any{provider, symbol})
		return err
	})
	return first, last, err
}

// endsOf probes the key of the candles of a minute.
func endsOf(db *gorm.DB, span Span, candles, of string, args []any, named ...any) (first, last time.Time, err error) {
	where := of + " AND resolution = 60"
	if !span.From.IsZero() {
		where, args = where+" AND bucket >= ? AND close_at >= ?", append(args, span.From.UTC().Truncate(time.Minute), span.From)
	}
	if !span.To.IsZero() {
		where, args = where+" AND bucket <= ? AND open_at <= ?", append(args, span.To, span.To)
	}
	args = append(args, named...)
	for _, end := range []struct {
		column, direction string
		into              *time.Time
	}{{"open_at", "", &first}, {"close_at", " DESC", &last}} {
		if err := eachRow(db, "SELECT "+end.column+" FROM "+candles+" WHERE "+where+" ORDER BY bucket"+end.direction+" LIMIT 1", args,
			func(scan func(...any) error) error { return scan(end.into) }); err != nil {
			return first, last, err
		}
	}
	if first.Before(span.From) {
		first = span.From
	}
	if !span.To.IsZero() && last.After(span.To) {
		last = span.To
	}
	return first, last, nil
}

// HourClose is the newest equity of an hour since inception, or of its part in an hour of
// the clock.
type HourClose struct {
	Marker int64
	Equity float64
}

// HourCloses returns those of a model of which rows are in a span, in order of time.
func (r Equity) HourCloses(ctx context.Context, model string, span Span) (closes []HourClose, err error) {
	err = r.run(ctx, "equity", "HourCloses", func(db *gorm.DB) error {
		return eachRow(db, `
			SELECT string_agg(int8send(since_inception_hourly_marker) || float8send(close), ''::bytea ORDER BY bucket, since_inception_hourly_marker)
			FROM equity_candles
			WHERE competition_id = @competition AND model_id = ? AND resolution = 3600 AND bucket >= ? AND bucket <= ? AND close_at >= ? AND open_at <= ?`,
			[]any{model, span.From.UTC().Truncate(time.Hour), span.To, span.From, span.To, in(db)}, func(scan func(...any) error) error {
				var raw []byte
				if err := scan(&raw); err != nil {
					return err
				}
				for ; len(raw) > 0; raw = raw[16:] {
					closes = append(closes, HourClose{int64(binary.BigEndian.Uint64(raw)), math.Float64frombits(binary.BigEndian.Uint64(raw[8:]))})
				}
				return nil
			})
	})
	return closes, err
}
