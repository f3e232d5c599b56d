package season

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"nof0/internal/apiclient"
	"nof0/internal/wire"
)

// Standing is how far a running system has come with a season.
type Standing struct {
	// Options of the season; Hours, of which there is no end, and Since are 0.
	Options Options
	// Since is the moment before which the system has taken in everything, Reached how
	// far it has come with each model beyond it.
	Since   time.Time
	Reached map[string]time.Time
}

// ErrOtherData says that a system holds something that is not a season of the seed,
// so that playing one would contradict it.
var ErrOtherData = errors.New("it holds other accounts than those of a season of this seed")

// Find asks the API of a URL how far it has come with a season of the seed. It is
// false where the API knows of no account.
func Find(ctx context.Context, url string, seed uint64) (_ Standing, found bool, err error) {
	accounts, err := ask[wire.SinceInceptionValues](ctx, url, "/api/since-inception-values")
	if err != nil {
		return Standing{}, false, err
	}
	n := len(accounts.SinceInceptionValues)
	if n == 0 {
		return Standing{}, false, nil
	}
	s := Standing{Options: Options{Seed: seed, Models: n}}
	members := append(competitors(n-1), Benchmark)
	for _, a := range accounts.SinceInceptionValues {
		_, _, wait := beginnings(s.Options, a.ModelID)
		start := wire.Time(a.InceptionDate).Add(-wait)
		if s.Options.Start.IsZero() {
			s.Options.Start = start
		}
		if !slices.Contains(members, a.ModelID) || !start.Equal(s.Options.Start) {
			return Standing{}, false, fmt.Errorf("error in going on with the season at %s: %w (%q is one)", url, ErrOtherData, a.ModelID)
		}
	}
	return s, true, s.measure(ctx, url)
}

// measure asks how far the API has come. The events of a model are sent in order, so
// that it has all of them before the newest equity or trade; and so are prices.
func (s *Standing) measure(ctx context.Context, url string) error {
	// Of four points two are the first and the last, of fewer the extremes.
	curves, err := ask[wire.EquityCurves](ctx, url, "/api/equity?points=4")
	if err != nil {
		return err
	}
	trades, err := ask[wire.Trades](ctx, url, "/api/trades")
	if err != nil {
		return err
	}
	prices, err := ask[wire.CryptoPrices](ctx, url, "/api/crypto-prices")
	if err != nil {
		return err
	}
	s.Reached = make(map[string]time.Time)
	reach := func(model string, seconds float64) {
		if at := wire.Time(seconds); at.After(s.Reached[model]) {
			s.Reached[model] = at
		}
	}
	for _, c := range curves.Equity {
		for _, p := range c.Points {
			reach(c.ModelID, p.Timestamp)
		}
	}
	for i := range trades.Trades {
		reach(trades.Trades[i].ModelID, trades.Trades[i].ExitTime)
	}
	reached := slices.Collect(maps.Values(s.Reached))
	for _, p := range prices.Prices {
		reached = append(reached, wire.MillisTime(p.Timestamp))
	}
	s.Since = s.Options.Start // where something is not there at all
	if len(reached) == s.Options.Models+len(coins()) {
		s.Since = slices.MinFunc(reached, time.Time.Compare)
	}
	return nil
}

// ask reads a document of the API of a URL.
func ask[T any](ctx context.Context, url, path string) (document T, err error) {
	api := apiclient.Client{URL: url}
	if err := api.Check(); err != nil {
		return document, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return apiclient.Get[T](ctx, api, path)
}

// ahead is how much of a season is made at a time.
const ahead = 24 * time.Hour

// Events returns what happens from Since on and is not there yet. It ends when no season is longer, with
// an error.
func (s *Standing) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		o := s.Options
		for o.Since = s.Since; ; {
			o.Hours = int((o.Since.Sub(o.Start) + ahead) / time.Hour)
			if o.Hours > MaxHours {
				yield(Event{}, fmt.Errorf("the season that began at %s is %d hours old, as old as a season gets; begin another in an empty arena",
					o.Start.Format(time.RFC3339), MaxHours))
				return
			}
			more, err := Generate(ctx, o)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for e, err := range more.Plan(PlanOptions{}).Events() {
				if err == nil && e.At.Before(s.Reached[e.Model]) {
					continue
				}
				if !yield(e, err) {
					return
				}
			}
			o.Since = more.End().Add(time.Microsecond)
		}
	}
}

// MaxLead is how far ahead of the clock a season is played: later facts are taken
// for mistakes.
const MaxLead = 23 * time.Hour

// Continue plays on from a standing: at once up to now, then at o.Speed until ctx is
// done, but never more than MaxLead ahead of the clock. At a speed of 0 it ends now.
func Continue(ctx context.Context, s Standing, o PlayOptions) (Played, error) {
	if o.Clock == nil {
		o.Clock = clock{}
	}
	now := o.Clock.Now().UTC()
	o.from, o.lead = now, MaxLead
	if s.Since.After(now) {
		o.from = s.Since
	}
	events := s.Events(ctx)
	if o.Speed == 0 {
		events = until(events, now)
	}
	return Play(ctx, events, o)
}

// until cuts what happens after end.
func until(events iter.Seq2[Event, error], end time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for e, err := range events {
			if err == nil && e.At.After(end) || !yield(e, err) {
				return
			}
		}
	}
}
