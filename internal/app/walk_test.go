package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/apiclient"
	"nof0/internal/app"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/captures"
	"nof0/internal/season"
	"nof0/internal/season/seasontest"
	"nof0/internal/testsize"
	"nof0/internal/wire"
)

// walk is two processes on one database and one directory, under load.
type walk struct {
	*bundle

	t    *testing.T
	dir  string
	apps [2]*app.App
	urls [2]string
	// settled is the source that a domain is known to be read from, by process.
	settled [2]map[arena.Domain]*atomic.Pointer[string]

	reads, writes atomic.Int64 // answered

	flips   int
	slowest time.Duration // from a flip to where both processes have felt it
	held    time.Duration // the longest flip itself
}

// emptyJSON makes a JSON store of which nothing is known yet.
func emptyJSON(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"crypto-prices": `{"prices":{}`, "account-totals": `{"accountTotals":[],"lastHourlyMarkerRead":-1`, "trades": `{"trades":[]`,
		"since-inception-values": `{"sinceInceptionValues":[]`, "leaderboard": `{"leaderboard":[]`, "analytics": `{"analytics":[]`,
		"positions": `{"accountTotals":[]`, "conversations": `{"conversations":[]`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), []byte(content+`,"serverTime":1}`), 0o600))
	}
	return dir
}

func startWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{t: t, dir: emptyJSON(t)}
	w.bundle = setup(t, func(c *config.Config) {
		c.JSONDir, c.IngestToken, c.AdminToken = w.dir, ingestToken, adminToken
		c.Rollout.ShadowSample = 0.05
	})
	w.apps[0], w.urls[0] = w.app, w.url
	w.apps[1], w.urls[1] = start(t, w.cfg)
	for i := range w.settled {
		w.settled[i] = map[arena.Domain]*atomic.Pointer[string]{}
		for _, d := range arena.Domains() {
			w.settled[i][d] = new(atomic.Pointer[string])
		}
	}
	return w
}

// domainOf are the endpoints that are read all the time.
var domainOf = map[string]arena.Domain{
	"crypto-prices": arena.DomainPrices, "trades": arena.DomainTrades, "positions": arena.DomainPositions,
	"account-totals": arena.DomainAccounts, "since-inception-values": arena.DomainAccounts,
	"leaderboard": arena.DomainAnalytics, "analytics": arena.DomainAnalytics, "conversations": arena.DomainConversations,
}

// endpointOf is what tells of a domain where it is read from.
func endpointOf(d arena.Domain) string {
	for _, endpoint := range []string{"crypto-prices", "trades", "positions", "account-totals", "analytics", "conversations"} {
		if domainOf[endpoint] == d {
			return endpoint
		}
	}
	return ""
}

// turn sends each request to the other of two processes.
type turn struct {
	hosts [2]string
	next  atomic.Int64
}

func (r *turn) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host = r.hosts[r.next.Add(1)%2]
	return http.DefaultTransport.RoundTrip(req)
}

// writing plays a season against both processes until stop is closed, one event
// to a few reads, so that it lasts as long on a slow machine as on a fast one.
func (w *walk) writing(stop <-chan struct{}, o season.Options) (done <-chan struct{}, book *seasontest.Book, played *season.Played) {
	w.t.Helper()
	s, err := season.Generate(w.t.Context(), o)
	require.NoError(w.t, err)
	book, played = seasontest.NewBook(), &season.Played{}
	client := &turn{}
	for i, raw := range w.urls {
		u, err := url.Parse(raw)
		require.NoError(w.t, err)
		client.hosts[i] = u.Host
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		plan := s.Plan(season.PlanOptions{})
		var err error
		*played, err = season.Play(w.t.Context(), func(yield func(season.Event, error) bool) {
			events := int64(0)
			for e, err := range plan.Events() {
				for events++; events > 50+w.reads.Load()/4; {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
				if !yield(e, err) {
					return
				}
			}
			select {
			case <-stop:
			default:
				w.t.Error("the load ended before the walk")
			}
		}, season.PlayOptions{
			URL: w.urls[0], Token: ingestToken, Batch: 20, Run: plan.Name(),
			Client: &http.Client{Transport: client, Timeout: time.Minute},
			Acknowledged: func(events []season.Event, results []apiclient.Result) {
				for _, e := range events {
					if err := book.Apply(e.Kind, e.Items, e.Body); err != nil {
						w.t.Errorf("the events contradict themselves: %v", err)
					}
				}
				w.writes.Add(int64(len(results)))
				for _, r := range results {
					if r.Error != nil {
						w.t.Errorf("a write was refused: %s: %+v", r.ID, r.Error)
					}
				}
			},
		})
		if err != nil {
			w.t.Errorf("playing: %v", err)
		}
	}()
	return over, book, played
}

// reading asks everything of a process until stop is closed.
func (w *walk) reading(process int, stop <-chan struct{}) {
	endpoints := make([]string, 0, len(domainOf))
	for endpoint := range domainOf {
		endpoints = append(endpoints, endpoint)
	}
	slices.Sort(endpoints)
	seen := map[string]time.Time{} // trades, and when their first answer was there
	for {
		for _, endpoint := range endpoints {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond): // of all there are, the machine has two processors
			}
			settled := w.settled[process][domainOf[endpoint]]
			before, began := settled.Load(), time.Now()
			status, source, body := w.ask(process, endpoint)
			w.reads.Add(1)
			if status != http.StatusOK || !json.Valid(body) {
				w.t.Errorf("%s: %d %.300s", endpoint, status, body)
				continue
			}
			if source != "json" && source != "store" {
				w.t.Errorf("%s is answered by %q", endpoint, source)
			}
			if after := settled.Load(); before != nil && before == after && *before != source {
				w.t.Errorf("process %d answers %s from %s, and had moved to %s", process, endpoint, source, *before)
			}
			if endpoint == "trades" {
				w.nothingIsGone(body, seen, began, source)
			}
		}
	}
}

// nothingIsGone holds that what has been read once is read again, whatever
// answers: at the latest a second later.
func (w *walk) nothingIsGone(body []byte, seen map[string]time.Time, began time.Time, source string) {
	var payload wire.Trades
	if err := wire.Unmarshal(body, &payload); err != nil {
		w.t.Error(err)
		return
	}
	now := map[string]bool{}
	for _, t := range payload.Trades {
		now[t.ID] = true
		if _, known := seen[t.ID]; !known {
			seen[t.ID] = time.Now()
		}
	}
	for id, at := range seen {
		if !now[id] && began.Sub(at) > time.Second {
			w.t.Errorf("the trade %s has been read %s ago, and the %s lacks it", id, began.Sub(at), source)
			delete(seen, id)
		}
	}
}

func (w *walk) ask(process int, endpoint string) (status int, source string, body []byte) {
	res, err := http.Get(w.urls[process] + "/api/" + endpoint)
	if err != nil {
		return 0, "", []byte(err.Error())
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		return 0, "", []byte(err.Error())
	}
	return res.StatusCode, res.Header.Get("X-Data-Source"), body
}

// admin sends a request to the admin surface of a process, again while the
// writers of a busy machine leave it no gap.
func (w *walk) admin(process int, method, path string, body any) (status int, answer []byte) {
	w.t.Helper()
	for range 20 {
		if status, answer = w.send(process, method, path, body); !bytes.Contains(answer, []byte(`"/problems/busy"`)) {
			break
		}
	}
	return status, answer
}

func (w *walk) send(process int, method, path string, body any) (status int, answer []byte) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(w.t, err)
	res := request(w.t, adminToken, method, w.urls[process]+path, string(raw))
	return res.StatusCode, res.body
}

// flip moves a domain and waits until both processes have felt it.
func (w *walk) flip(d arena.Domain, to map[string]any) {
	w.t.Helper()
	w.flips++
	to["reason"] = "the walk"
	read, moves := to["read"].(string)
	source := "json"
	if read == "store" {
		source = "store"
	}
	if moves {
		for i := range w.settled {
			w.settled[i][d].Store(nil)
		}
	}
	began := time.Now()
	status, answer := w.admin(w.flips%2, http.MethodPut, "/admin/rollout/"+string(d), to)
	require.Equal(w.t, http.StatusOK, status, "%s to %v: %s", d, to, answer)
	flipped := time.Now()
	w.held = max(w.held, flipped.Sub(began))
	if !moves {
		return
	}
	for i := range w.settled {
		await.True(w.t, func() bool {
			_, from, _ := w.ask(i, endpointOf(d))
			return from == source
		}, "%s to %v", d, to)
		w.slowest = max(w.slowest, time.Since(flipped))
		w.settled[i][d].Store(&source)
	}
}

// underLoad waits until some more has been read and written as things are now.
func (w *walk) underLoad() {
	w.t.Helper()
	reads, writes := w.reads.Load(), w.writes.Load()
	await.True(w.t, func() bool { return w.reads.Load() >= reads+100 && w.writes.Load() >= writes+30 }, "the load has ended")
}

// compare runs parity on a domain and expects both sides to be equal.
func (w *walk) compare(d arena.Domain) {
	w.t.Helper()
	status, answer := w.admin(0, http.MethodPost, "/admin/parity?domain="+string(d), nil)
	require.Equal(w.t, http.StatusOK, status, "%s", answer)
	var runs wire.ParityRuns
	require.NoError(w.t, wire.Unmarshal(answer, &runs))
	require.Len(w.t, runs.Runs, 1)
	require.Equal(w.t, wire.VerdictEqual, runs.Runs[0].Verdict, "%s: %s", d, answer)
}

// forward brings a domain from the files to the store.
func (w *walk) forward(d arena.Domain) {
	w.t.Helper()
	w.flip(d, map[string]any{"write": "both"})
	w.underLoad()
	w.flip(d, map[string]any{"read": "shadow"})
	w.underLoad()
	status, answer := w.admin(0, http.MethodPut, "/admin/rollout/"+string(d), map[string]any{"write": "store"})
	require.Equal(w.t, http.StatusConflict, status, "%s", answer)
	w.compare(d)
	w.flip(d, map[string]any{"read": "store"})
	w.underLoad()
	w.flip(d, map[string]any{"write": "store"})
	w.underLoad()
}

// back brings a domain from the store to the files.
func (w *walk) back(d arena.Domain) {
	w.t.Helper()
	w.flip(d, map[string]any{"write": "both"})
	w.underLoad()
	w.flip(d, map[string]any{"read": "json"})
	w.underLoad()
	w.flip(d, map[string]any{"write": "json"})
	w.underLoad()
}

// TestWalk walks domains, in its long form every one, from the files to the store and
// back, one after the other, while a season is played and everything is read of two processes.
func TestWalk(t *testing.T) {
	w := startWalk(t)
	stop := make(chan struct{})
	written, book, played := w.writing(stop, season.Options{Seed: 11, Models: 3, Hours: 72})
	var readers sync.WaitGroup
	for process := range w.urls {
		readers.Go(func() { w.reading(process, stop) })
	}
	domains := testsize.Pick([]arena.Domain{arena.DomainTrades, arena.DomainPositions}, arena.Domains())
	began := time.Now()
	func() {
		defer func() {
			close(stop)
			<-written
			readers.Wait()
		}()
		for _, d := range domains {
			w.forward(d)
		}
		for _, d := range slices.Backward(domains) {
			w.back(d)
		}
	}()
	lasted := time.Since(began)
	require.False(t, t.Failed())
	require.Zero(t, played.Rejected)
	require.Zero(t, played.Retries, "no write had to be sent twice")

	// The files are all there is now, and have it all.
	w.agrees(book, "json")
	for _, d := range arena.Domains() {
		w.flip(d, map[string]any{"write": "both"})
		w.compare(d)
		w.flip(d, map[string]any{"read": "store"})
	}
	w.agrees(book, "store")
	t.Logf("%d flips in %.0f s under %d reads (%.0f/s) and %d written items (%.0f/s) of 2 processes: 0 failed; felt by both within %d ms; a flip took %d ms at most",
		w.flips, lasted.Seconds(), w.reads.Load(), float64(w.reads.Load())/lasted.Seconds(), played.Items, float64(played.Items)/lasted.Seconds(),
		w.slowest.Milliseconds(), w.held.Milliseconds())
}

// agrees holds what is answered to what was written.
func (w *walk) agrees(book *seasontest.Book, source string) {
	w.t.Helper()
	for process := range w.urls {
		_, from, body := w.ask(process, "trades")
		require.Equal(w.t, source, from)
		var trades wire.Trades
		require.NoError(w.t, wire.Unmarshal(body, &trades))
		have := map[string]int{}
		for _, one := range trades.Trades {
			have[one.ID]++
		}
		_, _, body = w.ask(process, "positions")
		var positions wire.Positions
		require.NoError(w.t, wire.Unmarshal(body, &positions))
		open := map[string]wire.ModelPositions{}
		for _, one := range positions.AccountTotals {
			open[one.ModelID] = one
		}
		count := 0
		for _, model := range book.Models() {
			for id := range book.Trades(model) {
				count++
				require.Equal(w.t, 1, have[id], "trade %s in %s", id, source)
			}
			require.Less(w.t, len(book.Trades(model)), arena.RecentTrades, "the view shows all trades")
			if slices.Contains(w.cfg.Arena.Benchmarks, model) {
				continue // it does not compete, and is not listed
			}
			held := book.Open(model)
			require.Len(w.t, open[model].Positions, len(held), "open positions of %s in %s", model, source)
			for symbol, one := range held {
				require.Empty(w.t, one.Matches(open[model].Positions[symbol]), "%s of %s in %s", symbol, model, source)
			}
		}
		require.Positive(w.t, count)
		require.Len(w.t, trades.Trades, count)
	}
}

// TestFlipsUnderWriters moves domains at random while fills are written as fast
// as they go. Nothing may be lost or doubled, whatever was where.
func TestFlipsUnderWriters(t *testing.T) {
	w := startWalk(t)
	plan := season.Fills(season.FillsOptions{Seed: 12, Models: 12, Count: testsize.Pick(120, 700)})
	book, client := seasontest.NewBook(), &turn{}
	for i, raw := range w.urls {
		client.hosts[i] = strings.TrimPrefix(raw, "http://")
	}
	written := make(chan struct{})
	var played season.Played
	go func() {
		defer close(written)
		var err error
		played, err = season.Play(t.Context(), plan.Events(), season.PlayOptions{
			URL: w.urls[0], Token: ingestToken, Batch: 3, Workers: 8, Run: plan.Name(), Client: &http.Client{Transport: client},
			Acknowledged: func(events []season.Event, _ []apiclient.Result) {
				for _, e := range events {
					if err := book.Apply(e.Kind, e.Items, e.Body); err != nil {
						t.Errorf("the events contradict themselves: %v", err)
					}
				}
			},
		})
		if err != nil {
			t.Errorf("playing: %v", err)
		}
	}()
	random := rand.New(rand.NewPCG(1, 2))
	domains := []arena.Domain{arena.DomainTrades, arena.DomainPositions, arena.DomainAccounts}
	places := []arena.Modes{
		{Read: arena.ReadJSON, Write: arena.WriteJSON},
		{Read: arena.ReadJSON, Write: arena.WriteBoth},
		{Read: arena.ReadShadow, Write: arena.WriteBoth},
		{Read: arena.ReadStore, Write: arena.WriteBoth},
		{Read: arena.ReadStore, Write: arena.WriteStore},
	}
	flips, slowest := 0, time.Duration(0)
	for over := false; !over; {
		select {
		case <-written:
			over = true
			continue
		default:
		}
		d, to := domains[random.IntN(len(domains))], places[random.IntN(len(places))]
		began := time.Now()
		status, answer := w.admin(flips%2, http.MethodPut, "/admin/rollout/"+string(d), map[string]any{
			"read": to.Read, "write": to.Write, "force": true, "reason": "at random",
		})
		require.Equal(t, http.StatusOK, status, "%s to %v: %s", d, to, answer)
		slowest = max(slowest, time.Since(began))
		flips++
	}
	require.Zero(t, played.Rejected, "%+v", played.Rejections)
	require.Zero(t, played.Retries)
	require.Greater(t, flips, 20)

	for _, d := range arena.Domains() {
		w.flip(d, map[string]any{"read": "json", "write": "both"})
		w.compare(d)
	}
	w.agrees(book, "json")
	for _, d := range arena.Domains() {
		w.flip(d, map[string]any{"read": "store"})
	}
	w.agrees(book, "store")
	t.Logf("%d flips at random under %d items (%.0f/s): 0 lost, 0 doubled, both sides equal; a flip took %d ms at most",
		flips, played.Items, played.PerSecond, slowest.Milliseconds())
}

// TestReadSwitchOfACapture holds that each domain is answered by the source that its switch
// names, and that the JSON side serves its own directory.
func TestReadSwitchOfACapture(t *testing.T) {
	t.Parallel()
	dir := captures.Earlier.Copy(t)
	b := setup(t, func(c *config.Config) {
		c.JSONDir = dir
	})
	b.load(t, captures.Later.Copy(t))
	b.set(t, arena.DomainTrades, arena.Modes{Read: arena.ReadStore, Write: arena.WriteStore})
	await.True(t, func() bool {
		return get(t, b.url+"/api/trades").Header.Get("X-Data-Source") == "store"
	})
	files := readDir(t, dir)
	for _, endpoint := range []string{"crypto-prices", "account-totals", "analytics", "positions", "conversations", "leaderboard"} {
		res := get(t, b.url+"/api/"+endpoint)
		require.Equal(t, "json", res.Header.Get("X-Data-Source"), endpoint)
		require.Equal(t, rowsOf(t, endpoint, files[endpoint+".json"]), rowsOf(t, endpoint, res.object(t)), endpoint)
	}
	trades := get(t, b.url+"/api/trades")
	require.Equal(t, "store", trades.Header.Get("X-Data-Source"))
	require.Len(t, rows(t, trades), captures.Later.Rows["trades"])
}
