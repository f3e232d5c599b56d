// Package system tells operators how a process and the stores that it works on are: what
// its metrics say at this moment, what the database says of itself, what the configuration
// is, and what became of the items of writes. It implements arena.System.
package system
