package system

import (
	"sync"
	"time"

	"nof0/repository"
)

// sizes remembers for a day how large the tables were.
type sizes struct {
	mu  sync.Mutex
	all []sizesAt // oldest first, an hour apart
}

type sizesAt struct {
	at    time.Time
	bytes map[string]float64 // by table
}

// NoteTables takes in how large the tables are, as it is found out now and then.
func (s *System) NoteTables(tables []repository.Table) { s.sizes.before(tables, s.o.Now()) }

// before takes in how large the tables are now, and returns how large they were a day ago,
// or when that was first known.
func (s *sizes) before(tables []repository.Table, now time.Time) sizesAt {
	const day = 24 * time.Hour
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.all); n == 0 || now.Sub(s.all[n-1].at) >= time.Hour {
		bytes := make(map[string]float64, len(tables))
		for _, t := range tables {
			bytes[t.Name] = t.Bytes
		}
		s.all = append(s.all, sizesAt{now, bytes})
	}
	for len(s.all) > 1 && now.Sub(s.all[1].at) >= day {
		s.all = s.all[1:]
	}
	return s.all[0]
}
