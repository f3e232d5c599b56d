// Package repository keeps the arena's state in Postgres, a file per
// aggregate. Reads take the shape of the queries that exist; facts (trades,
// equity snapshots, decisions, ticks) are inserted once and never changed;
// current state is upserted and never set back in time.
//
// Every method takes a context first and keeps its deadline. Errors wrap
// ErrUnavailable when the database cannot be asked, so that an outage is never
// taken for "not found". Work that must happen together goes through
// Store.InTx, whose closure receives repositories bound to the transaction.
package repository
