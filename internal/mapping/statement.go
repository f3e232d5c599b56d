package mapping

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/wire"
)

// beside is what a statement of open positions says and no row of a position
// holds. It is kept with the account.
type beside struct {
	Positions wire.Opt[besidePositions] `json:"positions,omitzero"`
	Extra     jsontext.Value            `json:",embed"` // of wire.ModelPositions
}

type besidePositions struct {
	Waiting  map[string]jsontext.Value `json:"waiting,omitempty"`
	ListedAs map[string]string         `json:"listed_as,omitempty"` // by symbol, where the name is another
}

// Statement is the table rows of a model's open positions at a provider, by name,
// and what the account keeps of the statement beside them.
func Statement(provider string, m wire.ModelPositions) (rows []entities.Position, extra entities.JSON) {
	b := beside{Extra: m.Extra}
	listed := besidePositions{Waiting: m.Waiting, ListedAs: make(map[string]string)}
	for _, name := range slices.Sorted(maps.Keys(m.Positions)) {
		p := m.Positions[name]
		if p.Symbol != name {
			listed.ListedAs[p.Symbol] = name
		}
		rows = append(rows, Position(m.ModelID, provider, p))
	}
	if len(listed.Waiting)+len(listed.ListedAs) > 0 {
		b.Positions = wire.Some(listed)
	}
	if len(b.Extra) == 0 && b.Positions.IsZero() {
		return rows, nil
	}
	raw, err := wire.Marshal(b)
	if err != nil {
		panic(fmt.Sprintf("cannot render a statement: %v", err)) // each part was read as JSON
	}
	return rows, entities.JSON(raw)
}

// StatementPayload is the payload of the open positions of a model, extra being
// what the account keeps of the newest statement.
func StatementPayload(model string, rows []entities.Position, extra entities.JSON) (wire.ModelPositions, error) {
	m := wire.ModelPositions{ModelID: model, Positions: make(map[string]wire.Position, len(rows))}
	var b beside
	if extra != nil {
		if err := wire.Unmarshal(extra, &b); err != nil {
			return m, fmt.Errorf("error reading column positions_extra of account %s: %w", model, err)
		}
	}
	m.Extra, m.Waiting = b.Extra, b.Positions.Or(besidePositions{}).Waiting
	for _, row := range rows {
		p, err := PositionPayload(row)
		if err != nil {
			return m, err
		}
		name := row.Symbol
		if other, listed := b.Positions.Or(besidePositions{}).ListedAs[row.Symbol]; listed {
			name = other
		}
		m.Positions[name] = p
	}
	return m, nil
}
