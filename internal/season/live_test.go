//go:build captures

package season

import (
	"maps"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"

	"nof0/internal/captures"
)

func assertSameMembers(t *testing.T, captured, ours jsontext.Value, what string) {
	t.Helper()
	assert.ElementsMatch(t, slices.Collect(maps.Keys(object(t, captured))), slices.Collect(maps.Keys(object(t, ours))), what)
}

// TestRowsHaveTheMembersOfCapturedOnes needs live rows: those of testdata have
// oddities, and the generator has made them.
func TestRowsHaveTheMembersOfCapturedOnes(t *testing.T) {
	t.Parallel()
	dir := writeSeason(t, Options{Seed: 2})
	for _, c := range []struct {
		capture    captures.Capture
		file, list string
	}{
		{captures.Later, "trades.json", "trades"},
		{captures.Earlier, "account-totals.json", "accountTotals"},
		{captures.Later, "since-inception-values.json", "sinceInceptionValues"},
		{captures.Later, "leaderboard.json", "leaderboard"},
		{captures.Later, "conversations.json", "conversations"},
		{captures.Later, "analytics.json", "analytics"},
	} {
		captured := list(t, readObject(t, c.capture.Dir(t), c.file)[c.list])
		for _, row := range list(t, readObject(t, dir, c.file)[c.list]) {
			assertSameMembers(t, captured[0], row, c.file)
		}
	}

	captured := list(t, readObject(t, captures.Earlier.Dir(t), "account-totals.json")["accountTotals"])
	realPosition := object(t, object(t, captured[0])["positions"])["BTC"]
	positions := 0
	for _, row := range list(t, readObject(t, dir, "positions.json")["accountTotals"]) {
		for _, p := range object(t, object(t, row)["positions"]) {
			positions++
			assertSameMembers(t, realPosition, p, "position")
		}
	}
	assert.Positive(t, positions)
	assertSameMembers(t,
		object(t, readObject(t, captures.Earlier.Dir(t), "crypto-prices.json")["prices"])["BTC"],
		object(t, readObject(t, dir, "crypto-prices.json")["prices"])["BTC"], "price")
}
