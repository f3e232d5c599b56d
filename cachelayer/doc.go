// Package cachelayer is everything that nof0 keeps in Redis. Nothing in it is
// a source of truth: every value can be loaded again from Postgres, and every
// read stays right, if slower, while Redis is absent, down, hanging, read-only
// or full of values that something else wrote.
//
// A read goes through [Fetch]: this process' own memory for at most
// config.Cache.LocalTTL, then Redis, then one load however many callers ask.
// A write to Postgres is followed by [Cache.Invalidate], after which no load
// that began earlier can put its value back.
//
// Every key and every TTL is spelled by [Keys] and nowhere else.
package cachelayer
