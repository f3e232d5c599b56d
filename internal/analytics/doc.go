// Package analytics turns the trades, decisions and equity of a model into its
// published metrics. It is pure: the same facts give the same bits, whatever
// order they come in and whichever source they were read from.
//
// Units are those of package wire: USD, coins, percent where a name says pct
// or rate, minutes where it says mins or holding period.
package analytics
