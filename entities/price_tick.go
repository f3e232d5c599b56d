package entities

import "time"

// PriceTick is one observed price. The table is append-only and partitioned by
// month of ObservedAt; the repository creates the partitions.
type PriceTick struct {
	Provider   string    `gorm:"type:text;primaryKey"`
	Symbol     string    `gorm:"type:text;primaryKey"`
	ObservedAt time.Time `gorm:"type:timestamptz;primaryKey"`
	Price      float64   `gorm:"type:double precision;not null"` // mark price, USD
	Extra      JSON      `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (PriceTick) TableName() string { return "price_ticks" }

// TableOptions is what struct tags cannot express: the partitioning.
func (PriceTick) TableOptions() string { return "PARTITION BY RANGE (observed_at)" }
