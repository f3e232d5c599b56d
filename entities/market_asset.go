package entities

// MarketAsset is a venue's metadata of a symbol.
type MarketAsset struct {
	Provider      string   `gorm:"type:text;primaryKey"`
	Symbol        string   `gorm:"type:text;primaryKey"`
	SizeDecimals  *int64   `gorm:"type:bigint"`
	MaxLeverage   *float64 `gorm:"type:double precision"`
	OnlyIsolated  *bool    `gorm:"type:boolean"`
	MarginTableID *int64   `gorm:"type:bigint"`
	IsDelisted    *bool    `gorm:"type:boolean"`
	Extra         JSON     `gorm:"type:jsonb"`
	Timestamps
}

// TableName implements GORM's tabler.
func (MarketAsset) TableName() string { return "market_assets" }
