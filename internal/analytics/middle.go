package analytics

import (
	"errors"
	"math"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Middle finds the median of values that come in any order. Values are added in
// constant time; finding the median sorts what came since the last time.
//
// What is kept of it between two runs is bounded: the values nearest to the
// median, and how many lie on either side of them. As values arrive the median
// moves by half a place each. When it has left what was kept, Median says so,
// and whoever has the values adds them all again: at most once in as many new
// values as are kept. The zero value is empty; a Middle must not be copied
// after use.
type Middle struct {
	below, above int64 // values that were forgotten on either side
	runs         []valueRun
	fresh        []float64 // not sorted in yet
}

// valueRun is a value and how often it came.
type valueRun struct {
	value float64
	count int64
}

// middleKept is how many distinct values are kept.
const middleKept = 256

// Add adds a value. NaN and infinities are left out and not counted.
func (m *Middle) Add(x float64) {
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		m.fresh = append(m.fresh, x)
	}
}

// Count returns the number of values.
func (m *Middle) Count() int64 { return m.below + m.within() + int64(len(m.fresh)) + m.above }

func (m *Middle) within() (n int64) {
	for _, r := range m.runs {
		n += r.count
	}
	return n
}

// Median returns the middle value, of an even number the mean of the middle
// two, and 0 of none. known is false where it is among those forgotten.
func (m *Middle) Median() (median float64, known bool) {
	m.sortFresh()
	n := m.Count()
	if n == 0 {
		return 0, true
	}
	low, lowKnown := m.at((n - 1) / 2)
	high, highKnown := m.at(n / 2)
	if low == high {
		return low, lowKnown && highKnown
	}
	return low/2 + high/2, lowKnown && highKnown //nolint:mnd // halves first: the sum of two doubles may overflow
}

// at returns the value of a rank, counted from 0.
func (m *Middle) at(rank int64) (x float64, known bool) {
	i, _ := m.run(rank)
	if i < 0 {
		return 0, false
	}
	return m.runs[i].value, true
}

// run finds where a rank stands, -1 where that was forgotten.
func (m *Middle) run(rank int64) (i int, known bool) {
	rank -= m.below
	if rank < 0 {
		return -1, false
	}
	for i, r := range m.runs {
		if rank < r.count {
			return i, true
		}
		rank -= r.count
	}
	return -1, false
}

// sortFresh sorts in what is fresh.
func (m *Middle) sortFresh() {
	if len(m.fresh) == 0 {
		return
	}
	slices.Sort(m.fresh)
	merged := make([]valueRun, 0, len(m.runs)+len(m.fresh))
	add := func(r valueRun) {
		if last := len(merged) - 1; last >= 0 && merged[last].value == r.value {
			merged[last].count += r.count
			return
		}
		merged = append(merged, r)
	}
	old := m.runs
	for _, x := range m.fresh {
		// Past an end where values were forgotten, nobody knows its place among them.
		if m.below > 0 && (len(m.runs) == 0 || x < m.runs[0].value) {
			m.below++
			continue
		}
		if m.above > 0 && (len(m.runs) == 0 || x > m.runs[len(m.runs)-1].value) {
			m.above++
			continue
		}
		for len(old) > 0 && old[0].value <= x {
			add(old[0])
			old = old[1:]
		}
		add(valueRun{x, 1})
	}
	for _, r := range old {
		add(r)
	}
	m.runs, m.fresh = merged, nil
}

// forget keeps the values nearest to the median.
func (m *Middle) forget() {
	m.sortFresh()
	if len(m.runs) <= middleKept {
		return
	}
	at, known := m.run((m.Count() - 1) / 2)
	if !known {
		at = len(m.runs) / 2
	}
	first := min(max(at-middleKept/2, 0), len(m.runs)-middleKept)
	for _, r := range m.runs[:first] {
		m.below += r.count
	}
	for _, r := range m.runs[first+middleKept:] {
		m.above += r.count
	}
	m.runs = slices.Clone(m.runs[first : first+middleKept])
}

// middleState is what is kept of a Middle.
type middleState struct {
	Below  int64     `json:"below,omitzero"`
	Above  int64     `json:"above,omitzero"`
	Values []float64 `json:"values"`
	Counts []int64   `json:"counts"`
}

// MarshalJSONTo implements json.MarshalerTo. It forgets what is not kept.
func (m *Middle) MarshalJSONTo(enc *jsontext.Encoder) error {
	m.forget()
	s := middleState{Below: m.below, Above: m.above, Values: make([]float64, len(m.runs)), Counts: make([]int64, len(m.runs))}
	for i, r := range m.runs {
		s.Values[i], s.Counts[i] = r.value, r.count
	}
	return json.MarshalEncode(enc, s)
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (m *Middle) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var s middleState
	if err := json.UnmarshalDecode(dec, &s); err != nil {
		return err
	}
	if len(s.Values) != len(s.Counts) || !slices.IsSorted(s.Values) {
		return errors.New("error reading the middle of values: they are not in order, or not all are counted")
	}
	*m = Middle{below: s.Below, above: s.Above, runs: make([]valueRun, len(s.Values))}
	for i := range s.Values {
		m.runs[i] = valueRun{s.Values[i], s.Counts[i]}
	}
	return nil
}
