package entities

import "time"

// FirstCompetition is the competition of everything that names none.
const FirstCompetition = "season-1"

// The states of a Competition.
const (
	CompetitionUpcoming = "upcoming"
	CompetitionRunning  = "running"
	CompetitionEnded    = "ended"
)

// Competition is one contest: a season, or one mode of a season. A model has one
// account in each competition that it takes part in.
type Competition struct {
	ID       string     `gorm:"type:text;primaryKey"`
	Name     string     `gorm:"type:text;not null"`
	Season   *string    `gorm:"type:text"`
	Mode     *string    `gorm:"type:text"`
	StartsAt *time.Time `gorm:"type:timestamptz"`
	EndsAt   *time.Time `gorm:"type:timestamptz"`
	Status   string     `gorm:"type:text;not null;check:status IN ('upcoming', 'running', 'ended')"`
	Rules    JSON       `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Competition) TableName() string { return "competitions" }
