package mapping

import (
	"nof0/entities"
	"nof0/internal/wire"
)

// Trade is the table row of a trade. One that names no provider was made at
// the primary one.
func Trade(t wire.Trade, primary string) entities.Trade {
	x := newExtra(t.Extra)
	row := entities.Trade{
		ModelID:                t.ModelID,
		ID:                     t.ID,
		Provider:               x.provider(t.Provider, primary),
		Symbol:                 t.Symbol,
		Side:                   t.Side,
		TradeType:              column(x, "trade_type", t.TradeType),
		TradeID:                column(x, "trade_id", t.TradeID),
		Quantity:               t.Quantity,
		Leverage:               column(x, "leverage", t.Leverage),
		Confidence:             column(x, "confidence", t.Confidence),
		EntryTime:              x.seconds("entry_time", t.EntryTime),
		EntryHumanTime:         column(x, "entry_human_time", t.EntryHumanTime),
		EntryPrice:             t.EntryPrice,
		EntrySz:                column(x, "entry_sz", t.EntrySz),
		EntryOid:               column(x, "entry_oid", t.EntryOid),
		EntryTid:               column(x, "entry_tid", t.EntryTid),
		EntryCrossed:           column(x, "entry_crossed", t.EntryCrossed),
		EntryLiquidation:       entities.JSON(t.EntryLiquidation),
		EntryCommissionDollars: column(x, "entry_commission_dollars", t.EntryCommissionDollars),
		EntryClosedPnl:         column(x, "entry_closed_pnl", t.EntryClosedPnl),
		ExitTime:               x.seconds("exit_time", t.ExitTime),
		ExitHumanTime:          column(x, "exit_human_time", t.ExitHumanTime),
		ExitPrice:              t.ExitPrice,
		ExitSz:                 column(x, "exit_sz", t.ExitSz),
		ExitOid:                column(x, "exit_oid", t.ExitOid),
		ExitTid:                column(x, "exit_tid", t.ExitTid),
		ExitCrossed:            column(x, "exit_crossed", t.ExitCrossed),
		ExitLiquidation:        entities.JSON(t.ExitLiquidation),
		ExitCommissionDollars:  column(x, "exit_commission_dollars", t.ExitCommissionDollars),
		ExitClosedPnl:          column(x, "exit_closed_pnl", t.ExitClosedPnl),
		ExitPlan:               entities.JSON(t.ExitPlan),
		RealizedGrossPnl:       column(x, "realized_gross_pnl", t.RealizedGrossPnl),
		RealizedNetPnl:         t.RealizedNetPnl,
		TotalCommissionDollars: column(x, "total_commission_dollars", t.TotalCommissionDollars),
	}
	row.Extra = x.json()
	return row
}

// TradePayload is the payload of a trade's table row.
func TradePayload(row entities.Trade) (wire.Trade, error) {
	t := wire.Trade{
		ID:                     row.ID,
		ModelID:                row.ModelID,
		Symbol:                 row.Symbol,
		Side:                   row.Side,
		TradeType:              wire.FromPtr(row.TradeType),
		TradeID:                wire.FromPtr(row.TradeID),
		Quantity:               row.Quantity,
		Leverage:               wire.FromPtr(row.Leverage),
		Confidence:             wire.FromPtr(row.Confidence),
		EntryTime:              wire.Seconds(row.EntryTime),
		EntryHumanTime:         wire.FromPtr(row.EntryHumanTime),
		EntryPrice:             row.EntryPrice,
		EntrySz:                wire.FromPtr(row.EntrySz),
		EntryOid:               wire.FromPtr(row.EntryOid),
		EntryTid:               wire.FromPtr(row.EntryTid),
		EntryCrossed:           wire.FromPtr(row.EntryCrossed),
		EntryLiquidation:       raw(row.EntryLiquidation),
		EntryCommissionDollars: wire.FromPtr(row.EntryCommissionDollars),
		EntryClosedPnl:         wire.FromPtr(row.EntryClosedPnl),
		ExitTime:               wire.Seconds(row.ExitTime),
		ExitHumanTime:          wire.FromPtr(row.ExitHumanTime),
		ExitPrice:              row.ExitPrice,
		ExitSz:                 wire.FromPtr(row.ExitSz),
		ExitOid:                wire.FromPtr(row.ExitOid),
		ExitTid:                wire.FromPtr(row.ExitTid),
		ExitCrossed:            wire.FromPtr(row.ExitCrossed),
		ExitLiquidation:        raw(row.ExitLiquidation),
		ExitCommissionDollars:  wire.FromPtr(row.ExitCommissionDollars),
		ExitClosedPnl:          wire.FromPtr(row.ExitClosedPnl),
		ExitPlan:               raw(row.ExitPlan),
		RealizedGrossPnl:       wire.FromPtr(row.RealizedGrossPnl),
		RealizedNetPnl:         row.RealizedNetPnl,
		TotalCommissionDollars: wire.FromPtr(row.TotalCommissionDollars),
	}
	return t, Overlay(row.Extra, &t)
}
