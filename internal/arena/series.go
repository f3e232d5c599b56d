package arena

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/catalogue"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// Limits of the number of points that a series is thinned out to.
const (
	MinPoints     = catalogue.MinPoints
	MaxPoints     = catalogue.MaxPoints
	DefaultPoints = 500
)

// Series is which part of a series is asked for.
type Series struct {
	From, To time.Time // both inclusive, zero for no bound
	Points   int       // at most so many; 0 is DefaultPoints
	// Resolution is how long a candle is, and asks for candles instead of points: those
	// of the end of the range. 0 asks for points.
	Resolution time.Duration
}

// Resolutions are how long candles may be, by their names.
func Resolutions() map[string]time.Duration {
	return map[string]time.Duration{"1m": time.Minute, "15m": 15 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour}
}

func (s Series) points() int {
	if s.Points == 0 {
		return DefaultPoints
	}
	return s.Points
}

// key tells parts of a series apart.
func (s Series) key() string {
	return fmt.Sprintf("%d-%d:%d:%v", s.From.UnixMicro(), s.To.UnixMicro(), s.points(), s.Resolution)
}

// shape is what is made of the rows of a series: points, or candles.
type shape struct {
	part    Series
	thin    *analytics.Downsample
	candles analytics.Candles
	rows    int64
}

// begin takes the ends of the range, and returns from when on rows are needed.
func (s *shape) begin(first, last time.Time) (from time.Time) {
	if s.part.Resolution == 0 {
		s.thin = analytics.NewDownsample(s.part.points(), first.UnixMicro(), last.UnixMicro())
		return first
	}
	s.candles.Width = s.part.Resolution
	return s.candles.Begin(last).Add(-time.Duration(s.part.points()-1) * s.part.Resolution)
}

// add adds what the series was next.
func (s *shape) add(c *analytics.Candle) {
	s.rows += c.Count
	if s.part.Resolution != 0 {
		s.candles.AddCandle(*c)
		return
	}
	for _, sample := range c.Samples() {
		s.thin.Add(sample)
	}
}

func (s *shape) points() []analytics.Sample {
	if s.thin == nil {
		return nil
	}
	return s.thin.Samples()
}

func (s *shape) payload() (candles []wire.Candle) {
	if s.part.Resolution != 0 {
		candles = []wire.Candle{}
	}
	for _, c := range s.candles.All {
		candles = append(candles, wire.Candle{
			Timestamp: wire.Seconds(c.From), Open: c.Open.Value, High: c.High.Value, Low: c.Low.Value, Close: c.Close.Value,
			HighTimestamp: secondsOf(c.High), LowTimestamp: secondsOf(c.Low), Rows: c.Count,
		})
	}
	return candles
}

func (s Series) span() repository.Span { return repository.Span{From: s.From, To: s.To} }

// EquityCurves returns the equity over time of one model, or of every model where
// none is named, benchmarks included. It reads each row in the range once, and
// holds no more than the points.
func (s *Store) EquityCurves(ctx context.Context, model string, part Series) (wire.EquityCurves, error) {
	models, err := s.models(ctx)
	if err != nil {
		return wire.EquityCurves{}, err
	}
	accounts, err := s.repos.Accounts.All(ctx)
	if err != nil {
		return wire.EquityCurves{}, Unavailable(err)
	}
	byModel := make(map[string]entities.Account, len(accounts))
	for _, a := range accounts {
		byModel[a.ModelID] = a
	}
	out := wire.EquityCurves{Equity: []wire.EquityCurve{}}
	for _, m := range models {
		if model != "" && m.ID != model {
			continue
		}
		curve, err := s.equityCurve(ctx, m.ID, byModel[m.ID], part)
		if err != nil {
			return wire.EquityCurves{}, err
		}
		out.Equity = append(out.Equity, curve)
	}
	if model != "" && len(out.Equity) == 0 {
		return wire.EquityCurves{}, fmt.Errorf("no model %q: %w", model, ErrUnknownModel)
	}
	out.ServerTime = s.serverTime()
	return out, nil
}

func (s *Store) equityCurve(ctx context.Context, model string, account entities.Account, part Series) (wire.EquityCurve, error) {
	curve := wire.EquityCurve{ModelID: model, Points: []wire.EquityPoint{}}
	made, p, err := s.equityOfCandles(ctx, model, account, part)
	if err == nil && made == nil {
		made, p, err = s.equityOfRows(ctx, model, account, part)
	}
	if err != nil {
		return curve, Unavailable(err)
	}
	for _, sample := range made.points() {
		curve.Points = append(curve.Points, wire.EquityPoint{Timestamp: secondsOf(sample), DollarEquity: sample.Value})
	}
	curve.Rows, curve.Candles = made.rows, made.payload()
	if made.rows > 0 {
		p.fill(&curve)
	}
	return curve, s.addExposure(ctx, &curve)
}

func (s *Store) equityOfRows(ctx context.Context, model string, account entities.Account, part Series) (*shape, *performance, error) {
	p, made := new(performance), &shape{part: part}
	err := s.repos.Equity.Series(ctx, model, part.span(), func(first, last time.Time) time.Time {
		from := made.begin(first, last)
		p.begin(account, part, from.After(first))
		return from
	}, func(at time.Time, marker int64, equity float64) error {
		sample := analytics.Sample{At: at.UnixMicro(), Value: equity}
		made.add(&analytics.Candle{Open: sample, High: sample, Low: sample, Close: sample, Count: 1})
		p.addHour(marker, sample.Value)
		p.add(sample)
		return nil
	})
	return made, p, err
}

// equityOfCandles makes of candles what equityOfRows makes of rows, nil where there are
// too few of them.
func (s *Store) equityOfCandles(ctx context.Context, model string, account entities.Account, part Series) (*shape, *performance, error) {
	first, last, err := s.repos.Equity.Ends(ctx, model, part.span())
	if err != nil || last.IsZero() {
		return nil, nil, err
	}
	made := &shape{part: part}
	span, widths := part.ofCandles(made.begin(first, last), first, last)
	if len(widths) == 0 {
		return nil, nil, nil
	}
	pieces, err := s.repos.Equity.Candles(ctx, model, segments(span, widths))
	if err != nil || !part.shownBy(pieces) {
		return nil, nil, err
	}
	closes, err := s.repos.Equity.HourCloses(ctx, model, span)
	if err != nil {
		return nil, nil, err
	}
	p := new(performance)
	p.begin(account, part, span.From.After(first))
	for _, c := range closes {
		p.addHour(c.Marker, c.Equity)
	}
	made.begin(pieces[0].OpenAt, pieces[len(pieces)-1].CloseAt)
	for i := range pieces {
		c := candleOf(&pieces[i])
		made.add(&c)
	}
	return made, p, s.follow(ctx, model, pieces, p)
}

// follow hands the pieces to a performance. What those are made of that may hide the
// largest fall stands in their place then, and in that of these: one statement for each
// length that candles have.
func (s *Store) follow(ctx context.Context, model string, pieces []repository.Piece, p *performance) error {
	for {
		all, so := *p, *p
		for i := range pieces {
			all.addPiece(&pieces[i])
		}
		var plain []repository.Piece
		var parts []repository.Segment
		for i := range pieces {
			c := candleOf(&pieces[i])
			if pieces[i].Resolution > 0 && so.drawdown.Within(&c, pieces[i].Fall, all.drawdown.Worst()) {
				parts = append(parts, madeOf(pieces, i)...)
			} else {
				plain = append(plain, pieces[i])
			}
			so.addPiece(&pieces[i])
		}
		if len(parts) == 0 {
			*p = all
			return nil
		}
		found, err := s.repos.Equity.Candles(ctx, model, parts)
		if err != nil {
			return err
		}
		pieces = slices.Concat(plain, found)
		slices.SortFunc(pieces, func(a, b repository.Piece) int { return a.OpenAt.Compare(b.OpenAt) })
	}
}

func (s *Store) addExposure(ctx context.Context, curve *wire.EquityCurve) error {
	newest, err := s.repos.Equity.NewestOf(ctx, curve.ModelID)
	if err != nil || newest == nil {
		return Unavailable(err)
	}
	row, err := mapping.EquityPayload(*newest)
	if err != nil {
		return err
	}
	e := analytics.ExposureOf(&row)
	curve.Exposure = wire.Some(wire.Exposure{
		Timestamp: row.Timestamp, GrossDollars: e.Gross, NetDollars: e.Net, GrossPct: e.GrossPct, NetPct: e.NetPct,
	})
	return nil
}

func secondsOf(s analytics.Sample) float64 { return wire.Seconds(time.UnixMicro(s.At)) }

// performance follows the equity of a model.
type performance struct {
	first, last analytics.Sample
	drawdown    analytics.Drawdown
	started     bool

	returns analytics.Returns
	marker  int64
	close   float64 // of the hour so far
	rows    bool
}

// begin starts a series that begins with the account with its NAV at inception.
func (p *performance) begin(account entities.Account, part Series, later bool) {
	if part.From.IsZero() && !later && account.InceptionNAV != nil && account.InceptionAt != nil {
		nav := analytics.Sample{At: account.InceptionAt.UnixMicro(), Value: *account.InceptionNAV}
		p.add(nav)
		p.returns.Add(nav.Value)
	}
}

// add adds the next equity.
func (p *performance) add(s analytics.Sample) {
	if !p.started {
		p.first, p.started = s, true
	}
	p.last = s
	p.drawdown.Add(s)
}

// addPiece adds what is known of the next piece.
func (p *performance) addPiece(piece *repository.Piece) {
	c := candleOf(piece)
	for _, sample := range c.Samples() {
		p.add(sample)
	}
}

// addHour adds the next equity of an hour, of which the newest stands for it.
func (p *performance) addHour(marker int64, equity float64) {
	if p.rows && marker != p.marker {
		p.returns.Add(p.close)
	}
	p.marker, p.close, p.rows = marker, equity, true
}

func (p *performance) fill(curve *wire.EquityCurve) {
	p.returns.Add(p.last.Value)
	curve.Sharpe = p.returns.Sharpe()
	if p.first.Value > 0 {
		curve.ReturnPct = wire.Some((p.last.Value/p.first.Value - 1) * 100)
	}
	var peak, trough analytics.Sample
	curve.MaxDrawdownPct, curve.MaxDrawdownDollars, peak, trough = p.drawdown.Max()
	if curve.MaxDrawdownPct > 0 {
		curve.PeakTimestamp, curve.TroughTimestamp = wire.Some(secondsOf(peak)), wire.Some(secondsOf(trough))
	}
	curve.DrawdownPct = p.drawdown.Current()
}

// PriceHistory returns the prices of a symbol over time at the primary provider.
func (s *Store) PriceHistory(ctx context.Context, symbol string, part Series) (wire.PriceHistory, error) {
	known, err := s.repos.Symbols.Named(ctx, []string{symbol})
	if err != nil {
		return wire.PriceHistory{}, Unavailable(err)
	}
	if len(known) == 0 {
		return wire.PriceHistory{}, fmt.Errorf("no symbol %q: %w", symbol, ErrUnknownSymbol)
	}
	out := wire.PriceHistory{Symbol: symbol, Points: []wire.PricePoint{}}
	made, err := s.prices(ctx, symbol, part)
	if err != nil {
		return wire.PriceHistory{}, Unavailable(err)
	}
	for _, sample := range made.points() {
		out.Points = append(out.Points, wire.PricePoint{Timestamp: secondsOf(sample), Price: sample.Value})
	}
	out.Rows, out.Candles = made.rows, made.payload()
	out.ServerTime = s.serverTime()
	return out, nil
}

// prices makes a series of candles, or of ticks where they are few. Where ticks have been
// archived, the candles of their minutes stand for them.
func (s *Store) prices(ctx context.Context, symbol string, part Series) (*shape, error) {
	made := &shape{part: part}
	first, last, err := s.repos.Prices.Ends(ctx, s.provider, symbol, part.span())
	if err != nil || last.IsZero() {
		return made, err
	}
	span, widths := part.ofCandles(made.begin(first, last), first, last)
	read := func(widths []time.Duration) ([]repository.Piece, error) {
		var parts []repository.Segment
		for _, part := range segments(span, widths) {
			parts = append(parts, part)
			if part.Resolution == 0 { // whole minutes, and their candles
				minutes := &parts[len(parts)-1].Span
				minutes.From, minutes.To = part.From.UTC().Truncate(time.Minute), part.To.UTC().Truncate(time.Minute).Add(time.Minute-time.Microsecond)
				parts = append(parts, repository.Segment{Resolution: time.Minute, Span: *minutes})
			}
		}
		pieces, err := s.repos.Prices.Candles(ctx, s.provider, symbol, parts)
		return withoutDoubles(pieces), err
	}
	pieces, err := read(widths)
	if err == nil && len(widths) > 0 && !part.shownBy(pieces) {
		pieces, err = read(nil)
	}
	if err != nil {
		return made, err
	}
	var within []analytics.Candle
	for i := range pieces {
		within = append(within, cut(candleOf(&pieces[i]), span)...)
	}
	if len(within) > 0 {
		made.begin(time.UnixMicro(within[0].Open.At), time.UnixMicro(within[len(within)-1].Close.At))
	}
	for i := range within {
		made.add(&within[i])
	}
	return made, nil
}
