package relay

import (
	"fmt"

	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// venue is a symbol at a provider.
type venue struct{ provider, symbol string }

// concern is what events are about: which projections have to be told anew and
// which versions of cached views have changed.
type concern struct {
	versions map[catalogue.Version]bool

	everything bool // an import, or a change of the default competition

	accounts map[string]*accounts // by competition
	prices   map[venue]bool
	assets   map[venue]bool
	traders  map[string]bool
}

// accounts are those of a competition that events are about.
type accounts struct {
	positions     map[string]bool // models
	trades        map[string]bool
	conversations map[string]bool
	decisions     map[string]bool
	equity        map[string]map[int64]bool // models, the hourly markers of their snapshots
	leaderboard   bool
}

// in returns the accounts of a competition.
func (c *concern) in(competition string) *accounts {
	a := c.accounts[competition]
	if a == nil {
		a = &accounts{
			positions:     map[string]bool{},
			trades:        map[string]bool{},
			conversations: map[string]bool{},
			decisions:     map[string]bool{},
			equity:        map[string]map[int64]bool{},
		}
		c.accounts[competition] = a
	}
	return a
}

// concernOf reads what events are about. An event that cannot be read is about
// nothing: the error says so, and holds for it alone.
func concernOf(events []entities.OutboxEvent, primaryProvider string) (*concern, []error) {
	c := &concern{
		versions: map[catalogue.Version]bool{},
		accounts: map[string]*accounts{},
		prices:   map[venue]bool{},
		assets:   map[venue]bool{},
		traders:  map[string]bool{},
	}
	var errs []error
	for _, e := range events {
		if err := c.add(e, primaryProvider); err != nil {
			errs = append(errs, fmt.Errorf("error reading %s event %d: %w", e.Type, e.ID, err))
		}
		c.addVersions(e)
	}
	return c, errs
}

// addVersions adds what the event changed by the catalogue.
func (c *concern) addVersions(e entities.OutboxEvent) {
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

func (c *concern) add(e entities.OutboxEvent, primaryProvider string) error {
	m, of := e.ModelID, e.CompetitionID
	switch e.Type {
	case arena.EventTrade:
		c.in(of).trades[m], c.in(of).positions[m] = true, true
	case arena.EventPosition:
		c.in(of).positions[m] = true
	case arena.EventEquity:
		return c.in(of).addEquity(e)
	case arena.EventPrices:
		return c.addPrices(e, primaryProvider)
	case arena.EventDecision:
		c.in(of).decisions[m], c.in(of).conversations[m] = true, true
	case arena.EventConversation:
		c.in(of).conversations[m] = true
	case arena.EventModel:
		c.in(of).leaderboard = true // it may compete from now on, or no longer
	case arena.EventTraderState:
		return c.addTrader(e)
	case arena.EventMarketAssets:
		return c.addAsset(e, primaryProvider)
	case arena.EventImport, catalogue.EventCompetition:
		c.everything = true
	case arena.EventCorrection:
		a := c.in(of)
		a.trades[m], a.positions[m], a.decisions[m], a.conversations[m], a.leaderboard = true, true, true, true, true
		a.equityOf(m)[-1] = true // which none of the newest hours is: the series is read whole
	}
	return nil
}

func (a *accounts) addEquity(e entities.OutboxEvent) error {
	marker, err := markerOf(e)
	if err != nil {
		return err
	}
	a.equityOf(e.ModelID)[marker] = true
	a.leaderboard = true
	return nil
}

// equityOf are the hourly markers of a model whose snapshots were told.
func (a *accounts) equityOf(model string) map[int64]bool {
	if a.equity[model] == nil {
		a.equity[model] = map[int64]bool{}
	}
	return a.equity[model]
}

func (c *concern) addPrices(e entities.OutboxEvent, primaryProvider string) error {
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
		c.prices[venue{p.Provider.Or(primaryProvider), p.Symbol}] = true
	}
	return nil
}

func (c *concern) addTrader(e entities.OutboxEvent) error {
	var row struct {
		TraderID string `json:"trader_id"`
	}
	if err := wire.Unmarshal(e.Payload, &row); err != nil {
		return err
	}
	c.traders[row.TraderID] = true
	return nil
}

func (c *concern) addAsset(e entities.OutboxEvent, primaryProvider string) error {
	var row struct {
		Provider wire.Opt[string] `json:"provider"`
		Symbol   string           `json:"symbol"`
	}
	if err := wire.Unmarshal(e.Payload, &row); err != nil {
		return err
	}
	c.assets[venue{row.Provider.Or(primaryProvider), row.Symbol}] = true
	return nil
}
