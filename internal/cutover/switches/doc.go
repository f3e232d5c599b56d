// Package switches moves the domains from the JSON store to Postgres and back,
// one at a time: the switches that every process follows, and the protocol by
// which they are set while writes go on.
//
// From the flip of a domain from json to both on, Postgres holds everything that
// its JSON files hold; in both, the files are a function of Postgres. A flip
// that would break that brings the lagging side along first, in the transaction
// that sets the switch and under the lock that keeps writers away: the files are
// imported on the way to Postgres and rendered on the way back.
package switches
