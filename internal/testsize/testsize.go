// Package testsize says how much a test does. Each runs in three sizes: short in
// `make test`, long in `make test-long`, full in `make faults`.
package testsize

import "os"

// Long says that a test may take minutes, as NOF0_TEST_LONG=1 asks for.
func Long() bool { return os.Getenv("NOF0_TEST_LONG") == "1" || Full() }

// Pick returns the short size of something in make test, else the long one.
func Pick[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}

// Full says that faults are made in the numbers of which the documents speak, as
// NOF0_TEST_FAULTS=full asks for.
func Full() bool { return os.Getenv("NOF0_TEST_FAULTS") == "full" }
