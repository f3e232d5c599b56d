package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/catalogue"
	"nof0/internal/readtest"
	"nof0/internal/season"
	"nof0/internal/testsize"
)

// behind is two processes on one database and one Redis, and what compares
// everything that can be read of them with what is stored.
type behind struct {
	*bundle
	*readtest.Checker

	t       *testing.T
	slowest time.Duration // from a write to where the other process shows it
	checked int
}

func setupBehind(t *testing.T) *behind {
	t.Helper()
	o := season.Options{Seed: 31, Models: 4, Hours: 60}
	s, err := season.Generate(t.Context(), o)
	require.NoError(t, err)
	b := &behind{t: t}
	b.bundle = setup(t, func(c *config.Config) { c.IngestToken, c.AdminToken = ingestToken, adminToken })
	b.load(t, madeUp(t, o))
	_, second := start(t, b.cfg)
	b.Checker = readtest.New(t, b.app.Store.Repositories, b.cfg, s.Facts(), b.url, second)
	return b
}

// after makes a change and holds that the process that made it shows it at once,
// and the others soon; none is negative.
func (b *behind) after(what string, process int, change func()) {
	b.t.Helper()
	before := b.Prime()
	change()
	began := time.Now()
	if process >= 0 {
		for path := range b.Reads {
			// A change of another process may come in between; its own never.
			shown := b.IsShown(process, path, before[process][path]) ||
				b.IsMoving(path) && b.ComesTo(process, path, before[process][path])
			assert.True(b.t, shown, "%s: the process that wrote does not show it at %s", what, path)
			b.checked++
		}
	}
	for other := range b.URLs {
		if other == process {
			continue
		}
		for path := range b.Reads {
			assert.True(b.t, b.ComesTo(other, path, before[other][path]), "%s: process %d never shows it at %s", what, other, path)
			b.checked++
		}
		b.slowest = max(b.slowest, time.Since(began))
	}
}

// TestReadsAreNotBehindWrites writes every kind, in its long form with and without
// registration, and imports, and then reads every view with every parameter of
// two processes, plainly and with each validator of before.
func TestReadsAreNotBehindWrites(t *testing.T) {
	t.Parallel()
	b := setupBehind(t)
	rounds := testsize.Pick(1, 4)
	inRound := 2 * len(catalogue.Writes())
	for n := range rounds * inRound {
		if !testsize.Long() && n%2 == n/2%2 {
			continue // every kind once, every other one with registration
		}
		w, writer := b.WriteOf(n), n/2%2
		raw, err := json.Marshal(b.Item(w))
		require.NoError(t, err)
		b.after(w.String(), writer, func() { post(t, b.URLs[writer], string(w.Kind), string(raw)) })
		if t.Failed() {
			return
		}
	}
	b.after("an import", -1, func() {
		// Part of it contradicts what is known. It does not say when the accounts began,
		// or it would be refused whole as another season.
		dir := madeUp(t, season.Options{Seed: 32, Models: 5, Hours: 80})
		require.NoError(t, os.Remove(filepath.Join(dir, "since-inception-values.json")))
		report, err := b.importDir(t.Context(), dir)
		require.NoError(t, err)
		require.Less(t, report.Rejected(), 400)
	})
	t.Logf("%d checks, each plainly and by both validators; the other process showed all of a write within %d ms, of which most is the checking", b.checked, b.slowest.Milliseconds())
}
