package entities

// Symbol is a traded perpetual, named by its coin (BTC).
type Symbol struct {
	Symbol        string   `gorm:"type:text;primaryKey"`
	QuoteCurrency string   `gorm:"type:text;not null;default:USD"`
	TickSize      *float64 `gorm:"type:double precision"` // smallest price step, USD
	SizeStep      *float64 `gorm:"type:double precision"` // smallest quantity step, coins
	Metadata      JSON     `gorm:"type:jsonb"`
	Extra         JSON     `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Symbol) TableName() string { return "symbols" }
