package entities

// RolloutSwitch is where a domain is read from and written to now.
type RolloutSwitch struct {
	Domain    string `gorm:"type:text;primaryKey"`
	ReadMode  string `gorm:"type:text;not null;check:read_mode IN ('json', 'shadow', 'store')"`
	WriteMode string `gorm:"type:text;not null;check:write_mode IN ('json', 'both', 'store')"`
	Timestamps
}

// TableName implements GORM's tabler.
func (RolloutSwitch) TableName() string { return "rollout_switches" }
