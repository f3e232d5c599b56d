package wire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/captures"
)

// captured is one row of a capture.
type captured struct {
	file string
	raw  jsontext.Value
}

// captureRows reads the rows of every file of both captures, by the name of
// the file without .json; those of analytics-MODEL are under "analytics". It
// reads them with another decoder than the one under test.
func captureRows(t *testing.T) map[string][]captured {
	t.Helper()
	rows := make(map[string][]captured)
	for _, c := range captures.Both() {
		paths, err := filepath.Glob(filepath.Join(c.Dir(t), "*.json"))
		require.NoError(t, err)
		for _, path := range paths {
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			var envelope map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(body, &envelope), path)
			kind := strings.TrimSuffix(filepath.Base(path), ".json")
			if strings.HasPrefix(kind, "analytics-") {
				kind = "analytics"
			}
			for name, member := range envelope {
				var list []json.RawMessage
				var named map[string]json.RawMessage
				switch {
				case json.Unmarshal(member, &list) == nil:
				case name == "prices" && json.Unmarshal(member, &named) == nil:
					for _, one := range named {
						list = append(list, one)
					}
				}
				for _, one := range list {
					rows[kind] = append(rows[kind], captured{file: path, raw: jsontext.Value(one)})
				}
			}
		}
	}
	return rows
}

// value reads JSON as another decoder does: numbers as doubles.
func value(t testing.TB, raw []byte) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(raw, &v), "%.200s", raw)
	return v
}

// again decodes a row and renders it.
func again[T any, P row[T]](raw jsontext.Value) ([]byte, error) {
	v, err := Decode[T, P](raw)
	if err != nil {
		return nil, err
	}
	return Marshal(P(&v))
}

func againModelPositions(raw jsontext.Value) ([]byte, error) {
	v, err := DecodeModelPositions(raw)
	if err != nil {
		return nil, err
	}
	return Marshal(v)
}

func againDocument(raw jsontext.Value) ([]byte, error) {
	if IsThread(raw) {
		return again[Thread](raw)
	}
	return again[Decision](raw)
}

func TestEveryCapturedRowComesBackTheSame(t *testing.T) {
	t.Parallel()
	rows := captureRows(t)
	// How many rows there are keeps a decoder from passing on none.
	for kind, again := range map[string]func(jsontext.Value) ([]byte, error){
		"crypto-prices":          again[Price],
		"account-totals":         again[AccountTotal],
		"trades":                 again[Trade],
		"since-inception-values": again[SinceInception],
		"leaderboard":            again[LeaderboardRow],
		"analytics":              again[AnalyticsDoc],
		"positions":              againModelPositions,
		"conversations":          againDocument,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			want := 0
			for _, c := range captures.Both() {
				want += c.Rows[kind]
				if kind == "analytics" {
					want += c.Rows["analytics-MODEL"]
				}
			}
			require.Equal(t, want, len(rows[kind])) //nolint:testifylint // Len would print them all
			for _, row := range rows[kind] {
				got, err := again(row.raw)
				require.NoError(t, err, "%s: %.200s", row.file, row.raw)
				require.Equal(t, value(t, row.raw), value(t, got), row.file)
				third, err := again(got)
				require.NoError(t, err)
				require.Equal(t, string(got), string(third), "rendering is a fixed point")
			}
		})
	}
}

func TestCapturedPositionsInsideEquityRowsComeBackTheSame(t *testing.T) {
	t.Parallel()
	positions := 0
	for i, row := range captureRows(t)["account-totals"] {
		if i%8 != 0 { // rows of every model and hour of the day
			continue
		}
		a, err := Decode[AccountTotal](row.raw)
		require.NoError(t, err)
		stated, err := a.ModelPositions()
		require.NoError(t, err)
		got, err := Marshal(stated.Positions)
		require.NoError(t, err)
		require.Equal(t, value(t, a.Positions), value(t, got))
		positions += len(stated.Positions)
	}
	require.Positive(t, positions)
}
