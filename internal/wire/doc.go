// Package wire holds the REST payload types exactly as clients see them, the
// strict reading of rows that come from outside, and the conversions between
// payload units and Go types.
//
// Units: times are unix seconds with up to six decimals, except a price's
// timestamp and every serverTime, which are integer milliseconds. Prices,
// PnL, equity, margin and notional are USD; quantities are coins and signed,
// negative is short; *_pct fields and win_rate are percent; confidence is a
// fraction.
//
// Absent, null, zero and false are four different things: Opt keeps them
// apart, and members that no field names are kept in Extra and written out
// again.
package wire
