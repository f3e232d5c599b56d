//go:build captures

package analytics

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// handCount is what a count of the decision documents of a capture by other
// means, with decimals throughout, says of one model.
type handCount struct {
	decisions, failed                 int64
	longs, shorts, closes, holds      int64
	confidences                       int64
	sum, mean, median, std            float64 // of the confidences
	shortest, longest, gap, deviation float64 // minutes between decisions
}

func handCounts() map[string]handCount {
	return map[string]handCount{
		"claude-sonnet-4-5":  {17, 0, 0, 0, 0, 85, 85, 56.1, 0.66, 0.65, 0.0201186954040739, 2.02662788333333, 2.24186345, 2.13558439375, 0.0562554322658871},
		"deepseek-chat-v3.1": {13, 2, 0, 0, 0, 66, 66, 44, 0.666666666666667, 0.65, 0.0375533808099405, 1.76216421666667, 4.66299046666667, 2.96684414722222, 0.815832019723967},
		"gemini-2.5-pro":     {17, 0, 2, 0, 2, 92, 96, 61.24, 0.637916666666667, 0.65, 0.0188577314406511, 1.83208103333333, 2.5255175, 2.171548925, 0.16116417973374},
		"gpt-5":              {15, 0, 0, 0, 0, 90, 90, 57.75, 0.641666666666667, 0.635, 0.0373639855439745, 2.21739305, 2.70179165, 2.40805487738095, 0.192418567961477},
		"grok-4":             {16, 0, 0, 0, 0, 96, 96, 64.8, 0.675, 0.65, 0.0383885947974957, 2.14108685, 2.42516856666667, 2.30177953444444, 0.0887649659466552},
		"qwen3-max":          {22, 0, 0, 0, 0, 22, 22, 19.36, 0.88, 0.88, 0, 1.58255116666667, 1.71399046666667, 1.62874794206349, 0.0423151934770183},
	}
}

func TestCapturedDecisionsGiveWhatAHandCountGives(t *testing.T) {
	t.Parallel()
	const digits = 1e-13 // of the hand count, which is printed to fifteen
	decisions := readDecisions(t)
	require.Len(t, decisions, len(handCounts()))
	for model, want := range handCounts() {
		var failed int64
		for _, d := range decisions[model] {
			if bytes.Contains(d.LlmResponse, []byte("failed_json_response_raw_text")) {
				failed++
			}
		}
		doc := Compute(Input{Model: model, Decisions: decisions[model]})
		s, v := doc.Signals, doc.Invocation
		assert.Equal(t, [7]int64{want.decisions, want.failed, want.longs, want.shorts, want.closes, want.holds, want.confidences},
			[7]int64{v.NumInvocations, failed, s.NumLongSignals, s.NumShortSignals, s.NumCloseSignals, s.NumHoldSignals, s.TotalSignals},
			"%s: a failed decision is an invocation too, and every signal states a confidence", model)
		for what, pair := range map[string][2]float64{
			"sum":      {want.sum, s.AvgConfidence * float64(s.TotalSignals)},
			"mean":     {want.mean, s.AvgConfidence},
			"median":   {want.median, s.MedianConfidence},
			"std":      {want.std, s.StdConfidence},
			"shortest": {want.shortest, v.MinInvocationBreakMins},
			"longest":  {want.longest, v.MaxInvocationBreakMins},
			"gap":      {want.gap, v.AvgInvocationBreakMins},
			"gaps":     {want.deviation, v.StdInvocationBreakMins},
		} {
			assert.InDelta(t, pair[0], pair[1], digits*max(pair[0], 1), "%s %s", model, what)
		}
		assert.GreaterOrEqual(t, s.AvgLeverage, 5.0, model)
		assert.InDelta(t, 100, s.PctMinsLongCombined+s.PctMinsShortCombined+s.PctMinsFlatCombined, 1e-9, model)
	}
}
