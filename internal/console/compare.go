package console

import (
	"slices"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// compared is how many models stand side by side at most.
const compared = 4

// compareData is what a comparison shows.
type compareData struct {
	Models []model // those that can be chosen
	Chosen []side
	Sketch []sketched
	Tables []comparedTable
	AsOf   float64
	Fault  string
}

// side is a model that is compared.
type side struct {
	model

	Curve    wire.EquityCurve
	Standing *standing // nil of a benchmark
}

// comparedTable is a group of metrics of every model that is compared.
type comparedTable struct {
	Name string
	Rows []comparedRow
}

type comparedRow struct {
	Name, Formula string
	Values        []wire.Opt[float64] // one per model
}

func (compareData) title() string { return "Compare" }

// IsChosen reports whether a model is among those that are compared.
func (d compareData) IsChosen(id string) bool {
	return slices.ContainsFunc(d.Chosen, func(s side) bool { return s.ID == id })
}

// comparePage reads the models that the address names with the parameter with.
func comparePage(r *reading) (any, error) {
	var d compareData
	fault, err := r.readModels()
	if err != nil {
		return nil, err
	}
	curves, curvesFault, err := r.curves()
	if err != nil {
		return nil, err
	}
	d.Fault = fault + curvesFault
	rows, _, err := r.standings(curves)
	if err != nil {
		return nil, err
	}
	for _, m := range r.models {
		curve, takesPart := curves[m.ID]
		if !takesPart {
			continue
		}
		d.Models = append(d.Models, m)
		if !slices.Contains(r.ask.Query["with"], m.ID) || len(d.Chosen) == compared {
			continue
		}
		one := side{model: m, Curve: curve}
		for i := range rows {
			if rows[i].ID == m.ID {
				one.Standing = &rows[i]
			}
		}
		if n := len(curve.Points); n > 0 {
			d.AsOf = max(d.AsOf, curve.Points[n-1].Timestamp)
		}
		d.Chosen = append(d.Chosen, one)
	}
	var chosen []model
	for _, one := range d.Chosen {
		chosen = append(chosen, one.model)
	}
	d.Sketch = r.sketch(chosen, curves)
	d.Tables, err = r.compareMetrics(d.Chosen)
	return d, err
}

// compareMetrics puts the metrics of models side by side.
func (r *reading) compareMetrics(models []side) ([]comparedTable, error) {
	var analytics wire.Analytics
	if _, err := r.part(arena.Request{View: catalogue.ViewAnalytics}, &analytics); err != nil {
		return nil, err
	}
	documents := map[string][]byte{}
	for _, raw := range analytics.Analytics {
		if id, _, err := feesIn(raw); err == nil {
			documents[id] = raw
		}
	}
	var all []comparedTable
	for _, m := range models {
		raw := documents[m.ID]
		if raw == nil {
			raw = []byte("{}")
		}
		tables, err := tablesOf(raw)
		if err != nil {
			return nil, err
		}
		for i, table := range tables {
			if i == len(all) {
				all = append(all, comparedTable{Name: table.Name, Rows: make([]comparedRow, len(table.Metrics))})
			}
			for j, one := range table.Metrics {
				row := &all[i].Rows[j]
				row.Name, row.Formula, row.Values = one.Name, one.Formula, append(row.Values, one.Value)
			}
		}
	}
	return all, nil
}
