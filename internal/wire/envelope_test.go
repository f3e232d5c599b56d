package wire

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An item that has nothing but its parts is read by a shorter way than one with a member
// besides, which nobody reads: to the same item, or to faults that lack none
// of the other's. How deep it nests counts from each part, as that of a bare trade does.
func TestEnvelopesAreReadAlikeByBothWays(t *testing.T) {
	t.Parallel()
	const trade = `{"id":"t","model_id":"m","symbol":"BTC","side":"long","quantity":1,"entry_oid":7,"entry_time":1761955200,"exit_time":1761958800,"entry_price":100,"exit_price":101,"realized_net_pnl":1}`
	with := func(old, replacement string) string { return strings.Replace(trade, old, replacement, 1) }
	for _, raw := range []string{
		`{"trade":` + trade + `}`,
		`{ "remaining" : null , "trade" : ` + trade + ` }`,
		`{"trade":` + trade + `,"equity":null}`,
		`{"trade":` + trade + `,"remaining":{"symbol":"BTC"},"equity":{}}`,
		`{"trade":` + trade + `,"remaining":7,"equity":[]}`,
		`{"trade":` + with(`"quantity":1`, `"quantity":1e999`) + `}`,
		`{"trade":` + with(`"quantity":1`, `"quantity":"1"`) + `,"remaining":{"quantity":1e-999}}`,
		`{"trade":` + with(`"t"`, `"t\u0000"`) + `}`,
		`{"trade":` + with(`"symbol":"BTC",`, ``) + `}`,
		`{"trade":` + with(`"symbol"`, `"id":"again","symbol"`) + `}`,
		`{"trade":` + with(`"m"`, "\"\xff\"") + `}`,
		`{"trade":` + trade + `,"trade":` + trade + `}`,
		`{"trade":null}`, `{"trade":{}}`, `{"trade":7}`, `{"trade":[]}`,
	} {
		item, err := DecodeTradeItem(jsontext.Value(raw))
		other, otherErr := DecodeTradeItem(jsontext.Value(raw[:len(raw)-1] + `,"besides":0}`))
		if otherErr != nil {
			var faults Faults
			require.ErrorAs(t, err, &faults, raw)
			assert.Subset(t, faults, otherErr, raw)
			continue
		}
		require.NoError(t, err, raw)
		assert.Equal(t, other, item, raw)
		_, plain := plainEnvelope(jsontext.Value(raw))
		assert.True(t, plain, raw)
	}
}
