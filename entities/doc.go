// Package entities defines every table of the arena as a GORM struct: one
// file per table, and nothing but its columns, keys and indexes. The struct
// tags are the schema; package atlas prints them as DDL and diffs them into
// versioned migrations.
//
// Conventions that hold for every table:
//
//   - Natural keys are primary keys. An account is a model in a
//     competition: its rows are found by a key that starts with competition_id
//     and model_id.
//   - Numbers of a payload are double precision, since payloads are IEEE
//     doubles and must come back bit for bit; exact running sums are numeric.
//   - Event times are timestamptz in UTC with microseconds.
//   - A column that a payload may lack is a pointer (NULL is "absent").
//   - Extra keeps what no column can express: fields that the payload has and
//     no column names, an explicit null of a scalar field, and a value that the
//     column's type would change. Merged over the columns it gives the payload
//     back field for field.
package entities

// All lists every entity in the order in which their tables are created.
func All() []any {
	return []any{
		&Model{},
		&Competition{},
		&Symbol{},
		&PriceTick{},
		&PriceCandle{},
		&PriceLatest{},
		&Account{},
		&AccountEquitySnapshot{},
		&EquityCandle{},
		&Position{},
		&PositionFact{},
		&Trade{},
		&ModelStats{},
		&ModelAnalytics{},
		&AnalyticsState{},
		&Conversation{},
		&ConversationMessage{},
		&DecisionCycle{},
		&TraderState{},
		&MarketAsset{},
		&MarketAssetCtx{},
		&OutboxEvent{},
		&IdempotencyKey{},
		&RolloutSwitch{},
		&RolloutChange{},
		&ParityRun{},
		&Correction{},
		&JSONMirror{},
		&StoreIdentity{},
	}
}
