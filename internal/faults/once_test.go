package faults

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
)

// post sends a write and returns its status and answer.
func (s *system) post(path, body string) (int, string) {
	res, err := apiclient.Client{URL: s.url, Token: token}.Do(s.t.Context(), http.MethodPost, "/api/ingest/"+path, []byte(body))
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(res.Body)
}

const oneTrade = `{"id":"m_1","model_id":"m","symbol":"SOL","side":"long","quantity":1,"entry_time":1761000100,"exit_time":1761000200,` +
	`"entry_price":190.5,"exit_price":200,"realized_net_pnl":9.25}`

// TestOneTradeSentByMany sends one trade by many clients at once, also after
// Redis was emptied.
func TestOneTradeSentByMany(t *testing.T) {
	s := startSystem(t)
	db := s.database()
	const clients, times = 64, 1000
	send := func(when string) {
		var sent, accepted atomic.Int64
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for sent.Add(1) <= times {
					if status, answer := s.post("trades?register=true", oneTrade); status == http.StatusOK {
						accepted.Add(1)
					} else {
						t.Errorf("%d: %s", status, answer)
					}
				}
			})
		}
		all.Wait()
		require.Equal(t, 1, s.count(db, "SELECT count(*) FROM trades"))
		require.Equal(t, 1, s.count(db, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))
		s.figuref("one trade sent %d times by %d clients %s: 1 row, 1 event", accepted.Load(), clients, when)
	}
	send("at first")
	require.NoError(t, s.redisClient().FlushAll(t.Context()).Err()) // guards are gone as after 24 h
	send("after FLUSHALL")

	status, answer := s.post("trades", bytesReplace(oneTrade, `"quantity":1`, `"quantity":2`))
	require.Equal(t, http.StatusConflict, status, answer)
	require.Equal(t, 1, s.count(db, "SELECT count(*) FROM trades WHERE quantity = 1"))
	require.Equal(t, 1, s.count(db, "SELECT count(*) FROM outbox_events WHERE type = 'trade'"))
	s.figuref("the same identity with other content: %d, nothing changed", status)
}

// TestBatchOfAThousand holds what a few bad items cost.
func TestBatchOfAThousand(t *testing.T) {
	s := startSystem(t)
	db := s.database()
	s.post("models", `{"id":"m"}`)
	s.post("symbols", `{"symbol":"SOL"}`)
	var body bytes.Buffer
	body.WriteString(`{"items":[`)
	for i := range 1000 {
		id := fmt.Sprintf("m_%d", i)
		if i == 1 || i == 500 || i == 999 {
			id = fmt.Sprintf("m_{%d}", i)
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(bytesReplace(oneTrade, "m_1", id))
	}
	body.WriteString(`]}`)

	status, _ := s.post("trades?atomic=true", body.String())
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Zero(t, s.count(db, "SELECT count(*) FROM trades"))
	status, answer := s.post("trades", body.String())
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, 997, s.count(db, "SELECT count(*) FROM trades"))
	for _, bad := range []string{"m_{1}", "m_{500}", "m_{999}"} {
		require.Contains(t, answer, bad)
	}
	s.figuref("a batch of 1000 with 3 bad items: 997 stored, 3 named; atomic: 0 stored")
}

func bytesReplace(s, old, with string) string {
	return string(bytes.ReplaceAll([]byte(s), []byte(old), []byte(with)))
}
