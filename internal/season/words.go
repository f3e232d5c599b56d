package season

import "fmt"

func targetReached() []string {
	return []string{
		"Profit target reached; taking the gain as planned instead of hoping for more.",
		"Price trades through the target while RSI(7) is stretched — closing into strength.",
	}
}

func stopReached() []string {
	return []string{
		"Stop level traded; the thesis is invalidated and the loss is kept small.",
		"The market moves against this position and the stop is hit — closing without hesitation.",
	}
}

func heldTooLong() []string {
	return []string{
		"The move did not come in the time given to it; capital is better used elsewhere.",
		"Momentum has faded and the position went sideways for too long, closing it.",
	}
}

func thesisBroken() []string {
	return []string{
		"4H MACD turned against the position; the setup is no longer there.",
		"The broad market moves the other way and correlations are high — reducing exposure.",
	}
}

func partTaken() []string {
	return []string{
		"Locking in half of the gain near resistance, the rest may run to the target.",
		"Volatility is rising; taking part of the profit reduces risk while the trend is intact.",
	}
}

func longReasons() []string {
	return []string{
		"Price reclaimed the 20‑EMA with rising MACD; funding is neutral and the 4H trend is up.",
		"Pullback to support within a 4H uptrend, RSI(14) turns up from 40 — good risk/reward.",
		"Breakout above the intraday range with volume ≥ average.",
	}
}

func shortReasons() []string {
	return []string{
		"Lower highs below the 20‑EMA with falling MACD; the 4H trend is down.",
		"Failed breakout and positive funding — crowded longs are likely to unwind.",
		"Rejection at resistance while BTC weakens; risk/reward favours a short.",
	}
}

// condition says in words when a plan no longer holds.
func (t *trader) condition(c *coin, short bool, stop int64) string {
	level := fmt.Sprintf("%.*f", c.priceDecimals, c.price(stop))
	below, macd := "below", "negative"
	if short {
		below, macd = "above", "positive"
	}
	switch t.r.IntN(3) {
	case 0:
		return fmt.Sprintf("If the price closes %s %s on a 3-minute candle", below, level)
	case 1:
		return fmt.Sprintf("4H MACD turns %s or price closes %s $%s on 4H timeframe", macd, below, level)
	}
	return fmt.Sprintf("4-hour price closes %s the 20-period EMA.", below)
}
