package entities

import "time"

// PriceLatest is the newest price of a symbol at a provider. An older tick
// never replaces a newer one.
type PriceLatest struct {
	Provider   string    `gorm:"type:text;primaryKey"`
	Symbol     string    `gorm:"type:text;primaryKey"`
	ObservedAt time.Time `gorm:"type:timestamptz;not null"`
	Price      float64   `gorm:"type:double precision;not null"` // mark price, USD
	Extra      JSON      `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (PriceLatest) TableName() string { return "price_latest" }
