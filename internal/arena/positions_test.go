package arena_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
)

// opening is an item of positions with an entry time; members stand beside the
// position in the item.
func opening(oid string, entry, quantity float64, members string) string {
	return fmt.Sprintf(`{"model_id":"m"%s,"position":{"symbol":"SOL","entry_oid":%s,"entry_time":%v,"entry_price":200,"quantity":%v}}`,
		members, oid, entry, quantity)
}

// closing is a trade; members stand beside it in the item.
func closing(id, oid string, entry, exit, quantity float64, members string) string {
	side := "long"
	if quantity < 0 {
		side = "short"
	}
	return fmt.Sprintf(`{"trade":{"id":%q,"model_id":"m","symbol":"SOL","side":%q,"quantity":%v,"entry_oid":%s,"entry_time":%v,`+
		`"exit_time":%v,"entry_price":200,"exit_price":201,"realized_net_pnl":1}%s}`, id, side, quantity, oid, entry, exit, members)
}

func equityRow(at int) string {
	return fmt.Sprintf(`,"equity":{"model_id":"m","timestamp":%d,"dollar_equity":1e4,"since_inception_hourly_marker":3}`, at)
}

// step is one write and what must be said of it.
type step struct {
	kind    arena.IngestKind
	item    string
	outcome string
	detail  string // a part of it, or of the reason of a rejection
	equity  string
}

const (
	positions = arena.IngestPositions
	trades    = arena.IngestTrades
)

// TestWhatArrivesLateOrTwice holds, in Postgres and in the JSON files alike,
// what is answered to facts out of their order, and what is open in the end.
func TestWhatArrivesLateOrTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps []step
		open  []float64
	}{
		"the opening after the fill that closes it": {[]step{
			{trades, closing("m_1", "7", 100, 200, 1, `,"remaining":null`), "inserted", "no position matched", ""},
			{positions, opening("7", 100, 1, ""), "inserted", "had closed it", ""},
			{positions, opening("7", 100, 1, ""), "unchanged", "", ""},
		}, nil},
		"the opening after a part was closed": {[]step{
			{trades, closing("m_1", "7", 100, 200, -1, ""), "inserted", "no position matched", ""},
			{positions, opening("7", 100, -3, ""), "inserted", "", ""},
		}, []float64{-2}},
		"a fill without an order id, and what was opened after its exit": {[]step{
			{trades, closing("m_1", "null", 100, 110, 1, `,"remaining":null`), "inserted", "no position matched", ""},
			{positions, opening("8", 120, 1, ""), "inserted", "", ""},
		}, []float64{1}},
		"what was opened after the exit of a fill without an order id, first": {[]step{
			{positions, opening("8", 120, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "-1", 100, 119, 1, ""), "inserted", "no position matched", ""},
		}, []float64{1}},
		"a fill without an order id that exits as its position is entered": {[]step{
			{positions, opening("8", 120, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "0", 100, 120, 1, ""), "inserted", "", ""},
		}, nil},
		"what remains, after the close": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, 2, `,"remaining":null`), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 3, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":2}`), "inserted", "", ""},
		}, nil},
		"parts in the other order": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, 1, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":1}`), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 3, ""), "inserted", "", ""},
		}, []float64{1}},
		"a fill of the other side": {[]step{
			{positions, opening("7", 100, -10, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 4, ""), "inserted", "other side", ""},
		}, []float64{-10}},
		"more than is open": {[]step{
			{positions, opening("7", 100, 3, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 5, ""), "inserted", "exceeds what was open by 2", ""},
			{trades, closing("m_2", "7", 100, 300, 1, ""), "inserted", "exceeds what was open by 1", ""},
		}, nil},
		"the opening again after a part": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 2, ""), "inserted", "", ""},
			{positions, opening("7", 100, 5, ""), "unchanged", "", ""},
		}, []float64{3}},
		"reopened before the close arrives": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{positions, opening("8", 300, -2, ""), "inserted", "was open in its place", ""},
			{trades, closing("m_1", "7", 100, 250, 5, ""), "inserted", "", ""},
		}, []float64{-2}},
		"an addition after its fill": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 300, 5, ""), "inserted", "", ""},
			{positions, opening("7", 100, 8, `,"timestamp":200`), "updated", "", ""},
			{positions, opening("7", 100, 8, `,"timestamp":200`), "unchanged", "", ""},
			{positions, opening("7", 100, 9, `,"timestamp":200`), "rejected", "same time", ""},
			{positions, opening("7", 100, 6, `,"timestamp":150`), "unchanged", "newer", ""},
		}, []float64{3}},
		"a known fill with its equity": {[]step{
			{positions, opening("7", 100, 2, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 1, equityRow(200)), "unchanged", "", "inserted"},
			{trades, closing("m_1", "7", 100, 200, 1, equityRow(200)), "unchanged", "", "unchanged"},
			{trades, closing("m_2", "7", 100, 200, 1, equityRow(200)), "inserted", "", "unchanged"},
			{trades, closing("m_1", "7", 100, 200, 2, equityRow(300)), "rejected", "other content", ""},
		}, nil},
		"a known fill that now says what remains": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 2, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 2, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":2.5}`), "unchanged", "what remains of its position was not", ""},
			{trades, closing("m_1", "7", 100, 200, 2, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":2.5}`), "unchanged", "", ""},
			{trades, closing("m_1", "7", 100, 200, 2, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":2}`+equityRow(200)), "rejected", "another remaining", ""},
			{trades, closing("m_1", "7", 100, 200, 2, `,"remaining":null`), "rejected", "another remaining", ""},
			{trades, closing("m_1", "7", 100, 200, 2, ""), "unchanged", "", ""},
			{trades, closing("m_2", "7", 100, 300, 1, ""), "inserted", "", ""},
		}, []float64{1.5}},
		"noise that remains": {[]step{
			{positions, opening("7", 100, -6.9752, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, -2.4952, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-4.48}`), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, -4.4799999999999995, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-8.9e-16}`), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, -4.4799999999999995, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-8.9e-16}`), "unchanged", "", ""},
			{positions, opening("8", 400, 2, ""), "inserted", "", ""},
		}, []float64{2}},
		"noise that remains after the close": {[]step{
			{positions, opening("7", 100, 3, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, 3, `,"remaining":null`), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, 1e-9, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":1e-9}`), "inserted", "", ""},
		}, nil},
		"a known fill that now says that nothing remains": {[]step{
			{positions, opening("7", 100, 5, ""), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "0", 100, 200, 2, ""), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, 1, `,"remaining":null`+equityRow(300)), "unchanged", "was not", "inserted"},
		}, nil},
		"a known fill that says what remained before others": {[]step{
			{positions, opening("7", 100, -8, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, -1, ""), "inserted", "", ""},
			{trades, closing("m_2", "7", 100, 300, -2, ""), "inserted", "", ""},
			{trades, closing("m_1", "7", 100, 200, -1, `,"remaining":{"symbol":"SOL","entry_oid":7,"entry_price":200,"quantity":-6}`), "unchanged", "was not", ""},
		}, []float64{-4}},
		"no order id, and clocks that differ": {[]step{
			{positions, opening("-1", 106, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "0", 100, 200, 1, ""), "inserted", "", ""},
		}, nil},
		"no order id, and the fill first": {[]step{
			{trades, closing("m_1", "null", 100, 200, 1, ""), "inserted", "no position matched", ""},
			{positions, opening("0", 131, 3, ""), "inserted", "", ""},
		}, []float64{2}},
		"no order id, too far": {[]step{
			{positions, opening("null", 100, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "-1", 161, 200, 1, ""), "inserted", "no position matched", ""},
		}, []float64{1}},
		"no order id, of two openings": {[]step{
			{positions, opening("0", 100, 2, ""), "inserted", "", ""},
			{positions, opening("0", 120, 2, ""), "inserted", "was open in its place", ""},
			{trades, closing("m_1", "0", 110, 125, 1, ""), "rejected", "hyperliquid/SOL/t120000000", ""},
			{trades, closing("m_2", "0", 100, 115, 2, ""), "inserted", "", ""},
			{trades, closing("m_3", "0", 110, 130, 1, ""), "inserted", "", ""},
		}, []float64{1}},
		"ids that are no ids, as strings": {[]step{
			{positions, opening(`""`, 106, 1, ""), "inserted", "", ""},
			{positions, opening(`""`, 106, 1, ""), "unchanged", "", ""},
			{trades, closing("m_1", `" "`, 100, 200, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", `" "`, 100, 200, 1, equityRow(200)), "unchanged", "", "inserted"},
			{positions, opening(`"-1"`, 900, 2, ""), "inserted", "", ""},
			{trades, closing("m_2", `"0"`, 900, 950, 0.5, `,"remaining":{"symbol":"SOL","entry_oid":"","entry_time":900,"entry_price":200,"quantity":1.5,"tp_oid":"","note":1}`), "inserted", "", ""},
		}, []float64{1.5}},
		"ids that are no ids, as floats": {[]step{
			{positions, opening("-1.0", 106, -3, ""), "inserted", "", ""},
			{trades, closing("m_1", "0.0", 100, 200, -1, ""), "inserted", "", ""},
		}, []float64{-2}},
		"order id 0 opens again": {[]step{
			{positions, opening("0", 100, 1, ""), "inserted", "", ""},
			{trades, closing("m_1", "0", 100, 200, 1, ""), "inserted", "", ""},
			{positions, opening("0", 900, 2, ""), "inserted", "", ""},
			{trades, closing("m_2", "0", 900, 950, 0.5, ""), "inserted", "", ""},
		}, []float64{1.5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupBothSides(t)
			for i, s := range c.steps {
				rejection, results := b.intakeBundle.take(t, batch(s.kind, s.item))
				said := results[0].Detail
				if results[0].Rejected != nil {
					said = results[0].Rejected.Detail
					require.Equal(t, arena.RejectedConflict, rejection)
				}
				require.Equal(t, s.outcome, results[0].Outcome, "%d: %s", i, said)
				require.Contains(t, said, s.detail, i)
				require.Equal(t, s.equity, results[0].Equity, i)
				if s.outcome != "rejected" && s.detail == "" {
					require.Empty(t, said, i)
				}
				inFiles, err := b.writer.Apply(t.Context(), s.kind, []any{decoded(t, s.kind, batch(s.kind, s.item).Items[0])}, arena.Domains())
				require.NoError(t, err)
				require.Equal(t, said, inFiles[0].Detail+inFiles[0].Reason, "step %d in the files", i)
			}
			b.requireSameAnswers(t)
			rows, err := b.db.Query(t.Context(), "SELECT quantity FROM positions WHERE status = 'open'")
			require.NoError(t, err)
			var open []float64
			for rows.Next() {
				var quantity float64
				require.NoError(t, rows.Scan(&quantity))
				open = append(open, quantity)
			}
			require.NoError(t, rows.Err())
			require.Equal(t, c.open, open)
			require.Zero(t, b.count(t, "SELECT count(*) FROM position_facts WHERE kind = 'found'"))
		})
	}
}
