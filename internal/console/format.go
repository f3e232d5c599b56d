package console

import (
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nof0/internal/wire"
)

// none stands where a figure is absent.
const none = "–"

// functions are what templates write figures with. A figure for people carries the
// exact one, in a data element.
func functions() template.FuncMap {
	return template.FuncMap{
		"rank":    func(i int) int { return i + 1 },
		"dollars": func(v any) template.HTML { return data(v, dollars) },
		"change":  func(v any) template.HTML { return data(v, change) },
		"percent": func(v any) template.HTML { return data(v, percent) },
		"share":   func(v any) template.HTML { return data(v, func(f float64) string { return fixed(f, 1) + "%" }) },
		"price":   func(v any) template.HTML { return data(v, price) },
		"ratio":   func(v any) template.HTML { return data(v, func(f float64) string { return fixed(f, 3) }) },
		"plain":   func(v any) template.HTML { return data(v, plain) },
		"count":   func(v any) template.HTML { return data(v, func(f float64) string { return fixed(f, 0) }) },
		"newest":  newest,
		"time":    moment,
		"millis":  func(ms int64) template.HTML { return moment(float64(ms) / 1000) },
		"sign":    sign,
		"words":   words,
		"segment": url.PathEscape,
	}
}

// number is the figure in a value, which may be absent.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case wire.Opt[float64]:
		return v.Get()
	case wire.Opt[int64]:
		n, ok := v.Get()
		return float64(n), ok
	case wire.Opt[int]:
		n, ok := v.Get()
		return float64(n), ok
	}
	return 0, false
}

// data is a figure for people with the exact one beside it.
func data(v any, write func(float64) string) template.HTML {
	f, ok := number(v)
	if !ok {
		return none
	}
	//nolint:gosec // digits, signs and units alone
	return template.HTML(`<data value="` + shortest(f) + `">` + write(f) + `</data>`)
}

func shortest(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// fixed is a figure with so many decimals, its thousands apart.
func fixed(f float64, decimals int) string { return grouped(strconv.FormatFloat(f, 'f', decimals, 64)) }

// grouped sets the thousands of a decimal number apart, and writes a true minus.
func grouped(s string) string {
	s, negative := strings.CutPrefix(s, "-")
	whole, fraction, pointed := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if pointed {
		whole += "." + fraction
	}
	if negative && strings.Trim(s, "0.") != "" {
		whole = "−" + whole
	}
	return whole
}

// plain is a figure with six decimals at most, unless they are all zero.
func plain(f float64) string {
	if rounded := math.Round(f*1e6) / 1e6; rounded != 0 {
		f = rounded
	}
	return grouped(shortest(f))
}

func dollars(f float64) string { return signBefore("$", fixed(f, 2)) }

// change is an amount of dollars that was won or lost.
func change(f float64) string { return plus(f, dollars(f)) }

func percent(f float64) string { return plus(f, fixed(f, 2)+"%") }

func plus(f float64, s string) string {
	if f > 0 {
		return "+" + s
	}
	return s
}

// price is the price of a coin, whose decimals depend on the coin.
func price(f float64) string { return signBefore("$", grouped(shortest(f))) }

func signBefore(unit, s string) string {
	if rest, negative := strings.CutPrefix(s, "−"); negative {
		return "−" + unit + rest
	}
	return unit + s
}

// newest is the equity at the end of a curve, as the script of the curves writes it.
func newest(c wire.EquityCurve) string {
	if n := len(c.Points); n > 0 {
		return dollars(c.Points[n-1].DollarEquity)
	}
	return ""
}

// sign is the class of a figure that is good or bad.
func sign(v any) string {
	switch f, ok := number(v); {
	case ok && f > 0:
		return "gain"
	case ok && f < 0:
		return "loss"
	}
	return ""
}

// moment is a time in unix seconds, in UTC until a script shows it in the zone that the
// reader has chosen.
func moment(v any) template.HTML {
	seconds, ok := number(v)
	if !ok || math.Abs(seconds) > wire.MaxSeconds {
		return none
	}
	at := time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
	//nolint:gosec // digits and names of months alone
	return template.HTML(`<time datetime="` + at.Format(time.RFC3339Nano) + `">` + at.Format("2 Jan 15:04 UTC") + `</time>`)
}
