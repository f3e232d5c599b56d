package snapshot

import (
	"cmp"
	"maps"
	"slices"

	"nof0/internal/wire"
)

// Mentions are the models that the files of a directory mention: by kind of file,
// each with its place among those of that kind.
type Mentions map[Kind]map[string]int

// Add notes that a file of a kind mentions a model.
func (m Mentions) Add(kind Kind, model string) {
	if m[kind] == nil {
		m[kind] = make(map[string]int)
	}
	if _, known := m[kind][model]; !known {
		m[kind][model] = len(m[kind])
	}
}

// Models lists the models in the order of the directory. That is the order of the
// inceptions, the only live file that lists the models as they were registered.
// Those that it lacks and the positions have stand behind the model that is before
// them there: an export has every competitor in its positions, in the order of the
// store. All others follow as the files have them.
func (m Mentions) Models() []string {
	list, at := m.of(SinceInception), 0
	for _, model := range m.of(Positions) {
		if i := slices.Index(list, model); i >= 0 {
			at = i + 1
			continue
		}
		list = slices.Insert(list, at, model)
		at++
	}
	for _, kind := range []Kind{AccountTotals, Analytics, ModelAnalytics, Trades, Leaderboard, Conversations} {
		for _, model := range m.of(kind) {
			if !slices.Contains(list, model) {
				list = append(list, model)
			}
		}
	}
	return list
}

func (m Mentions) of(kind Kind) []string {
	return slices.SortedFunc(maps.Keys(m[kind]), func(a, b string) int { return cmp.Compare(m[kind][a], m[kind][b]) })
}

// AddLeading adds what the files mention by which Models orders most, as far as
// they can be read.
func (m Mentions) AddLeading(dir string) {
	add := func(kind Kind, model func(Row) (string, error)) {
		f, err := ReadFile(dir, FileName(kind, ""))
		if err != nil {
			return
		}
		for _, row := range f.Rows {
			if id, err := model(row); err == nil {
				m.Add(kind, id)
			}
		}
	}
	add(SinceInception, func(row Row) (string, error) {
		s, err := wire.Decode[wire.SinceInception](row.Raw)
		return s.ModelID, err
	})
	add(Positions, func(row Row) (string, error) {
		p, err := wire.DecodeModelPositions(row.Raw)
		return p.ModelID, err
	})
}
