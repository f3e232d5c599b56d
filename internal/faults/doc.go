// Package faults holds the tests that break the system on purpose: processes
// are killed, servers taken away and brought back, the same event is sent by
// many at once. Each prints the figures that it measured. In `make test` they
// run in a short form; `make faults` runs them in full.
package faults
