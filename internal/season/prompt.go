package season

import (
	"fmt"
	"strings"
	"time"
)

// prompt renders what the model is asked: the market, then its account. It is
// a third of the length of the real ones, so that a season stays small.
func (t *trader) prompt(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "It has been %d minutes since you started trading. The current time is %s and you've been invoked %d times. "+
		"Below, we are providing you with a variety of state data, price data, and predictive signals so you can discover alpha. "+
		"Below that is your current account information, value, performance, positions, etc.\n\n"+
		"**ALL OF THE PRICE OR SIGNAL DATA BELOW IS ORDERED: OLDEST → NEWEST**\n\n"+
		"**Timeframes note:** intraday series are provided at **%d‑minute intervals**.\n\n---\n\n"+
		"### CURRENT MARKET STATE FOR ALL COINS\n",
		int(now.Sub(t.inception)/time.Minute), now.Format("2006-01-02 15:04:05.000000"), t.cycle-1, barMinutes)
	for i := range t.market.coins {
		t.describeCoin(&b, i, now)
	}
	t.describeAccount(&b, now)
	return b.String()
}

func (t *trader) describeCoin(b *strings.Builder, coin int, now time.Time) {
	c := &t.market.coins[coin]
	bars := t.market.bars(coin, now)
	shown := bars[max(0, len(bars)-barsShown):]
	prices := make([]string, len(shown))
	for i, p := range shown {
		prices[i] = pythonFloat(p)
	}
	earlier := c.price(t.market.at(coin, now.Add(-hoursOfLong*time.Hour)))
	fmt.Fprintf(b, "\n### ALL %s DATA\n\ncurrent_price = %s, current_ema20 = %.3f, current_macd = %.3f, current_rsi (%d period) = %.3f\n\n"+
		"Mid prices: [%s]\n\n**Longer‑term context:** price %d hours ago: %s\n",
		c.symbol, pythonFloat(bars[len(bars)-1]), ema(bars, emaPeriod), ema(bars, fastPeriod)-ema(bars, slowPeriod),
		rsiPeriod, rsi(bars, rsiPeriod), strings.Join(prices, ", "), hoursOfLong, pythonFloat(earlier))
}

func (t *trader) describeAccount(b *strings.Builder, now time.Time) {
	equity, _ := t.equity(now)
	fmt.Fprintf(b, "\n### HERE IS YOUR ACCOUNT INFORMATION & PERFORMANCE\n\nCurrent Total Return (percent): %.2f%%\n\n"+
		"Available Cash: %.2f\n\n**Current Account Value:** %.2f\n\nCurrent live positions & performance: \n",
		float64(equity-navMicros)/navMicros*100, usd(t.cash(now)), usd(equity))
	for i, p := range t.open {
		if p == nil {
			continue
		}
		price, c := t.market.at(i, now), p.coin
		fmt.Fprintf(b, "{'symbol': '%s', 'quantity': %s, 'entry_price': %s, 'current_price': %s, 'liquidation_price': %s, "+
			"'unrealized_pnl': %.2f, 'leverage': %d, 'exit_plan': {'profit_target': %s, 'stop_loss': %s, "+
			"'invalidation_condition': '%s'}, 'confidence': %s, 'risk_usd': %s, 'sl_oid': %d, 'tp_oid': %d, "+
			"'wait_for_fill': False, 'entry_oid': %d, 'notional_usd': %.2f}\n",
			c.symbol, pythonFloat(p.quantity*float64(p.sign())), pythonFloat(c.price(p.entryPrice)), pythonFloat(c.price(price)),
			pythonFloat(c.price(p.liquidationPrice())), usd(p.unrealized(price)), p.leverage,
			pythonFloat(c.price(p.plan.target)), pythonFloat(c.price(p.plan.stop)), p.plan.condition,
			pythonFloat(p.confidence), pythonFloat(usd(p.risk)), p.slOid, p.tpOid, p.entryOid,
			usd(c.micros(price, p.size)))
	}
	sharpe := 0.0
	if n := len(t.rows); n > 0 {
		sharpe = t.rows[n-1].SharpeRatio.Or(0)
	}
	fmt.Fprintf(b, "\nSharpe Ratio: %.3f", sharpe)
}
