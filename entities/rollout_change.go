package entities

// RolloutChange records who changed a switch, when and why.
type RolloutChange struct {
	ID        int64  `gorm:"type:bigint;primaryKey;autoIncrement"`
	Domain    string `gorm:"type:text;not null;index:rollout_changes_domain"`
	ReadFrom  string `gorm:"type:text;not null"`
	ReadTo    string `gorm:"type:text;not null"`
	WriteFrom string `gorm:"type:text;not null"`
	WriteTo   string `gorm:"type:text;not null"`
	ChangedBy string `gorm:"type:text;not null"`
	Reason    string `gorm:"type:text;not null"`
	Forced    bool   `gorm:"type:boolean;not null;default:false"`
	Timestamps
}

// TableName implements GORM's tabler.
func (RolloutChange) TableName() string { return "rollout_changes" }
