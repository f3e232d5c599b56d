// Package parity compares what the two sources of the API answer: the JSON
// directory and Postgres. It compares whole answers, past every cache, and the
// facts behind them by their identity.
//
// A row that only the JSON side has is a fault. The JSON side may hold less: it
// keeps the newest trades of a model and the newest documents, and its files
// speak of the time at which they were written. A row that only the store has
// is a fault where the JSON side claims to hold it, and is counted otherwise.
//
// Current state of the JSON side that differs and is older than the store's
// cannot be compared.
package parity
