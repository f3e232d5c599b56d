package season

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Limits of Options, and what a season is like where nobody asks for another.
const (
	DefaultModels        = 7
	DefaultHours         = 200
	DefaultDecisionEvery = 20 * time.Minute
	// DefaultEntryPause keeps a season of DefaultHours within the cap of
	// trades.json: a position is closed by two trades at most, so that 200 hours
	// have no more than 2 · (200 / 4.25 + 1) = 96 trades.
	DefaultEntryPause = 4*time.Hour + 15*time.Minute

	MinModels        = 2
	MaxModels        = 200
	MaxHours         = 24 * 366
	MaxModelHours    = 100_000
	MaxDecisions     = 300_000 // about 1.5 GB of memory
	MinDecisionEvery = 2 * time.Minute
	MaxDecisionEvery = 4 * time.Hour
	MinEntryPause    = time.Minute
	MaxEntryPause    = 7 * 24 * time.Hour
)

// Options say which season to make up. Models and Hours have to be given; a
// zero Start, DecisionEvery or EntryPause takes its default.
type Options struct {
	Seed uint64
	// Competition distinguishes the stories of one seed: the same models and the same
	// market, and other decisions. That of FirstCompetition is the one without a name.
	Competition string
	// Models counts the accounts, the benchmark included: 7 are six competitors
	// and the benchmark. 2 to 200 are accepted.
	Models int
	// Hours is the length of the season and the number of equity rows of each
	// account. 1 to 8784 are accepted, at most 100,000 model hours and 300,000
	// decisions. At up to DefaultHours, and with the default EntryPause, no model
	// makes more than 100 trades, so that trades.json then holds all of them.
	Hours int
	// Start is the inception of the season. Default 2025-10-17T22:00:00.847073Z,
	// accepted from the year 2000 to the year 2200, to the microsecond.
	Start time.Time
	// DecisionEvery is the mean gap between decisions of a model. Default 20
	// minutes, accepted 2 minutes to 4 hours.
	DecisionEvery time.Duration
	// EntryPause is the least time between two entries of a model. Default 4 hours
	// 15 minutes, accepted a minute to a week.
	EntryPause time.Duration
	// Since, where given, leaves out of the plan what happened before it, who takes
	// part included. Decisions before it are not kept, so that the season is of no
	// use for anything else.
	Since time.Time
}

// FirstCompetition is the competition of an arena that never heard of another.
const FirstCompetition = "season-1"

func (o Options) withDefaults() Options {
	if o.Competition == FirstCompetition {
		o.Competition = ""
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.October, 17, 22, 0, 0, 847_073_000, time.UTC)
	}
	if o.DecisionEvery == 0 {
		o.DecisionEvery = DefaultDecisionEvery
	}
	if o.EntryPause == 0 {
		o.EntryPause = DefaultEntryPause
	}
	o.Start = o.Start.UTC().Truncate(time.Microsecond)
	return o
}

// stream returns the random numbers of one part of the life of a model.
func (o Options) stream(part, model string) *rand.Rand {
	part += " " + model
	if o.Competition != "" {
		part += " in " + o.Competition
	}
	return stream(o.Seed, part)
}

// validate reports every fault at once.
func (o Options) validate() error {
	var faults []error
	refuse := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Models < MinModels || o.Models > MaxModels {
		refuse("models is %d; %d to %d are accepted, the benchmark included", o.Models, MinModels, MaxModels)
	}
	if o.Hours < 1 || o.Hours > MaxHours {
		refuse("hours is %d; 1 to %d are accepted", o.Hours, MaxHours)
	}
	if len(faults) == 0 && o.Models*o.Hours > MaxModelHours {
		refuse("%d models for %d hours are %d model hours; at most %d are accepted",
			o.Models, o.Hours, o.Models*o.Hours, MaxModelHours)
	}
	if y := o.Start.Year(); y < 2000 || y > 2200 {
		refuse("start is %s; a time from the year 2000 to the year 2200 is accepted", o.Start.Format(time.RFC3339))
	}
	if o.DecisionEvery < MinDecisionEvery || o.DecisionEvery > MaxDecisionEvery {
		refuse("the gap between decisions is %s; %s to %s are accepted",
			o.DecisionEvery, MinDecisionEvery, MaxDecisionEvery)
	}
	if o.EntryPause < MinEntryPause || o.EntryPause > MaxEntryPause {
		refuse("the pause between entries is %s; %s to %s are accepted", o.EntryPause, MinEntryPause, MaxEntryPause)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if n := int64(o.Models*o.Hours) * int64(time.Hour) / int64(o.DecisionEvery); n > MaxDecisions {
		refuse("%d models for %d hours, with a decision every %s, make %d decisions; at most %d are accepted",
			o.Models, o.Hours, o.DecisionEvery, n, MaxDecisions)
	}
	return errors.Join(faults...)
}
