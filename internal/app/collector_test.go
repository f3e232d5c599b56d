//go:build !collector

package app_test

import "testing"

// collectThrough is collect; built with the tag collector, a collector stands between, and
// flush waits until it has sent everything on.
func collectThrough(t *testing.T) (url string, got *spans, flush func()) {
	t.Helper()
	url, got = collect(t)
	return url, got, func() {}
}
