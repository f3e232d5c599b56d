package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpellingsOfNoOrderID holds that what names no order is read as none and
// comes back as it was sent, and that what could be an id is not taken for none.
func TestSpellingsOfNoOrderID(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{`""`, `" "`, `"0"`, `"-1"`, `" -1 "`, `"\t"`, `-1.0`, `0.0`, `-2e0`, `0`, `-1`, `null`, "-"} {
		for _, one := range []struct {
			row   string
			names []string
			id    func(t *testing.T, raw []byte) Opt[int64]
		}{
			{positionRow, []string{"entry_oid", "oid", "tp_oid", "sl_oid"}, func(t *testing.T, raw []byte) Opt[int64] {
				t.Helper()
				p, err := Decode[Position](raw)
				require.NoError(t, err, spelling)
				return p.EntryOid
			}},
			{tradeRow, []string{"entry_oid", "exit_oid", "entry_tid", "exit_tid"}, func(t *testing.T, raw []byte) Opt[int64] {
				t.Helper()
				trade, err := Decode[Trade](raw)
				require.NoError(t, err, spelling)
				return trade.EntryOid
			}},
		} {
			for _, name := range one.names {
				raw := with(t, one.row, name, spelling, "unknown", `{"a":[1,"é"]}`)
				require.False(t, IsOrderID(one.id(t, raw)), "%s %s", name, spelling)
			}
			all := with(t, one.row, one.names[0], spelling, one.names[1], spelling, one.names[2], "7", "note", "1.5")
			got, err := again[Position](all)
			if one.row == tradeRow {
				got, err = again[Trade](all)
			}
			require.NoError(t, err)
			require.JSONEq(t, string(all), string(got))
		}
	}
	mixed, err := Decode[Position](with(t, positionRow, "entry_oid", `""`, "oid", "-1", "tp_oid", "0"))
	require.NoError(t, err)
	require.Equal(t, []Opt[int64]{{}, Some[int64](-1), Some[int64](0)}, []Opt[int64]{mixed.EntryOid, mixed.Oid, mixed.TpOid})
	for _, wrong := range []string{`"12"`, `"0x0"`, `"none"`, `0.5`, `-0.5`, `7.5`, `"-Inf"`, `[]`, `{}`, `false`} {
		_, err := Decode[Trade](with(t, tradeRow, "entry_oid", wrong, "exit_oid", `""`))
		require.ErrorContains(t, err, "/entry_oid", wrong)
		require.NotContains(t, err.Error(), "/exit_oid", wrong)
	}
}
