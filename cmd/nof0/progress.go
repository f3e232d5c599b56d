package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress returns what shows how far long work has come: a bar on a terminal
// once it has taken a second, a line every few seconds otherwise. finish ends
// it.
func (c *cli) progress(what string) (report func(done, total int), finish func()) {
	return c.progressOf(what, "rows")
}

// progressOf is progress that counts something other than rows.
func (c *cli) progressOf(what, unit string) (report func(done, total int), finish func()) {
	if f, ok := c.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return c.bar(what)
	}
	const every = 5 * time.Second
	last := time.Now()
	return func(done, total int) {
		if now := time.Now(); now.Sub(last) >= every {
			last = now
			fmt.Fprintf(c.err, "%s: %d of %d %s\n", what, done, total, unit)
		}
	}, func() {}
}

func (c *cli) bar(what string) (report func(done, total int), finish func()) {
	const patience = time.Second
	began := time.Now()
	var bar *progressbar.ProgressBar
	return func(done, total int) {
			if bar == nil && time.Since(began) > patience {
				bar = progressbar.NewOptions(total,
					progressbar.OptionSetWriter(c.err),
					progressbar.OptionSetDescription(what),
					progressbar.OptionShowCount(),
					progressbar.OptionClearOnFinish(),
				)
			}
			if bar != nil {
				_ = bar.Set(done) // a bar that can't be drawn stops nothing
			}
		}, func() {
			if bar != nil {
				_ = bar.Finish()
			}
		}
}
