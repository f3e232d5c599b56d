package mapping

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
)

// A member that came before the payload named it may be of any type. It comes
// out as it came in, and one such row does not break the answer for all.
func TestAMemberOfAnotherTypeComesOutAsItCameIn(t *testing.T) {
	t.Parallel()
	for _, payload := range []any{
		&wire.Price{}, &wire.AccountTotal{}, &wire.Position{}, &wire.Trade{}, &wire.SinceInception{}, &wire.Decision{},
		&wire.Thread{}, &wire.Message{}, &wire.TraderState{}, &wire.MarketAsset{}, &wire.MarketContext{},
	} {
		kind := reflect.TypeOf(payload).Elem()
		for name, value := range wiretest.Full(t, payload, nil) {
			if !slices.Contains(wiretest.Optional(payload), name) {
				continue // always named, so never in extra
			}
			for _, wrong := range []any{map[string]any{"wrong": []any{1.5}}, []any{1.5}, "wrong", 1.5, false} {
				later := map[string]any{name: wrong, "unknown": "é", "another": nil}
				overlaid := reflect.New(kind).Interface()
				wiretest.Read(t, wiretest.Full(t, payload, nil), overlaid)
				column, err := wire.Marshal(later)
				require.NoError(t, err)

				require.NoError(t, Overlay(entities.JSON(column), overlaid), "%s.%s", kind, name)

				got, err := wire.Marshal(overlaid)
				require.NoError(t, err, "%s.%s = %v, which was %v", kind, name, wrong, value)
				want := wiretest.Full(t, payload, nil)
				maps.Copy(want, later)
				text, err := wire.Marshal(want)
				require.NoError(t, err)
				require.Equal(t, parse(t, text), parse(t, got), "%s.%s", kind, name)
			}
		}
	}
	require.Error(t, Overlay(entities.JSON(`[]`), &wire.Trade{}))
	require.Error(t, Overlay(entities.JSON(`{"a":1`), &wire.Trade{}))
	_, err := TradePayload(entities.Trade{Extra: entities.JSON(`{"leverage":"10x"}`)})
	require.NoError(t, err)
}
