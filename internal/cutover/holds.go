package cutover

import (
	"context"
	"slices"
	"sync"
	"time"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/repository"
)

// holds is the competition that the files have, which are the truth of a domain: the
// default one. Where Postgres is the truth of all, the files are rendered from it, for a
// moment still of the default before, and "" takes them as they are.
func (c *Cutover) holds(standard func() (string, error)) func() (string, error) {
	return func() (string, error) {
		if !slices.ContainsFunc(arena.Domains(), func(d arena.Domain) bool { return c.modes.Modes(d).Write == arena.WriteJSON }) {
			return "", nil
		}
		return standard()
	}
}

// defaultOf returns what finds the id of the default competition. The database is asked
// at most once a second; while it cannot be, the answer is the last one.
func defaultOf(cfg config.Config, repos repository.Repositories) func() (string, error) {
	var (
		mu    sync.Mutex
		known string
		asked time.Time
	)
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if known != "" && time.Since(asked) < time.Second {
			return known, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		id, err := arena.DefaultCompetition(ctx, repos, cfg.Arena.Competition)
		asked = time.Now()
		if err == nil {
			known = id
		} else if known != "" {
			err = nil
		}
		return known, err
	}
}
