package snapshot

import (
	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// DecodeDocument reads a conversation document of either shape. The messages
// of a thread are put in order of time and its derived members are set.
func DecodeDocument(raw jsontext.Value) (wire.Document, error) {
	if !wire.IsThread(raw) {
		d, err := wire.Decode[wire.Decision](raw)
		return wire.Document{Decision: &d}, err
	}
	t, err := wire.Decode[wire.Thread](raw)
	if err != nil {
		return wire.Document{}, err
	}
	t.Sort()
	t.Derive()
	return wire.Document{Thread: &t}, nil
}
