package jsonstore

import (
	"fmt"

	"nof0/internal/snapshot"
)

// ownership is what the rows of a file were found to name: nothing, or competitions,
// while the directory had one.
type ownership struct {
	named       bool
	competition string
}

// still reports whether the directory has the competition that it had then, as far as
// that matters.
func (o ownership) still(holds func() (string, error)) (bool, error) {
	if !o.named {
		return true, nil
	}
	now, err := holds()
	return now == o.competition, err
}

// ownRows makes a format refuse the rows that name another competition than the one that
// the directory has, and notes in own what they name. Which one that is, is asked once
// and only where a row names one: files whose rows name none need no database.
func ownRows[T any](f format[T], holds func() (string, error), own *ownership) format[T] {
	if holds == nil {
		return f
	}
	decode := f.decode
	f.decode = func(row snapshot.Row) (T, error) {
		v, err := decode(row)
		if err != nil {
			return v, err
		}
		named, err := snapshot.CompetitionOf(f.kind, row)
		if err != nil || named == "" {
			return v, err
		}
		if !own.named {
			if own.competition, err = holds(); err != nil {
				return v, fmt.Errorf("error finding the competition that the directory has: %w", err)
			}
			own.named = true
		}
		if own.competition != "" && named != own.competition {
			err = snapshot.OtherCompetition(named, own.competition)
		}
		return v, err
	}
	return f
}
