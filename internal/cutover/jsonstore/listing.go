package jsonstore

import (
	"cmp"
	"errors"
	"slices"

	"nof0/internal/snapshot"
)

// models lists every model that any file of the directory mentions, competitors
// before benchmarks. The error joins those of the files that cannot be read.
func (s *Source) models() (models []string, err error) {
	m := snapshot.Mentions{}
	var errs []error
	for kind, names := range s.mentioning() {
		listed, err := names()
		errs = append(errs, err)
		for _, model := range listed {
			m.Add(kind, model)
		}
	}
	models = m.Models()
	slices.SortStableFunc(models, func(a, b string) int {
		switch {
		case s.isBenchmark(a) == s.isBenchmark(b):
			return 0
		case s.isBenchmark(b):
			return -1
		}
		return 1
	})
	return models, errors.Join(errs...)
}

// asListed sorts rows as their models are listed. A file that cannot be read is the
// fault of the view that shows it, and here says nothing of the order.
func asListed[T any](s *Source, rows []T, model func(T) string) []T {
	models, _ := s.models()
	place := make(map[string]int, len(models))
	for i, m := range models {
		place[m] = i
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(place[model(a)], place[model(b)]) })
	return rows
}
