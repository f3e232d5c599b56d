package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
)

// fact is one write of a story; MODEL stands for the model in its body.
type fact struct{ path, body string }

// tellStory makes up what happens to the positions of a model, in the order of
// time: openings, additions, reductions, reversals, closes, reopenings, and
// facts that are sent again.
func tellStory(random *rand.Rand, length int) (story []fact) {
	now, oid, quantity, entered := 1_761_000_000, 0, 0.0, 0
	position := func(q float64) string {
		return fmt.Sprintf(`{"symbol":"SOL","entry_oid":%d,"entry_time":%d,"entry_price":200,"quantity":%v,"margin":10}`, oid, entered, q)
	}
	exit := func(q float64, remaining string) {
		side := "long"
		if q < 0 {
			side = "short"
		}
		story = append(story, fact{"trades", fmt.Sprintf(`{"trade":{"id":"MODEL_%d","model_id":"MODEL","symbol":"SOL","side":%q,"quantity":%v,`+
			`"entry_oid":%d,"entry_time":%d,"exit_time":%d,"entry_price":200,"exit_price":201,"realized_net_pnl":1}%s}`,
			len(story), side, q, oid, entered, now, remaining)})
	}
	enter := func(q float64) {
		oid, entered, quantity = oid+1, now, q
		story = append(story, fact{"positions", `{"model_id":"MODEL","position":` + position(q) + `}`})
	}
	for len(story) < length {
		now += 1 + random.IntN(3)
		switch kind := random.IntN(7); {
		case quantity == 0:
			enter(float64(16 * (1 - 2*random.IntN(2))))
		case kind == 0:
			quantity *= 1.5
			story = append(story, fact{"positions", fmt.Sprintf(`{"model_id":"MODEL","timestamp":%d,"position":%s}`, now, position(quantity))})
		case kind == 1:
			story = append(story, story[random.IntN(len(story))])
		case kind < 4:
			left := quantity / 2
			remaining := ""
			if kind == 2 {
				remaining = `,"remaining":` + position(left)
			}
			exit(quantity-left, remaining)
			quantity = left
		default:
			reversed := -quantity
			exit(quantity, []string{"", `,"remaining":null`}[random.IntN(2)])
			quantity = 0
			if kind == 4 {
				enter(reversed)
			}
		}
	}
	return story
}

// told sends facts of a model through servers, in turn, until each is accepted.
func (s *system) told(model string, facts []fact, servers []string) error {
	for i, f := range facts {
		body := []byte(strings.ReplaceAll(f.body, "MODEL", model))
		for try := i; ; try++ {
			api := apiclient.Client{URL: servers[try%len(servers)], Token: token}
			res, err := api.Do(s.t.Context(), http.MethodPost, "/api/ingest/"+f.path+"?register=true", body)
			if err != nil {
				if s.t.Context().Err() != nil {
					return err
				}
				time.Sleep(20 * time.Millisecond) // it was killed, and comes back
				continue
			}
			if res.StatusCode == http.StatusOK {
				break
			}
			if res.StatusCode < http.StatusInternalServerError {
				return fmt.Errorf("%s %s: %d %s", f.path, body, res.StatusCode, res.Body)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// TestStoriesInAnyOrderThroughKills tells each story twice, once in the order of
// time to a server that is left alone, and once in another order to two
// processes, one of which is killed with -9 all the while. Both must end in the
// same rows.
func TestStoriesInAnyOrderThroughKills(t *testing.T) {
	s := startSystem(t)
	second, stop := s.serve(s.bin)
	defer stop()
	db := s.database()
	random := rand.New(rand.NewPCG(7, 11))
	length := time.Duration(sized(150, 8)) * time.Second
	stories, facts, kills := 0, 0, 0
	differences := map[string]string{}
	for began := time.Now(); time.Since(began) < length; {
		const atOnce = 8
		var all sync.WaitGroup
		failed := make([]error, 2*atOnce)
		for i := range atOnce {
			story := tellStory(random, 5+random.IntN(16))
			shuffled := slices.Clone(story)
			random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			n := stories + i
			all.Go(func() { failed[2*i] = s.told(fmt.Sprint("time-", n), story, []string{second}) })
			all.Go(func() { failed[2*i+1] = s.told(fmt.Sprint("mixed-", n), shuffled, []string{s.url, second}) })
			facts += 2 * len(story)
		}
		s.killAPI()
		kills++
		all.Wait()
		for _, err := range failed {
			require.NoError(t, err)
		}
		stories += atOnce
		s.awaitAPI()
	}
	inTime, mixed := s.storyRows(db, "time-"), s.storyRows(db, "mixed-")
	require.Len(t, inTime, stories)
	for n, rows := range inTime {
		if mixed[n] != rows {
			differences[n] = rows + " but in another order " + mixed[n]
		}
	}
	s.figuref("%d stories, %d facts, by two processes of which one was killed %d times: %d differences", stories, facts, kills, len(differences))
	require.Empty(t, differences, "%v", slices.Sorted(maps.Keys(differences)))
}

// storyRows returns the positions of models by what follows a prefix of their
// ids, without the models and the bookkeeping.
func (s *system) storyRows(db *pgx.Conn, prefix string) map[string]string {
	s.t.Helper()
	rows, err := db.Query(s.t.Context(), `
		SELECT m.id, coalesce(string_agg(row, ' ' ORDER BY row COLLATE "C"), '')
		FROM models m
		LEFT JOIN LATERAL (
			SELECT replace((to_jsonb(p) - 'created_at' - 'updated_at')::text, p.model_id, '') AS row
			FROM positions p WHERE p.model_id = m.id
		) p ON true
		WHERE m.id LIKE $1 || '%'
		GROUP BY m.id`, prefix)
	require.NoError(s.t, err)
	found := map[string]string{}
	for rows.Next() {
		var model, positions string
		require.NoError(s.t, rows.Scan(&model, &positions))
		found[strings.TrimPrefix(model, prefix)] = positions
	}
	require.NoError(s.t, rows.Err())
	return found
}
