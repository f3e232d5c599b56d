package console

import (
	_ "embed"
	"strings"

	"nof0/internal/wire"
)

//go:embed metrics.txt
var metricsText string

// metric is a published metric of a model.
type metric struct {
	Name, Formula string
	Value         wire.Opt[float64]
}

// metricTable is a group of metrics.
type metricTable struct {
	Name    string
	Metrics []metric
}

// tablesOf are the metrics of a document, by the tables that the API has them in.
func tablesOf(raw []byte) ([]metricTable, error) {
	var tables []metricTable
	var document map[string]any
	if err := wire.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	var values map[string]any
	for line := range strings.Lines(metricsText) {
		line = strings.TrimSuffix(line, "\n")
		name, isMetric := strings.CutPrefix(line, " ")
		switch {
		case strings.HasPrefix(line, "#"):
		case !isMetric:
			values, _ = document[line].(map[string]any)
			tables = append(tables, metricTable{Name: words(strings.TrimSuffix(line, "_table"))})
		default:
			name, formula, _ := strings.Cut(name, " ")
			one := metric{Name: words(name), Formula: formula}
			if f, ok := values[name].(float64); ok {
				one.Value = wire.Some(f)
			}
			last := &tables[len(tables)-1]
			last.Metrics = append(last.Metrics, one)
		}
	}
	return tables, nil
}

// words are those of a name of the API.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
