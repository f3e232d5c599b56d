package handlers

import (
	"fmt"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

const (
	// recentFrames is how many rendered events are kept: streams that keep up
	// are within a few of each other.
	recentFrames = 64
	// largestFrame is the largest that is kept, so that all take at most 16 MiB.
	largestFrame = 256 << 10
)

// eventData is the data of an event on the stream.
type eventData struct {
	ID          int64          `json:"id" jsonschema_description:"Identifies an event that comes again"`
	Sequence    int64          `json:"sequence" jsonschema_description:"Place in the order of all events; the id of the frame"`
	Type        string         `json:"type" jsonschema_description:"Kind of fact"`
	ModelID     string         `json:"model_id,omitzero" jsonschema_description:"Model; absent for an event of no model"`
	Competition string         `json:"competition_id,omitzero" jsonschema_description:"Competition of the accounts that it is of; absent for an event of none"`
	At          float64        `json:"at" jsonschema_description:"Unix seconds with up to six decimals"`
	Data        jsontext.Value `json:"data" jsonschema_description:"The row as the views show it: of trade, equity, decision, conversation, trader_state, market_assets, model, symbol and competition the row; of position {model_id, provider, status, position}; of prices {prices: [row…]}; of price_history {change, from, to, rows}, where ticks between the two times were archived or restored; of analytics {model_id}; of import {captured_at, kinds}, after which the views have to be read again; of correction {kind, model_id, fact_id, action, fact}, fact being the fact as it now is, null where it is void, after which the views of the model have to be read again"`
}

// frames renders events, the recent ones about once for all streams.
type frames struct {
	recent [recentFrames]atomic.Pointer[frame]
}

type frame struct {
	position arena.Position
	text     []byte
}

// of returns the frame of an event, which is shared and must not be changed.
func (f *frames) of(e arena.Event) ([]byte, error) {
	slot := &f.recent[uint64(e.Sequence)%recentFrames]
	if known := slot.Load(); known != nil && known.position == e.Position {
		return known.text, nil
	}
	text, err := render(e)
	if err == nil && len(text) <= largestFrame {
		slot.Store(&frame{position: e.Position, text: text})
	}
	return text, err
}

// render writes an event. Its data are one line: JSON has no line break that is
// not escaped but between its tokens, where none is written.
func render(e arena.Event) ([]byte, error) {
	data, err := wire.Marshal(eventData{
		ID: e.ID, Sequence: e.Sequence, Type: e.Type, ModelID: e.Model, Competition: e.Competition, At: wire.Seconds(e.At), Data: e.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("error rendering event %d: %w", e.Sequence, err)
	}
	return fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", e.Position, e.Type, data), nil
}
