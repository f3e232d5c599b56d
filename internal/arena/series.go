package arena

import (
	"context"
	"fmt"
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
}

func (s Series) points() int {
	if s.Points == 0 {
		return DefaultPoints
	}
	return s.Points
}

// key tells parts of a series apart.
func (s Series) key() string {
	return fmt.Sprintf("%d-%d:%d", s.From.UnixMicro(), s.To.UnixMicro(), s.points())
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
	p := performance{}
	if part.From.IsZero() && account.InceptionNAV != nil && account.InceptionAt != nil {
		p.begin(analytics.Sample{At: account.InceptionAt.UnixMicro(), Value: *account.InceptionNAV})
	}
	var thin *analytics.Downsample
	err := s.repos.Equity.Series(ctx, model, part.span(), func(first, last time.Time) {
		thin = analytics.NewDownsample(part.points(), first.UnixMicro(), last.UnixMicro())
	}, func(at time.Time, marker int64, equity float64) error {
		sample := analytics.Sample{At: at.UnixMicro(), Value: equity}
		thin.Add(sample)
		p.add(marker, sample)
		return nil
	})
	if err != nil {
		return curve, Unavailable(err)
	}
	if thin != nil {
		curve.Rows = thin.Count()
		for _, sample := range thin.Samples() {
			curve.Points = append(curve.Points, wire.EquityPoint{Timestamp: secondsOf(sample), DollarEquity: sample.Value})
		}
		p.fill(&curve)
	}
	return curve, s.addExposure(ctx, &curve)
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

// performance follows the equity of a model row by row.
type performance struct {
	first, last analytics.Sample
	drawdown    analytics.Drawdown
	returns     analytics.Returns
	marker      int64
	started     bool
	rows        bool
}

// begin starts the series with the NAV at inception.
func (p *performance) begin(nav analytics.Sample) {
	p.first, p.started = nav, true
	p.drawdown.Add(nav)
	p.returns.Add(nav.Value)
}

func (p *performance) add(marker int64, s analytics.Sample) {
	if !p.started {
		p.first, p.started = s, true
	}
	// The newest row of an hour stands for it.
	if p.rows && marker != p.marker {
		p.returns.Add(p.last.Value)
	}
	p.marker, p.last, p.rows = marker, s, true
	p.drawdown.Add(s)
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
	var thin *analytics.Downsample
	err = s.repos.Prices.Series(ctx, s.provider, symbol, part.span(), func(first, last time.Time) {
		thin = analytics.NewDownsample(part.points(), first.UnixMicro(), last.UnixMicro())
	}, func(at time.Time, price float64) error {
		thin.Add(analytics.Sample{At: at.UnixMicro(), Value: price})
		return nil
	})
	if err != nil {
		return wire.PriceHistory{}, Unavailable(err)
	}
	if thin != nil {
		out.Rows = thin.Count()
		for _, sample := range thin.Samples() {
			out.Points = append(out.Points, wire.PricePoint{Timestamp: secondsOf(sample), Price: sample.Value})
		}
	}
	out.ServerTime = s.serverTime()
	return out, nil
}
