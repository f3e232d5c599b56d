package importer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/arena"
	"nof0/internal/importer"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

// TestAnImportedLeaderboardIsShown imports captures with and without account
// totals in every order, twice, and expects the same leaderboard and the same
// accounts of each.
func TestAnImportedLeaderboardIsShown(t *testing.T) {
	t.Parallel()
	capture := func(files map[string]string) string { return directory(t, files) }
	row := func(id string, equity, trades int) string {
		return fmt.Sprintf(`{"id":%q,"equity":%d,"return_pct":%d,"num_trades":%d,"num_wins":%[4]d,"num_losses":0,"win_dollars":5,"lose_dollars":0,"sharpe":0.5,"note":"é"}`,
			id, equity, equity/100-100, trades)
	}
	total := func(id string, at, equity int) string {
		return fmt.Sprintf(`{"id":"x","model_id":%q,"timestamp":%d,"dollar_equity":%d,"since_inception_hourly_marker":0,"sharpe_ratio":1}`, id, at, equity)
	}
	board := func(at int, rows string) string {
		return fmt.Sprintf(`{"leaderboard":[%s],"serverTime":%d000}`, rows, at)
	}
	dirs := []string{
		capture(map[string]string{"leaderboard": board(1761000100, row("a", 9000, 3)+","+row("b", 8000, 2)+","+row("c", 7000, 1))}),
		capture(map[string]string{"leaderboard": board(1761000300, row("a", 9100, 4)+","+row("c", 7000, 1))}),
		capture(map[string]string{
			"leaderboard":            board(1761000200, row("a", 1, 9)+","+row("b", 1, 9)), // of less than its totals
			"since-inception-values": `{"sinceInceptionValues":[{"model_id":"b","nav_since_inception":10000,"inception_date":1761000000}]}`,
			"account-totals":         `{"accountTotals":[` + total("a", 1761000200, 9050) + `,` + total("b", 1761000190, 8050) + `],"serverTime":1761000200000}`,
		}),
	}
	var first []any
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0, 1, 2, 0}, {0, 2, 1, 1}} {
		store, err := repository.Open(t.Context(), repository.Options{DSN: testdb.New(t, atlastest.Migrator{}), MaxOpen: 2})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		for _, i := range order {
			report, err := importer.Import(t.Context(), dirs[i], importer.Options{Store: store, PrimaryProvider: "hyperliquid", Bounds: wiretest.Bounds(), Now: time.Now})
			require.NoError(t, err)
			require.Zero(t, report.Rejected())
		}
		answer, err := arena.NewStore(store.Repositories, "hyperliquid", time.Now).Leaderboard(t.Context())
		require.NoError(t, err)
		accounts, err := store.Accounts.All(t.Context())
		require.NoError(t, err)
		var state []any
		for _, l := range answer.Leaderboard {
			state = append(state, l)
		}
		for _, a := range accounts {
			state = append(state, []any{a.ModelID, string(a.Standing), a.StandingAsOf.UTC()})
		}
		if first == nil {
			first = state
			require.Equal(t, []string{"a", "b", "c"}, []string{answer.Leaderboard[0].ID, answer.Leaderboard[1].ID, answer.Leaderboard[2].ID})
			a, b, c := answer.Leaderboard[0], answer.Leaderboard[1], answer.Leaderboard[2]
			require.Equal(t, wire.Some(9100.0), a.Equity, "newer than the snapshot")
			require.Equal(t, wire.Some(-9.0), a.ReturnPct)
			require.Equal(t, int64(4), a.NumTrades, "no trade is known")
			require.JSONEq(t, `{"note":"é"}`, string(a.Extra))
			require.Equal(t, wire.Some(8050.0), b.Equity, "the snapshot is newer")
			require.InDelta(t, 1, b.Sharpe.Or(99), 0)
			require.Equal(t, wire.Some(7000.0), c.Equity)
		}
		require.Equal(t, first, state, "in the order %v", order)
	}
}

// TestCapturesOfOneTimeThatContradictAreRefused imports, in both orders, captures of
// one time: which of two rows is right cannot be told, and the second says so.
// Counts that only one of them has are no contradiction.
func TestCapturesOfOneTimeThatContradictAreRefused(t *testing.T) {
	t.Parallel()
	board := func(equity, trades int) string {
		return fmt.Sprintf(`{"leaderboard":[{"id":"a","equity":%d,"return_pct":1,"num_trades":%d,"num_wins":%[2]d,"num_losses":0,`+
			`"win_dollars":%[2]d,"lose_dollars":0,"sharpe":0.5}],"serverTime":1761000100000}`, equity, trades)
	}
	inception := func(invocations string) string {
		return `{"sinceInceptionValues":[{"model_id":"a","nav_since_inception":10000,"inception_date":1761000000` + invocations + `}],"serverTime":1761000100000}`
	}
	one := func(name, body string) string { return directory(t, map[string]string{name: body}) }
	for name, c := range map[string]struct {
		dirs     [2]string
		rejected int
	}{
		"equities":      {[2]string{one("leaderboard", board(9000, 3)), one("leaderboard", board(9001, 3))}, 1},
		"counts":        {[2]string{one("leaderboard", board(9000, 3)), one("leaderboard", board(9000, 4))}, 1},
		"one has none":  {[2]string{one("leaderboard", board(9000, 3)), one("leaderboard", board(9000, 0))}, 0},
		"the same":      {[2]string{one("leaderboard", board(9000, 3)), one("leaderboard", board(9000, 3))}, 0},
		"invocations":   {[2]string{one("since-inception-values", inception(`,"num_invocations":5`)), one("since-inception-values", inception(`,"num_invocations":6`))}, 1},
		"one says none": {[2]string{one("since-inception-values", inception(`,"num_invocations":5`)), one("since-inception-values", inception(""))}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var states []string
			for first := range 2 {
				store := open(t, testdb.New(t, atlastest.Migrator{}))
				for i, dir := range []string{c.dirs[first], c.dirs[1-first], c.dirs[first]} {
					report, err := importer.Import(t.Context(), dir, importer.Options{Store: store, PrimaryProvider: "hyperliquid", Bounds: wiretest.Bounds(), Now: time.Now})
					require.NoError(t, err)
					if i != 1 {
						require.Zero(t, report.Rejected(), "%+v", report)
						continue
					}
					require.Equal(t, c.rejected, report.Rejected(), "%+v", report)
					for _, kind := range report.Kinds {
						for _, row := range kind.Rows {
							require.Equal(t, "a", row.ID)
							require.ErrorContains(t, row.Faults, "same time")
						}
					}
				}
				accounts, err := store.Accounts.All(t.Context())
				require.NoError(t, err)
				require.Len(t, accounts, 1)
				invocations := int64(-1)
				if accounts[0].Invocations != nil {
					invocations = *accounts[0].Invocations
				}
				states = append(states, fmt.Sprintf("%s %d", accounts[0].Standing, invocations))
			}
			require.Equal(t, c.rejected == 0, states[0] == states[1], "%v", states)
		})
	}
}
