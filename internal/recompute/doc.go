// Package recompute keeps the computed metrics of the competitors up to date, in every
// competition.
//
// What a model's trades and decisions come to is kept beside them (entity
// AnalyticsState), and the next run goes on from there: it costs what is new, and
// not what the season has become. The numbers of model_stats, which move in the
// transaction of every fact, say which models are behind, and whether a run has
// seen every fact; events only say when to look. A fact that came late, older
// than what has been folded already, shows in those numbers, and the model is
// then computed from all its facts.
//
// One run works at a time, whichever process it is in. Each model is computed in
// a transaction of its own that sees the database at one moment and writes the
// document, how far it has come, and an event for the relay, which brings Redis.
package recompute
