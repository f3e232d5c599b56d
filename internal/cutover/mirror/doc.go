// Package mirror keeps the JSON directory a function of Postgres: it renders the
// files of a domain from what the store answers, as one step of a flip, or each
// time that an event in the outbox changes something in them.
//
// Files are rendered anew and never patched, so that an event that comes
// twice, or a process that dies between the commit of a write and the
// replacement of a file, needs no care: the files are rendered again.
package mirror
