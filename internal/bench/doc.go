// Package bench measures the whole system from outside, beside yardsticks that do the
// same with nothing of ours: make bench. docs/performance.md explains the table.
package bench
