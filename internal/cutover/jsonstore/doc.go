// Package jsonstore serves and writes the directory of JSON files that Postgres
// replaces.
package jsonstore
