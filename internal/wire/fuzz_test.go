package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// fuzzRow holds that what a decoder accepts, it renders, accepts again, and
// renders as the same; and that it never panics.
func fuzzRow(f *testing.F, minimal string, again func(jsontext.Value) ([]byte, error)) {
	f.Helper()
	for _, seed := range []string{
		minimal,
		strings.TrimSuffix(minimal, "}") + `,"x":{"y":[1.0,-0.0,1E+2,0.1e-6,"\u00e9",null]},"":false}`,
		strings.TrimSuffix(minimal, "}") + `,"provider":"p","entry_oid":-1,"index_col":null,"exit_plan":{},"run_id":"7","topic":"t"}`,
		strings.TrimSuffix(minimal, "}") + `,"x":"\u0000","y":1e999,"timestamp":-0}`,
		strings.TrimSuffix(minimal, "}") + `,"x":1,"x":2}`,
		`{"positions":{"B":{"symbol":"C"}},"messages":[null,{"role":1}],"id":"{"}`,
		`null`, `[`, "\xff", ` { } `, strings.Repeat("[", 200),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := again(data)
		if err != nil {
			faultsOf(t, err)
			return
		}
		second, err := again(first)
		if err != nil {
			t.Fatalf("accepted and rendered as %s, which is refused: %v", first, err)
		}
		if !bytes.Equal(first, second) {
			t.Fatalf("rendered as %s, then as %s", first, second)
		}
	})
}

func FuzzDecodePrice(f *testing.F)    { fuzzRow(f, priceRow, again[Price]) }
func FuzzDecodeEquity(f *testing.F)   { fuzzRow(f, equityRow, again[AccountTotal]) }
func FuzzDecodePosition(f *testing.F) { fuzzRow(f, positionRow, again[Position]) }
func FuzzDecodeTrade(f *testing.F)    { fuzzRow(f, tradeRow, again[Trade]) }

func FuzzDecodeSinceInception(f *testing.F) { fuzzRow(f, inceptionRow, again[SinceInception]) }
func FuzzDecodeLeaderboard(f *testing.F)    { fuzzRow(f, standingRow, again[LeaderboardRow]) }
func FuzzDecodeAnalytics(f *testing.F)      { fuzzRow(f, analyticsRow, again[AnalyticsDoc]) }
func FuzzDecodeStatement(f *testing.F)      { fuzzRow(f, statementRow, againModelPositions) }
func FuzzDecodeDecision(f *testing.F)       { fuzzRow(f, decisionRow, again[Decision]) }
func FuzzDecodeThread(f *testing.F)         { fuzzRow(f, threadRow, again[Thread]) }
