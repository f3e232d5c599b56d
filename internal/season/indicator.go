package season

import "time"

const (
	barMinutes  = 3
	barsRead    = 60 // enough for the slowest average to forget where it started
	barsShown   = 10
	rsiPeriod   = 7
	emaPeriod   = 20
	fastPeriod  = 12
	slowPeriod  = 26
	hoursOfLong = 4
)

// bars returns the newest prices of a coin three minutes apart, oldest first.
func (m *market) bars(coin int, now time.Time) []float64 {
	newest := m.minute(now)
	bars := make([]float64, 0, barsRead)
	for back := barsRead - 1; back >= 0; back-- {
		if minute := newest - back*barMinutes; minute >= 0 {
			bars = append(bars, m.coins[coin].price(m.ticks[coin][minute]))
		}
	}
	return bars
}

// ema is the exponential moving average at the end of a series.
func ema(series []float64, period int) float64 {
	weight := 2 / float64(period+1)
	average := series[0]
	for _, v := range series[1:] {
		average += float64(weight * (v - average)) // converted, so that no machine fuses the two
	}
	return average
}

// rsi is the relative strength index at the end of a series, 50 where nothing moved.
func rsi(series []float64, period int) float64 {
	var up, down float64
	for i := max(1, len(series)-period); i < len(series); i++ {
		if change := series[i] - series[i-1]; change > 0 {
			up += change
		} else {
			down -= change
		}
	}
	if up+down == 0 {
		return 50
	}
	return 100 * up / (up + down)
}
