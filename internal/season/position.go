package season

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// Fees of the exchange in hundred thousandths of the notional.
const (
	takerRate = 45
	makerRate = 15
)

// position is an open position. Amounts are micro-dollars, prices ticks, sizes
// size steps.
type position struct {
	coin       *coin
	short      bool
	size       int64   // what is left of the entry, always above 0
	quantity   float64 // what is left as the exchange reports it, with the noise of subtracting doubles
	entryPrice int64
	entryTime  time.Time
	entryFee   int64 // on what is left
	leverage   int64
	confidence float64
	risk       int64
	plan       exitPlan

	entryOid, tpOid, slOid, oid int64
	entryTid                    int64
	reduced                     bool
}

// exitPlan is where a position is meant to end; prices are in ticks.
type exitPlan struct {
	target, stop int64
	condition    string
}

type exitPlanJSON struct {
	ProfitTarget          float64 `json:"profit_target"`
	StopLoss              float64 `json:"stop_loss"`
	InvalidationCondition string  `json:"invalidation_condition"`
}

// sign is 1 for a long and −1 for a short.
func (p *position) sign() int64 {
	if p.short {
		return -1
	}
	return 1
}

func (p *position) side() string {
	if p.short {
		return "short"
	}
	return "long"
}

// gross returns the PnL of a part of the position at a price, before fees.
func (p *position) gross(ticks, size int64) int64 {
	return p.sign() * p.coin.micros(ticks-p.entryPrice, size)
}

func (p *position) unrealized(ticks int64) int64 { return p.gross(ticks, p.size) }

func (p *position) margin() int64 { return p.coin.micros(p.entryPrice, p.size) / p.leverage }

// liquidationPrice is where the margin is all but lost; 0, which is never
// reached, without leverage.
func (p *position) liquidationPrice() int64 {
	if p.leverage == 1 {
		return 0
	}
	return p.entryPrice - p.sign()*(p.entryPrice*95/100/p.leverage)
}

// row returns the position as the API shows it at a price.
func (p *position) row(ticks int64) (wire.Position, error) {
	plan, err := p.planJSON()
	if err != nil {
		return wire.Position{}, err
	}
	return wire.Position{
		EntryOid:         wire.Some(p.entryOid),
		RiskUsd:          wire.Some(usd(p.risk)),
		Confidence:       wire.Some(p.confidence),
		IndexCol:         jsontext.Value("null"),
		ExitPlan:         plan,
		EntryTime:        wire.Some(wire.Seconds(p.entryTime)),
		Symbol:           p.coin.symbol,
		EntryPrice:       p.coin.price(p.entryPrice),
		TpOid:            wire.Some(p.tpOid),
		Margin:           wire.Some(usd(p.margin())),
		WaitForFill:      wire.Some(false),
		SlOid:            wire.Some(p.slOid),
		Oid:              wire.Some(p.oid),
		CurrentPrice:     wire.Some(p.coin.price(ticks)),
		ClosedPnl:        wire.Some(usd(-p.entryFee)),
		LiquidationPrice: wire.Some(p.coin.price(p.liquidationPrice())),
		Commission:       wire.Some(usd(p.entryFee)),
		Leverage:         wire.Some(float64(p.leverage)),
		Slippage:         wire.Some(0.0),
		Quantity:         p.quantity * float64(p.sign()),
		UnrealizedPnl:    wire.Some(usd(p.unrealized(ticks))),
	}, nil
}

// planJSON returns {} for a position that is not meant to end.
func (p *position) planJSON() (jsontext.Value, error) {
	if p.plan == (exitPlan{}) {
		return jsontext.Value("{}"), nil
	}
	return wire.Marshal(exitPlanJSON{
		ProfitTarget: p.coin.price(p.plan.target), StopLoss: p.coin.price(p.plan.stop),
		InvalidationCondition: p.plan.condition,
	})
}
