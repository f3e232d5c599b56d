// Package snapshot is the format of a directory of
// endpoint payloads, one file per endpoint. It reads such a directory strictly,
// and writes it atomically.
package snapshot
