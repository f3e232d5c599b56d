package analytics

import (
	"reflect"
	"strings"
)

// Class says how a field of a Document compares with the one that the live site
// publishes.
type Class string

// The classes.
const (
	// ClassExact is computed from the trades by the site's own formula.
	ClassExact Class = "exact"
	// ClassConstant is 0 on the live site, and here.
	ClassConstant Class = "constant"
	// ClassCounts follows from other fields of the same document.
	ClassCounts Class = "exact from counts"
	// ClassDecisions is exact where every decision of the model is known.
	ClassDecisions Class = "needs decisions"
	// ClassDiffers is right here and something else on the live site.
	ClassDiffers Class = "differs"
)

// Field is one number of a table of a Document.
type Field struct {
	Table, Name string // as in the payload
	Class       Class
	// Reason is why a ClassDiffers differs.
	Reason string
}

// Explains reports whether Reason can be why a published number differs: a
// leverage that is no placeholder has another one.
func (f Field) Explains(published float64) bool {
	return f.Reason != reasonLeverage || published == 0 || published == 1
}

// NeedsDecisions reports whether a published number is comparable only where
// every decision is known.
func (f Field) NeedsDecisions(published float64) bool {
	return f.Class == ClassDecisions || f.Class == ClassDiffers && !f.Explains(published)
}

// Fields lists every number of every table, in the order of the Document.
func Fields() []Field {
	var fields []Field
	doc := reflect.TypeFor[Document]()
	for table := range doc.Fields() {
		if table.Type.Kind() != reflect.Struct || !strings.HasSuffix(nameOf(table), "_table") {
			continue
		}
		for member := range table.Type.Fields() {
			f := Field{Table: nameOf(table), Name: nameOf(member)}
			f.Class, f.Reason = classOf(f)
			fields = append(fields, f)
		}
	}
	return fields
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// The reasons of fields that differ.
const (
	reasonTakerFee = "the live site takes each fee from the mean up to it, not from the mean of all"
	reasonLeverage = "the live site publishes placeholders, 1, 1 and 0, not the leverages of the signals"
)

func classOf(f Field) (class Class, reason string) {
	switch f.Table {
	case "signals_breakdown_table":
		switch {
		case strings.Contains(f.Name, "leverage"):
			return ClassDiffers, reasonLeverage
		case strings.HasSuffix(f.Name, "_signal_pct"), f.Name == "long_short_ratio", strings.HasPrefix(f.Name, "pct_"):
			return ClassCounts, ""
		}
		return ClassDecisions, ""
	case "invocation_breakdown_table":
		return ClassDecisions, ""
	}
	switch f.Name {
	case "std_taker_fee":
		return ClassDiffers, reasonTakerFee
	case "avg_convo_leverage", "median_convo_leverage":
		return ClassDecisions, ""
	case "avg_take_profit_distance_pct", "avg_stop_loss_distance_pct",
		"avg_size_of_trade_portfolio_pct", "std_size_of_trade_portfolio_pct":
		return ClassConstant, ""
	}
	return ClassExact, ""
}

// Derive computes again the fields of d that follow from others of it.
func (d *Document) Derive() {
	s := &d.Signals
	s.setShares()
	s.setMinutes(s.MinsLongCombined, s.MinsShortCombined, s.MinsFlatCombined, 1)
}
