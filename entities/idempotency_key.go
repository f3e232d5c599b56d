package entities

// IdempotencyKey remembers the answer to a write request for 24 hours.
type IdempotencyKey struct {
	TokenID       string `gorm:"type:text;primaryKey"`
	Key           string `gorm:"type:text;primaryKey"`
	RequestDigest string `gorm:"type:text;not null"` // SHA-256 of the body, hex
	Status        int64  `gorm:"type:bigint;not null"`
	Body          []byte `gorm:"type:bytea;not null"`
	Timestamps
}

// TableName implements GORM's tabler.
func (IdempotencyKey) TableName() string { return "idempotency_keys" }
