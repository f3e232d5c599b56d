package relay

import (
	"cmp"
	"fmt"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// venue is a symbol at a provider.
type venue struct{ provider, symbol string }

// subject is one projection: that of a model, trader or symbol, and what it is of
// besides.
type subject struct {
	of          catalogue.ProjectionName
	competition string // of projections of accounts
	provider    string // of those of a venue
	id          string // the model, trader or symbol; "" of the leaderboard
}

// ids are those that its key names, in their order.
func (s subject) ids() []string {
	switch {
	case s.provider != "":
		return []string{s.provider, s.id}
	case s.id != "":
		return []string{s.id}
	default:
		return nil
	}
}

// compare orders subjects so that those of one competition and model are neighbours.
func (s subject) compare(other subject) int {
	return cmp.Or(
		cmp.Compare(s.competition, other.competition), cmp.Compare(s.id, other.id),
		cmp.Compare(s.provider, other.provider), cmp.Compare(s.of, other.of),
	)
}

// changes are what events have changed: which projections are to be replaced and which
// versions of cached views have changed.
type changes struct {
	provider   string // the primary one
	versions   map[catalogue.Version]bool
	everything bool // an import, or a change of the default competition
	subjects   map[subject]bool
	prices     map[venue]bool // that are new
	// markers are the hourly markers of the equity rows of events, by the series that
	// they belong to; a negative one is of a row that is not known.
	markers map[subject]map[int64]bool
}

// changesOf reads what events have changed. An event that cannot be read changes
// nothing: the error says so, and holds for it alone.
func changesOf(events []entities.OutboxEvent, primaryProvider string) (*changes, []error) {
	c := &changes{
		provider: primaryProvider,
		versions: map[catalogue.Version]bool{},
		subjects: map[subject]bool{},
		prices:   map[venue]bool{},
		markers:  map[subject]map[int64]bool{},
	}
	var errs []error
	for _, e := range events {
		if err := c.add(e); err != nil {
			errs = append(errs, fmt.Errorf("error reading %s event %d: %w", e.Type, e.ID, err))
		}
		c.addVersions(e)
	}
	return c, errs
}

// addVersions adds what the event changed by the catalogue.
func (c *changes) addVersions(e entities.OutboxEvent) {
	declared, marker := catalogue.EventOf(e.Type), int64(-1)
	if declared.Segmented {
		if read, err := markerOf(e); err == nil {
			marker = read
		}
	}
	for _, v := range declared.Versions(e.CompetitionID, e.ModelID, marker) {
		c.versions[v] = true
	}
}

// markerOf reads the hourly marker of an equity row, -1 where it has none.
func markerOf(e entities.OutboxEvent) (int64, error) {
	row := struct {
		Marker int64 `json:"since_inception_hourly_marker"`
	}{Marker: -1}
	err := wire.Unmarshal(e.Payload, &row)
	return row.Marker, err
}

// add adds the projections that an event changes by the catalogue.
func (c *changes) add(e entities.OutboxEvent) error {
	switch e.Type {
	case arena.EventImport, catalogue.EventCompetition:
		c.everything = true
		return nil
	case arena.EventPrices:
		return c.addPrices(e)
	}
	var row struct {
		TraderID string           `json:"trader_id"`
		Provider wire.Opt[string] `json:"provider"`
		Symbol   string           `json:"symbol"`
	}
	marker := int64(-1) // of a correction, which none of the newest hours is: the series is read whole
	var err error
	switch e.Type {
	case arena.EventTraderState, arena.EventMarketAssets:
		err = wire.Unmarshal(e.Payload, &row)
	case arena.EventEquity:
		marker, err = markerOf(e)
	}
	if err != nil {
		return err
	}
	for _, p := range catalogue.ProjectionsOf(e.Type) {
		s := subject{of: p.Name}
		switch {
		case p.OfAccounts:
			s.competition = e.CompetitionID
			if p.Has("MODEL") {
				s.id = e.ModelID
			}
		case p.Has("TRADER"):
			s.id = row.TraderID
		case p.Has("SYMBOL"):
			s.provider, s.id = row.Provider.Or(c.provider), row.Symbol
		}
		c.subjects[s] = true
		if p.Name == catalogue.ProjectionSinceInception {
			if c.markers[s] == nil {
				c.markers[s] = map[int64]bool{}
			}
			c.markers[s][marker] = true
		}
	}
	return nil
}

func (c *changes) addPrices(e entities.OutboxEvent) error {
	var batch struct {
		Prices []struct {
			Provider wire.Opt[string] `json:"provider"`
			Symbol   string           `json:"symbol"`
		} `json:"prices"`
	}
	if err := wire.Unmarshal(e.Payload, &batch); err != nil {
		return err
	}
	for _, p := range batch.Prices {
		c.addVenue(venue{p.Provider.Or(c.provider), p.Symbol})
	}
	return nil
}

// addVenue adds what a new price at a venue, or a market context, changes but the
// positions: who holds them is not known here.
func (c *changes) addVenue(v venue) {
	c.prices[v] = true
	c.subjects[subject{of: catalogue.ProjectionProviderPrice, provider: v.provider, id: v.symbol}] = true
	c.subjects[subject{of: catalogue.ProjectionContext, provider: v.provider, id: v.symbol}] = true
	if v.provider == c.provider {
		c.subjects[subject{of: catalogue.ProjectionPrice, id: v.symbol}] = true
	}
}

// addModel adds every projection of a model in a competition.
func (c *changes) addModel(competition, model string) {
	for _, p := range catalogue.Projections() {
		if p.OfAccounts && p.Has("MODEL") {
			c.subjects[subject{of: p.Name, competition: competition, id: model}] = true
		}
	}
}
