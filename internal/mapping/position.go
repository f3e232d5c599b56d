package mapping

import (
	"net/url"
	"strconv"
	"strings"

	"nof0/entities"
	"nof0/internal/wire"
)

// Position is the table row of an open position of a model at a provider. Its
// status and the time of its data are the repository's to set.
func Position(model, provider string, p wire.Position) entities.Position {
	x := newExtra(p.Extra)
	row := entities.Position{
		ModelID:          model,
		ID:               PositionID(model, provider, p),
		Provider:         provider,
		Symbol:           p.Symbol,
		EntryOid:         column(x, "entry_oid", p.EntryOid),
		EntryTime:        x.optSeconds("entry_time", p.EntryTime),
		EntryPrice:       p.EntryPrice,
		Quantity:         p.Quantity,
		Leverage:         column(x, "leverage", p.Leverage),
		Margin:           column(x, "margin", p.Margin),
		LiquidationPrice: column(x, "liquidation_price", p.LiquidationPrice),
		CurrentPrice:     column(x, "current_price", p.CurrentPrice),
		UnrealizedPnl:    column(x, "unrealized_pnl", p.UnrealizedPnl),
		ClosedPnl:        column(x, "closed_pnl", p.ClosedPnl),
		Commission:       column(x, "commission", p.Commission),
		Slippage:         column(x, "slippage", p.Slippage),
		RiskUsd:          column(x, "risk_usd", p.RiskUsd),
		Confidence:       column(x, "confidence", p.Confidence),
		ExitPlan:         entities.JSON(p.ExitPlan),
		IndexCol:         entities.JSON(p.IndexCol),
		WaitForFill:      column(x, "wait_for_fill", p.WaitForFill),
		Oid:              column(x, "oid", p.Oid),
		TpOid:            column(x, "tp_oid", p.TpOid),
		SlOid:            column(x, "sl_oid", p.SlOid),
	}
	row.Extra = x.json()
	return row
}

// PositionPayload is the payload of a position's table row.
func PositionPayload(row entities.Position) (wire.Position, error) {
	p := wire.Position{
		EntryOid:         wire.FromPtr(row.EntryOid),
		RiskUsd:          wire.FromPtr(row.RiskUsd),
		Confidence:       wire.FromPtr(row.Confidence),
		IndexCol:         raw(row.IndexCol),
		ExitPlan:         raw(row.ExitPlan),
		EntryTime:        optTime(row.EntryTime),
		Symbol:           row.Symbol,
		EntryPrice:       row.EntryPrice,
		TpOid:            wire.FromPtr(row.TpOid),
		Margin:           wire.FromPtr(row.Margin),
		WaitForFill:      wire.FromPtr(row.WaitForFill),
		SlOid:            wire.FromPtr(row.SlOid),
		Oid:              wire.FromPtr(row.Oid),
		CurrentPrice:     wire.FromPtr(row.CurrentPrice),
		ClosedPnl:        wire.FromPtr(row.ClosedPnl),
		LiquidationPrice: wire.FromPtr(row.LiquidationPrice),
		Commission:       wire.FromPtr(row.Commission),
		Leverage:         wire.FromPtr(row.Leverage),
		Slippage:         wire.FromPtr(row.Slippage),
		Quantity:         row.Quantity,
		UnrealizedPnl:    wire.FromPtr(row.UnrealizedPnl),
	}
	return p, Overlay(row.Extra, &p)
}

// PositionID names one opening: the same opening gets the same id each time it
// is seen, and reopening the symbol gets another. Where the source gave no
// entry order id the entry time takes its place, or without one the entry price.
func PositionID(model, provider string, p wire.Position) string {
	opening := "p" + strconv.FormatFloat(p.EntryPrice, 'g', -1, 64)
	if at, ok := p.EntryTime.Get(); ok {
		opening = "t" + strconv.FormatInt(wire.Time(at).UnixMicro(), 10)
	}
	if wire.IsOrderID(p.EntryOid) {
		opening = strconv.FormatInt(p.EntryOid.Or(0), 10)
	}
	parts := []string{model, provider, p.Symbol, opening}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i]) // so that no two lists of parts join to the same id
	}
	return strings.Join(parts, "/")
}
