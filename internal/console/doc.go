// Package console renders the pages for people: server-rendered HTML that htmx
// refreshes, curves that uPlot draws from the API, and everything they load, which is
// part of the binary. It reads through arena.Answerer, as the API does, and knows no
// HTTP: handlers serves what it renders.
package console
