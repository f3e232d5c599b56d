// Package relay publishes what was committed. Every fact leaves an event
// in the outbox, in its own transaction; a Relay in each process brings the
// events to Redis (the stream of trades, the projections, the cached views that
// no longer hold), and a Hub brings them to the subscribers of this process.
//
// An event is emitted at least once, with the same id each time, and in order per
// model. What is emitted twice changes nothing: a projection is replaced by what
// Postgres holds, whichever event was the reason.
package relay
