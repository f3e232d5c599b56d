package entities

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Timestamps are the bookkeeping columns of every table: when the row was
// first stored and when it last changed. They say nothing about the data.
type Timestamps struct {
	CreatedAt time.Time `gorm:"type:timestamptz;not null;default:now()"`
	UpdatedAt time.Time `gorm:"type:timestamptz;not null;default:now()"`
}

// JSON is a jsonb column. nil is SQL NULL; the JSON value null is kept apart
// from it as the text "null".
type JSON []byte

// Value implements driver.Valuer. The text form works with and without
// server-side prepared statements, where bytes would be sent as bytea.
func (j JSON) Value() (driver.Value, error) {
	if j == nil {
		return nil, nil //nolint:nilnil // a nil value is SQL NULL
	}
	return string(j), nil
}

// MarshalJSON implements json.Marshaler. A nil JSON is left out by omitzero, null is not.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == nil {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (j *JSON) UnmarshalJSON(raw []byte) error {
	*j = append(JSON(nil), raw...)
	return nil
}

// Scan implements sql.Scanner.
func (j *JSON) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*j = nil
	case []byte:
		*j = append(JSON(nil), v...)
	case string:
		*j = JSON(v)
	default:
		return fmt.Errorf("cannot read a jsonb column from %T", src)
	}
	return nil
}
