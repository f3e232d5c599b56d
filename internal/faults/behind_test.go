package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/readtest"
	"nof0/internal/season"
	"nof0/repository"
)

// TestReadsBehindWritesThroughKills writes every kind, with and without
// registration, and generated stories, through two processes of which one is
// killed with -9 while it writes or just after its answer. Once both are up, and a
// second after the answer, both must show what is stored at every view with every
// parameter, plainly and to who has what they answered before.
func TestReadsBehindWritesThroughKills(t *testing.T) {
	s := startSystem(t)
	second, stop := s.serve(s.bin)
	defer stop()
	c := s.readChecker(second)
	random := rand.New(rand.NewPCG(5, 13))
	length := time.Duration(sized(150, 8)) * time.Second
	writes, reads, kills, late := 0, 0, 0, 0
	var slowest time.Duration
	behind := map[string]bool{}
	for began := time.Now(); time.Since(began) < length; writes++ {
		before := c.Prime()
		var facts []fact
		model := fmt.Sprintf("story-%d", writes)
		if writes%6 == 5 {
			facts = tellStory(random, 4)
			random.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		} else {
			w := c.WriteOf(writes)
			body, err := json.Marshal(c.Item(w))
			require.NoError(t, err)
			facts = []fact{{string(w.Kind), string(body)}}
		}
		writers := slices.Clone(c.URLs)
		if random.IntN(2) == 0 {
			slices.Reverse(writers)
		}
		kill := time.AfterFunc(time.Duration(random.IntN(30))*time.Millisecond, s.killAPI)
		require.NoError(t, s.told(model, facts, writers))
		acknowledged := time.Now()
		if !kill.Stop() {
			kills++
		} else if writes%3 == 0 {
			s.killAPI() // between the answer and what the relay does
			kills++
		}
		s.eventually("a second has passed, and both answer", func() bool { return time.Since(acknowledged) > time.Second })
		s.awaitAPI()
		for process := range c.URLs {
			for path := range c.Reads {
				reads++
				asked := time.Now()
				if c.IsShown(process, path, before[process][path]) {
					continue
				}
				late++
				if !c.ComesTo(process, path, before[process][path]) {
					behind[c.URLs[process]+path+" after "+facts[0].path+" "+facts[0].body] = true
				}
				slowest = max(slowest, time.Since(asked))
			}
		}
	}
	s.figuref("%d writes, one of two processes killed %d times; %d reads of %d URLs, each plainly and by both validators: %d differences; %d were behind for longer than a second, by up to %d ms more",
		writes, kills, reads, len(c.Reads), len(behind), late, slowest.Milliseconds())
	require.Empty(t, behind, "%v", slices.Sorted(maps.Keys(behind)))
}

// readChecker imports a generated season, and compares with Postgres what the API
// and another process answer.
func (s *system) readChecker(second string) *readtest.Checker {
	s.t.Helper()
	o := season.Options{Seed: 31, Models: 4, Hours: 60}
	made, err := season.Generate(s.t.Context(), o)
	require.NoError(s.t, err)
	dir := filepath.Join(s.t.TempDir(), "season")
	_, err = made.Write(s.t.Context(), dir)
	require.NoError(s.t, err)
	s.mustRun(s.bin, "import", dir)
	store, err := repository.Open(s.t.Context(), repository.Options{DSN: s.stack.DatabaseURL, MaxOpen: 4, MaxIdle: 4})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, store.Close()) })
	return readtest.New(s.t, store.Repositories, config.Default(), made.Facts(), s.url, second)
}
