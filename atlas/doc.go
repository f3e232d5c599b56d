// Package atlas owns the shape of the database over time.
//
// The struct tags of package entities are the only definition of tables.
// Schema prints them as DDL, which is committed as schema.sql; Generate
// compares that with what the files in migrations/ build and writes the
// difference as a new file; a Migrator, which the binary carries with those
// files, brings a database up to date. What tags cannot express (views and
// functions) is written by hand into migration files of its own.
//
// The Atlas command line tool works on the same directory and the same history
// table, atlas_schema_revisions in schema public, so either may apply what the
// other has written.
//
// A migration file is named VERSION_NAME.sql, where VERSION is a UTC time of
// the form 20060102150405, and a file of the same name in rollback/ undoes it.
// A name that begins with "contract_" marks a migration that takes away what
// the previous version of the binary still uses: such a binary must not start
// on the result (see Status.Contractions).
package atlas
