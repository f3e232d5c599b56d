// Package wiretest is for tests that write rows.
package wiretest

import (
	"nof0/config"
	"nof0/internal/wire"
)

// Bounds are the default bounds, but that times may begin with 1970: many tests
// count them from there.
func Bounds() wire.Bounds {
	b := wire.Bounds(config.Default().Bounds)
	b.EarliestYear = 1970
	return b
}
