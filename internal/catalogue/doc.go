// Package catalogue declares, once and as data, what there is to read and to
// write: the views of the API with the tables that they read, the kinds of
// writes, and the events with the tables that they change. What keeps a view,
// what makes it anew and what publishes a write range over it.
//
// It imports nothing of ours.
package catalogue
