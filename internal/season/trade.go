package season

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// exit is a fill that closes a position or a part of it.
type exit struct {
	at    time.Time
	price int64 // ticks
	size  int64 // size steps, at most what is left
	oid   int64
	maker bool
}

// close takes an exit off the position and returns the trade and its net PnL
// in micro-dollars. The entry fee is shared by size, what is left of it going
// to the last trade.
func (p *position) close(r *rand.Rand, model string, x exit) (wire.Trade, int64) {
	entryFee, quantity := p.entryFee, p.quantity
	if x.size < p.size {
		entryFee = share(p.entryFee, x.size, p.size)
		quantity = p.coin.size(x.size)
	}
	rate := int64(takerRate)
	if x.maker {
		rate = makerRate
	}
	exitFee := fee(p.coin.micros(x.price, x.size), rate)
	gross := p.gross(x.price, x.size)
	net := gross - entryFee - exitFee

	entryTime, exitTime := wire.Seconds(p.entryTime), wire.Seconds(x.at)
	null := jsontext.Value("null")
	trade := wire.Trade{
		ID:                     model + "_" + uuid(r),
		ModelID:                model,
		Symbol:                 p.coin.symbol,
		Side:                   p.side(),
		TradeType:              wire.Some(p.side()),
		TradeID:                wire.Some(strings.Join([]string{pythonFloat(entryTime), p.coin.symbol, pythonFloat(exitTime), model}, "_")),
		Quantity:               quantity * float64(p.sign()),
		Leverage:               wire.Some(1.0),
		Confidence:             wire.Some(0.0),
		EntryTime:              entryTime,
		EntryHumanTime:         wire.Some(humanTime(p.entryTime)),
		EntryPrice:             p.coin.price(p.entryPrice),
		EntrySz:                wire.Some(quantity),
		EntryOid:               wire.Some(p.entryOid),
		EntryTid:               wire.Some(p.entryTid),
		EntryCrossed:           wire.Some(true),
		EntryLiquidation:       null,
		EntryCommissionDollars: wire.Some(usd(entryFee)),
		EntryClosedPnl:         wire.Some(usd(-entryFee)),
		ExitTime:               exitTime,
		ExitHumanTime:          wire.Some(humanTime(x.at)),
		ExitPrice:              p.coin.price(x.price),
		ExitSz:                 wire.Some(quantity),
		ExitOid:                wire.Some(x.oid),
		ExitTid:                wire.Some(tid(r)),
		ExitCrossed:            wire.Some(!x.maker),
		ExitLiquidation:        null,
		ExitCommissionDollars:  wire.Some(usd(exitFee)),
		ExitClosedPnl:          wire.Some(usd(gross - exitFee)),
		ExitPlan:               jsontext.Value("{}"),
		RealizedGrossPnl:       wire.Some(usd(gross)),
		RealizedNetPnl:         usd(net),
		// Added as doubles, so that it has the noise of live rows.
		TotalCommissionDollars: wire.Some(usd(entryFee) + usd(exitFee)),
	}

	p.size -= x.size
	p.quantity -= quantity
	p.entryFee -= entryFee
	p.risk = share(p.risk, p.size, p.size+x.size)
	p.oid = x.oid
	p.reduced = true
	return trade, net
}

// pythonFloat prints unix seconds as the live site does, a whole number with a
// trailing .0.
func pythonFloat(seconds float64) string {
	s := strconv.FormatFloat(seconds, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func humanTime(t time.Time) string { return t.Format("2006-01-02 15:04:05.000000") }

// tid draws a fill id, which the exchange takes from anywhere below 2^50.
func tid(r *rand.Rand) int64 { return between(r, int64(1e12), int64(1_125e12)) }

// orderID returns an order id: they grow with time, for all of the exchange.
func orderID(r *rand.Rand, start, at time.Time) int64 {
	const first, perSecond = 204_000_000_000, 11_900
	return first + int64(at.Sub(start)/time.Millisecond)*perSecond/1000 + r.Int64N(perSecond)
}
