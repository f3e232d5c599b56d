// Package importer loads a snapshot directory into Postgres.
//
// The whole directory is one transaction. Facts are inserted once, so that
// overlapping captures unite; current state follows the time of the data, so
// that captures may be imported in any order and any number of times and end
// in the same state. A row that is not what it claims to be is refused by name
// and the others are taken; a file that is not what it claims to be stops the
// import before anything is written.
package importer
