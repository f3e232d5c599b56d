package entities

import "time"

// The states of a Position.
const (
	PositionOpen   = "open"
	PositionClosed = "closed"
)

// Position is one opening of a perpetual by a model. A reopened position is a
// new row; at most one is open per account, provider and symbol. The quantity is
// signed: negative is short.
type Position struct {
	CompetitionID string `gorm:"type:text;primaryKey;default:season-1;uniqueIndex:positions_account_open,priority:1,where:status = 'open';index:positions_account_entered,priority:1;index:positions_account_newest,priority:1" json:"-"`
	ModelID       string `gorm:"type:text;primaryKey;uniqueIndex:positions_account_open,priority:2;index:positions_account_entered,priority:2;index:positions_account_newest,priority:2"`
	ID            string `gorm:"type:text;primaryKey;index:positions_account_newest,priority:5"`
	Provider      string `gorm:"type:text;not null;uniqueIndex:positions_account_open,priority:3;index:positions_account_entered,priority:3;index:positions_account_newest,priority:3"`
	Symbol        string `gorm:"type:text;not null;uniqueIndex:positions_account_open,priority:4;index:positions_account_entered,priority:4"`
	Status        string `gorm:"type:text;not null;check:status IN ('open', 'closed')"`
	// StatedAt is the time of the newest fact that the columns below come from.
	StatedAt time.Time `gorm:"type:timestamptz;not null"`
	// ClosedAt is the exit time of the fill that closed it. It is NULL for a
	// position that a statement no longer lists: no source says when it went.
	ClosedAt *time.Time `gorm:"type:timestamptz"`

	EntryOid         *int64     `gorm:"type:bigint"`
	EntryTime        *time.Time `gorm:"type:timestamptz;index:positions_account_entered,priority:5;index:positions_account_newest,priority:4"`
	EntryPrice       float64    `gorm:"type:double precision;not null"` // USD
	Quantity         float64    `gorm:"type:double precision;not null"` // coins, negative is short
	OpenedQuantity   *float64   `gorm:"type:double precision"`          // the largest so far, without sign; NULL where only statements mention it
	Leverage         *float64   `gorm:"type:double precision"`
	Margin           *float64   `gorm:"type:double precision"` // USD
	LiquidationPrice *float64   `gorm:"type:double precision"` // USD
	CurrentPrice     *float64   `gorm:"type:double precision"` // mark price, USD
	UnrealizedPnl    *float64   `gorm:"type:double precision"` // USD
	ClosedPnl        *float64   `gorm:"type:double precision"` // USD
	Commission       *float64   `gorm:"type:double precision"` // USD
	Slippage         *float64   `gorm:"type:double precision"`
	RiskUsd          *float64   `gorm:"type:double precision"`
	Confidence       *float64   `gorm:"type:double precision"` // fraction
	ExitPlan         JSON       `gorm:"type:jsonb" json:",omitzero"`
	IndexCol         JSON       `gorm:"type:jsonb" json:",omitzero"`
	WaitForFill      *bool      `gorm:"type:boolean"`
	Oid              *int64     `gorm:"type:bigint"`
	TpOid            *int64     `gorm:"type:bigint"`
	SlOid            *int64     `gorm:"type:bigint"`
	Extra            JSON       `gorm:"type:jsonb" json:",omitzero"`
	Timestamps
}

// TableName implements GORM's tabler.
func (Position) TableName() string { return "positions" }
