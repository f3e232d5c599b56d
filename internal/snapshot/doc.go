// Package snapshot is the JSON store that Postgres replaces: a directory of
// endpoint payloads, one file per endpoint. It reads such a directory strictly,
// serves it as a source of the API, and writes it atomically.
package snapshot
