package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/testdb"
	"nof0/internal/testsize"
)

// allowance is how long another process than the one that took a write may answer what
// was before. It is held to that in full; else a busy machine may be what delays it, and it
// has to show the write in the end.
const allowance = time.Second

// witness writes to one server and reads from all, without pause, and holds what it reads
// to what was acknowledged. Nothing is tried again.
type witness struct {
	s       *system
	servers []string // it writes to the first
	client  *http.Client
	cancel  context.CancelFunc
	group   sync.WaitGroup
	begun   int64 // the number of its first write

	written, refused, reads, stale, old, failed atomic.Int64

	mu    sync.Mutex
	acks  []time.Time // of the nth write
	took  []time.Duration
	wrote []time.Duration // what was acknowledged
	first string          // what the first fault was
}

// writes is the number of the last write of all witnesses of a process: identities do
// not repeat.
var writes atomic.Int64

func (s *system) witness(pause time.Duration, servers ...string) *witness {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	w := &witness{s: s, servers: servers, cancel: cancel, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	w.begun = writes.Add(1)
	s.eventually("the first write is taken", func() bool { return w.write(ctx, w.begun) })
	w.acks, w.wrote = nil, nil
	w.written.Store(0)
	w.refused.Store(0)
	w.shown(w.begun)
	for i := range 4 {
		w.group.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				w.read(ctx, n%len(servers), n/len(servers)%len(views))
			}
		})
	}
	w.group.Go(func() {
		for ctx.Err() == nil {
			n := w.begun + int64(len(w.acknowledged())) + 1
			if w.write(ctx, n) {
				writes.Store(n)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	})
	s.t.Cleanup(w.stop)
	return w
}

// write sends the nth price and the nth fill, the same again where it was not
// acknowledged.
func (w *witness) write(ctx context.Context, n int64) bool {
	at := 1_761_450_000 + n
	for kind, body := range map[string]string{
		"prices": fmt.Sprintf(`{"symbol":"BTC","price":%d,"timestamp":%d000}`, n, at),
		"trades": fmt.Sprintf(`{"id":"witness_%d","model_id":"witness","symbol":"BTC","side":"long","quantity":1,"entry_oid":%d,"entry_time":%d,"exit_time":%d,"entry_price":1,"exit_price":%d,"realized_net_pnl":1}`, n, n, at-1, at, n),
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.servers[0]+"/api/ingest/"+kind+"?register=true", strings.NewReader(body))
		if err != nil {
			panic(err) // of literals
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		began := time.Now()
		res, err := w.client.Do(req)
		if err != nil {
			return false
		}
		said, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			w.refused.Add(1)
			if res.StatusCode != http.StatusServiceUnavailable {
				w.faultf("write %d: %d %s", n, res.StatusCode, said)
			}
			return false
		}
		w.mu.Lock()
		w.wrote = append(w.wrote, time.Since(began))
		w.mu.Unlock()
	}
	w.written.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, time.Now())
	return true
}

func (w *witness) acknowledged() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acks
}

// views are those that show the writes.
var views = []string{"/api/crypto-prices", "/api/trades?model_id=witness&limit=1", "/api/trades"}

// shown waits until every server shows a write in every view.
func (w *witness) shown(number int64) {
	w.s.t.Helper()
	for _, server := range w.servers {
		for _, path := range views {
			w.s.eventually(server+path+" shows the last write", func() bool {
				res, err := w.client.Get(server + path)
				if err != nil {
					return false
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				return err == nil && newestIn(body) >= number
			})
		}
	}
}

// read asks one server for one of the views, and compares.
func (w *witness) read(ctx context.Context, server, view int) {
	acks := w.acknowledged()
	began := time.Now()
	least := w.begun
	for i, at := range slices.Backward(acks) {
		if server == 0 || testsize.Full() && began.Sub(at) > allowance {
			least = w.begun + int64(i) + 1
			break
		}
	}
	path := views[view]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.servers[server]+path, nil)
	if err != nil {
		panic(err) // of literals
	}
	res, err := w.client.Do(req)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if ctx.Err() != nil {
		return
	}
	w.reads.Add(1)
	w.mu.Lock()
	w.took = append(w.took, time.Since(began))
	w.mu.Unlock()
	switch {
	case err != nil:
		w.failed.Add(1)
		w.faultf("%s: %v", path, err)
		return
	case res.StatusCode != http.StatusOK:
		w.failed.Add(1)
		w.faultf("%s: %d %s", path, res.StatusCode, body)
		return
	case res.Header.Get("X-Data-Source") == "stale":
		w.stale.Add(1)
		return
	}
	if shown := newestIn(body); shown < least {
		w.old.Add(1)
		w.faultf("%s of server %d shows %d as %s after %d was acknowledged", path, server, shown, res.Header.Get("X-Data-Source"), least)
	}
}

// newestIn is the number of the newest write that a view shows.
func newestIn(body []byte) int64 {
	var view struct {
		Prices map[string]struct {
			Price float64 `json:"price"`
		} `json:"prices"`
		Trades []struct {
			Model string  `json:"model_id"`
			Price float64 `json:"exit_price"`
		} `json:"trades"`
	}
	if json.Unmarshal(body, &view) != nil {
		return -1
	}
	newest := view.Prices["BTC"].Price
	for _, trade := range view.Trades {
		if trade.Model == "witness" {
			newest = max(newest, trade.Price)
		}
	}
	return int64(newest)
}

func (w *witness) faultf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == "" {
		w.first = fmt.Sprintf(format, args...)
	}
}

func (w *witness) stop() {
	w.cancel()
	w.group.Wait()
}

// ends stops it, prints what it saw, and requires that nothing was old and nothing failed.
// It returns how long the slowest of a hundred reads took.
func (w *witness) ends(what string) (p99 time.Duration) {
	w.s.t.Helper()
	w.stop()
	slices.Sort(w.took)
	require.NotEmpty(w.s.t, w.took)
	at := func(took []time.Duration, part int) time.Duration {
		if len(took) == 0 {
			return 0
		}
		return took[len(took)*part/100].Round(100 * time.Microsecond)
	}
	slices.Sort(w.wrote)
	w.s.figuref("%s: %d reads, %d old, %d failed, %d stale, p50 %v, p99 %v, at most %v; %d writes, %d refused, p50 %v, p90 %v, p99 %v", what,
		w.reads.Load(), w.old.Load(), w.failed.Load(), w.stale.Load(), at(w.took, 50), at(w.took, 99), w.slowest().Round(time.Millisecond),
		w.written.Load(), w.refused.Load(), at(w.wrote, 50), at(w.wrote, 90), at(w.wrote, 99))
	require.Empty(w.s.t, w.first)
	w.shown(w.begun + int64(len(w.acks)))
	return at(w.took, 99)
}

// slowest is how long the slowest read took, after ends: readers that wait for all of an
// outage are four of thousands.
func (w *witness) slowest() time.Duration { return w.took[len(w.took)-1] }

// lasts is how long each outage lasts.
func lasts() time.Duration { return time.Duration(sized(10, 1)) * time.Second }

// TestOutages makes two servers live through what is slow and what refuses, while one takes
// writes: every answer is compared with what was acknowledged.
func TestOutages(t *testing.T) {
	s := startSystem(t)
	at, err := redis.ParseURL(s.redis.URL())
	require.NoError(t, err)
	way := testdb.NewWay(t, at.Addr)
	s.env = append(s.env, "REDIS_URL=redis://"+way.Addr)
	one, _ := s.serve(s.bin)
	two, _ := s.serve(s.bin)
	raw := s.redisClient()
	db := s.database()
	const often, seldom = 20 * time.Millisecond, 200 * time.Millisecond
	const longest = 3 * time.Second // that a read takes, a third of an outage
	whole := s.t
	bound := func(took, most time.Duration) {
		if testsize.Full() { // on a quiet machine
			require.LessOrEqual(s.t, took, most)
		}
	}
	part := func(name string, run func()) {
		t.Run(name, func(t *testing.T) {
			s.t = t
			defer func() { s.t = whole }()
			run()
		})
	}
	// noticed waits until both say that they do without Redis, in a metric that is 0 else.
	noticed := func(metric string) {
		for _, server := range []string{one, two} {
			s.eventually(server+" says "+metric, func() bool { return s.metric(server, metric) > 0 })
		}
	}
	part("RedisReadOnly", func() {
		w := s.witness(often, one, two)
		require.NoError(s.t, raw.ReplicaOf(s.t.Context(), "127.0.0.1", "1").Err())
		noticed("nof0_redis_refusing")
		time.Sleep(lasts())
		require.NoError(s.t, raw.ReplicaOf(s.t.Context(), "NO", "ONE").Err())
		time.Sleep(lasts() / 4)
		w.ends("read-only Redis")
	})
	part("RedisWithoutReplicas", func() {
		w := s.witness(often, one, two)
		for range 4 {
			require.NoError(s.t, raw.ConfigSet(s.t.Context(), "min-replicas-to-write", "1").Err())
			noticed("nof0_redis_refusing")
			time.Sleep(lasts() / 8)
			require.NoError(s.t, raw.ConfigSet(s.t.Context(), "min-replicas-to-write", "0").Err())
			time.Sleep(lasts() / 8)
		}
		w.ends("Redis that lacks replicas, four times")
	})
	part("RedisFull", func() {
		w := s.witness(often, one, two)
		require.NoError(s.t, raw.ConfigSet(s.t.Context(), "maxmemory", "1").Err())
		noticed("nof0_redis_refusing")
		time.Sleep(lasts())
		require.NoError(s.t, raw.ConfigSet(s.t.Context(), "maxmemory", "0").Err())
		time.Sleep(lasts() / 4)
		w.ends("full Redis")
	})
	part("RedisSlow", func() {
		w := s.witness(often, one, two)
		way.Delay(40 * time.Millisecond)
		noticed("nof0_redis_breaker_state")
		time.Sleep(lasts())
		way.Delay(0)
		time.Sleep(lasts() / 4)
		w.ends("Redis 40 ms away")
	})
	part("LockedTable", func() {
		tx, err := db.Begin(s.t.Context())
		require.NoError(s.t, err)
		w := s.witness(seldom, one, two)
		_, err = tx.Exec(s.t.Context(), "LOCK TABLE position_facts")
		require.NoError(s.t, err)
		time.Sleep(lasts())
		require.NoError(s.t, tx.Rollback(s.t.Context()))
		time.Sleep(lasts() / 4)
		bound(w.ends("table locked against writes"), 100*time.Millisecond)
		bound(w.slowest(), longest)
	})
	part("LockedAgainstReads", func() {
		tx, err := db.Begin(s.t.Context())
		require.NoError(s.t, err)
		w := s.witness(seldom, one, two)
		_, err = tx.Exec(s.t.Context(), "LOCK TABLE trades")
		require.NoError(s.t, err)
		time.Sleep(lasts())
		require.NoError(s.t, tx.Rollback(s.t.Context()))
		time.Sleep(lasts() / 4)
		bound(w.ends("table locked against everybody"), 100*time.Millisecond)
		bound(w.slowest(), longest)
	})
	part("OneModelIsBusy", func() {
		w := s.witness(seldom, one, two)
		taken, refused := s.fills(one, 150, lasts())
		s.figuref("%d fills of one model in %v, %d more refused as busy", taken, lasts(), refused)
		bound(w.ends("fills of one model"), 100*time.Millisecond)
		bound(w.slowest(), longest)
	})
	part("PostgresReadOnly", func() {
		w := s.witness(often, one, two)
		readOnly := func(is string) {
			_, err := db.Exec(s.t.Context(), "ALTER SYSTEM SET default_transaction_read_only = "+is)
			require.NoError(s.t, err)
			_, err = db.Exec(s.t.Context(), "SELECT pg_reload_conf()")
			require.NoError(s.t, err)
		}
		readOnly("on")
		s.eventually("a write is refused", func() bool { return w.refused.Load() > 0 })
		time.Sleep(lasts())
		readOnly("off")
		was := w.written.Load()
		s.eventually("writes are taken again", func() bool { return w.written.Load() > was })
		w.ends("read-only Postgres")
	})
	part("PostgresHangs", func() {
		w := s.witness(seldom, one, two)
		time.Sleep(lasts() / 4) // everything is known
		resume := s.hangPostgres()
		slowest := time.Duration(0)
		for began := time.Now(); time.Since(began) < lasts(); time.Sleep(50 * time.Millisecond) {
			asked := time.Now()
			res, err := http.Get(one + "/readyz")
			require.NoError(s.t, err)
			require.NoError(s.t, res.Body.Close())
			require.Equal(s.t, http.StatusOK, res.StatusCode, "known answers exist")
			slowest = max(slowest, time.Since(asked))
		}
		resume()
		time.Sleep(lasts() / 4)
		p99 := w.ends("Postgres stopped by SIGSTOP")
		s.figuref("readyz took at most %v", slowest.Round(time.Millisecond))
		bound(slowest, time.Second)
		bound(p99, time.Second)
		bound(w.slowest(), longest)
	})
	part("WritesWhilePostgresHangs", s.writesWhilePostgresHangs)
	part("AnnouncedBodies", func() { s.announce(one, 1000) })
	part("UnknownMembers", func() { s.unknownMembers(one) })
	part("ManyKeys", s.manyKeys)
	part("StreamWithoutRedis", func() { s.streamWithoutRedis(one) })
	part("FrozenServer", func() { s.freeze(one) })
	part("Restart", s.restart)
	part("StartWithoutPostgres", s.startWithoutPostgres)
}

// hangPostgres stops every process of the database without ending any.
func (s *system) hangPostgres() (resume func()) {
	s.t.Helper()
	db := s.database()
	backend := s.count(db, "SELECT pg_backend_pid()")
	postmaster := parentOf(backend)
	require.NotZero(s.t, postmaster)
	all := []int{postmaster}
	signal := func(sig syscall.Signal) {
		for _, pid := range all {
			_ = syscall.Kill(pid, sig) // it may have ended
		}
	}
	var once sync.Once
	resume = func() { once.Do(func() { signal(syscall.SIGCONT) }) }
	s.t.Cleanup(resume)
	signal(syscall.SIGSTOP) // the postmaster, which starts no more of them
	processes, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(s.t, err)
	for _, dir := range processes {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && parentOf(pid) == postmaster {
			all = append(all, pid)
		}
	}
	signal(syscall.SIGSTOP)
	return resume
}

// writesWhilePostgresHangs measures when writes are refused, and taken again.
func (s *system) writesWhilePostgresHangs() {
	s.t.Helper()
	env := s.env
	if !testsize.Full() {
		s.env = append(slices.Clone(env), "NOF0_POSTGRES_HUNG_AFTER=600ms")
		defer func() { s.env = env }()
	}
	server, _ := s.serve(s.bin)
	w := s.witness(20*time.Millisecond, server)
	api := apiclient.Client{URL: server, Token: token}
	write := func() (status int, problem string, took time.Duration) {
		began := time.Now()
		res, err := api.Do(s.t.Context(), http.MethodPost, "/api/ingest/prices?register=true", []byte(`{"symbol":"ETH","price":7,"timestamp":1761450000000}`))
		require.NoError(s.t, err)
		return res.StatusCode, string(res.Body), time.Since(began)
	}
	status, said, _ := write()
	require.Equal(s.t, http.StatusOK, status, "%s", said)
	resume := s.hangPostgres()
	status, said, first := write()
	require.Equal(s.t, http.StatusServiceUnavailable, status, "%s", said)
	slowest := time.Duration(0)
	for range 20 {
		status, said, took := write()
		require.Equal(s.t, http.StatusServiceUnavailable, status)
		require.Contains(s.t, said, "/problems/unavailable")
		slowest = max(slowest, took)
	}
	require.Equal(s.t, 1, s.metric(server, "nof0_postgres_hung"), "nothing is sent to Postgres meanwhile")
	resume()
	resumed := time.Now()
	s.eventually("writes are taken again", func() bool { status, _, _ := write(); return status == http.StatusOK })
	again := time.Since(resumed)
	s.figuref("writes while Postgres hangs: the first is refused after %v, the next 20 within %v each; they are taken %v after it goes on",
		first.Round(time.Millisecond), slowest.Round(time.Millisecond), again.Round(time.Millisecond))
	w.ends("one server while Postgres hangs")
	if testsize.Full() { // on a quiet machine
		require.Less(s.t, first, 5*time.Second)
		require.Less(s.t, slowest, 100*time.Millisecond)
		require.Less(s.t, again, time.Second)
	}
}

// parentOf reads the parent of a process, 0 where there is no such process.
func parentOf(pid int) int { return statusOf(pid, "PPid:") }

// statusOf reads a number from the status of a process.
func statusOf(pid int, name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0]) // the kernel writes numbers
			return n
		}
	}
	return 0
}

// fills sends a server fills of one model, so many a second for so long, each by itself and
// none again.
func (s *system) fills(server string, second int, long time.Duration) (taken, refused int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), long)
	defer cancel()
	api := apiclient.Client{URL: server, Token: token}
	var all sync.WaitGroup
	var ok, busy, other atomic.Int64
	tick := time.NewTicker(time.Second / time.Duration(second))
	defer tick.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		<-tick.C
		all.Go(func() {
			res, err := api.Do(s.t.Context(), http.MethodPost, "/api/ingest/trades?register=true", fmt.Appendf(nil,
				`{"id":"busy_%d","model_id":"busy","symbol":"ETH","side":"long","quantity":1,"entry_oid":%d,"entry_time":1761450000,"exit_time":%d,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, n, n, 1_761_450_001+n))
			switch {
			case err == nil && res.StatusCode == http.StatusOK:
				ok.Add(1)
			case err == nil && res.StatusCode == http.StatusServiceUnavailable:
				busy.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	all.Wait()
	require.Zero(s.t, other.Load(), "answers other than 200 and 503")
	return ok.Load(), busy.Load()
}

// announce opens connections that each announce 8 MB and send one byte.
func (s *system) announce(server string, connections int) {
	s.t.Helper()
	u, err := url.Parse(server)
	require.NoError(s.t, err)
	pid := s.servers[server].Process.Pid
	before := statusOf(pid, "VmRSS:")
	for range connections {
		conn, err := net.Dial("tcp", u.Host)
		require.NoError(s.t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /api/ingest/prices HTTP/1.1\r\nHost: nof0\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", token, 8<<20)
		require.NoError(s.t, err)
	}
	w := s.witness(20*time.Millisecond, server)
	time.Sleep(lasts() / 4)
	after := statusOf(pid, "VmRSS:")
	s.figuref("%d bodies of 8 MiB announced: %d MB resident, %d before", connections, after>>10, before>>10)
	require.Less(s.t, after-before, 256<<10, "kilobytes")
	w.ends("while bodies are announced")
}

// unknownMembers sends one item of 400,000 members that nobody knows.
func (s *system) unknownMembers(server string) {
	s.t.Helper()
	var item strings.Builder
	item.WriteString(`{"id":"large"`)
	for n := range 400_000 {
		fmt.Fprintf(&item, `,"m%d":1`, n)
	}
	item.WriteString("}")
	api := apiclient.Client{URL: server, Token: token}
	began := time.Now()
	res, err := api.Do(s.t.Context(), http.MethodPost, "/api/ingest/models", []byte(item.String()))
	took := time.Since(began)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusUnprocessableEntity, res.StatusCode, "%s", res.Body)
	models, err := api.Do(s.t.Context(), http.MethodGet, "/api/models", nil)
	require.NoError(s.t, err)
	require.NotContains(s.t, string(models.Body), "large")
	s.figuref("an item of 400,000 unknown members (%d kB) is refused after %v; /api/models has %d bytes", item.Len()>>10, took.Round(time.Millisecond), len(models.Body))
	if testsize.Full() { // on a quiet machine
		require.Less(s.t, took, time.Second)
	}
}

// manyKeys asks one server for thousands of answers of which no two have the same key.
func (s *system) manyKeys() {
	s.t.Helper()
	const bound = 16 << 20
	keys, fills := sized(6194, 200), sized(500, 50)
	env := s.env
	s.env = append(slices.Clone(env), fmt.Sprint("NOF0_CACHE_LOCAL_BYTES=", bound))
	defer func() { s.env = env }()
	server, _ := s.serve(s.bin)
	api := apiclient.Client{URL: server, Token: token}
	items := make([]string, fills)
	for n := range items {
		items[n] = fmt.Sprintf(`{"id":"key_%d","model_id":"keys","symbol":"SOL","side":"long","quantity":1,"entry_oid":%d,"entry_time":1761450000,"exit_time":%d,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, n, n+1, 1_761_450_001+n)
	}
	res, err := api.Do(s.t.Context(), http.MethodPost, "/api/ingest/trades?register=true", []byte(`{"items":[`+strings.Join(items, ",")+"]}"))
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, res.StatusCode, "%s", res.Body)
	pid := s.servers[server].Process.Pid
	before, most, bytes := statusOf(pid, "VmRSS:"), 0, 0
	for n := range keys {
		res, err := api.Do(s.t.Context(), http.MethodGet, fmt.Sprint("/api/trades?model_id=keys&limit=500&to=", 1_761_460_000+n), nil)
		require.NoError(s.t, err)
		require.Equal(s.t, http.StatusOK, res.StatusCode, "%s", res.Body)
		bytes += len(res.Body)
		most = max(most, statusOf(pid, "VmRSS:"))
	}
	s.figuref("%d keys of one client, %d MB of answers, cache.local_bytes %d MB: %d MB resident at most, %d before", keys, bytes>>20, bound>>20, most>>10, before>>10)
	require.Less(s.t, most-before, 256<<10, "kilobytes")
}

// streamWithoutRedis writes while Redis hangs, and waits for the event of each write.
func (s *system) streamWithoutRedis(server string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/stream", nil)
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	s.redis.Pause()
	s.t.Cleanup(s.redis.Resume)
	api := apiclient.Client{URL: server, Token: token}
	slowest := time.Duration(0)
	for n := range 10 {
		id := fmt.Sprint("streamed_", n)
		began := time.Now()
		res, err := api.Do(ctx, http.MethodPost, "/api/ingest/trades?register=true", fmt.Appendf(nil,
			`{"id":%q,"model_id":"streamed","symbol":"ETH","side":"long","quantity":1,"entry_oid":%d,"entry_time":1761450000,"exit_time":%d,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, id, n+1, 1_761_450_001+n))
		require.NoError(s.t, err)
		require.Equal(s.t, http.StatusOK, res.StatusCode, "%s", res.Body)
		for !strings.Contains(lines.Text(), id) {
			require.True(s.t, lines.Scan(), "the stream ended before %s: %v", id, lines.Err())
		}
		slowest = max(slowest, time.Since(began))
	}
	s.figuref("10 fills while Redis hangs: each in the stream %v after it was sent at most", slowest.Round(time.Millisecond))
	if testsize.Full() {
		require.Less(s.t, slowest, 2*time.Second)
	}
}

// freeze stops a server by SIGSTOP in a transaction, and waits until another takes a write
// of the same model.
func (s *system) freeze(server string) {
	s.t.Helper()
	const bound = 15 * time.Second // postgres.idle_in_transaction
	env := s.env
	if !testsize.Full() {
		s.env = append(slices.Clone(env), "NOF0_POSTGRES_IDLE_IN_TRANSACTION=1s")
		defer func() { s.env = env }()
	}
	frozen, _ := s.serve(s.bin)
	db := s.database()
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	fill := func(to string, n int64) int {
		api := apiclient.Client{URL: to, Token: token}
		res, err := api.Do(ctx, http.MethodPost, "/api/ingest/trades?register=true", fmt.Appendf(nil,
			`{"id":"frozen_%d","model_id":"frozen","symbol":"ETH","side":"long","quantity":1,"entry_oid":%d,"entry_time":1761450000,"exit_time":%d,"entry_price":1,"exit_price":2,"realized_net_pnl":1}`, n, n, 1_761_450_000+n))
		if err != nil {
			return 0
		}
		return res.StatusCode
	}
	var number atomic.Int64
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				fill(frozen, number.Add(1))
			}
		})
	}
	process := s.servers[frozen].Process
	defer func() { _ = process.Signal(syscall.SIGCONT) }()
	// It is frozen and let go again until that was in the middle of a transaction.
	const holds = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nof0 writes' AND state = 'idle in transaction' AND state_change < now() - interval '100 milliseconds'`
	for end := time.Now().Add(2 * time.Minute); ; {
		require.True(s.t, time.Now().Before(end), "it never froze in a transaction")
		require.NoError(s.t, process.Signal(syscall.SIGSTOP))
		time.Sleep(200 * time.Millisecond)
		if s.count(db, holds) > 0 {
			break
		}
		require.NoError(s.t, process.Signal(syscall.SIGCONT))
		time.Sleep(10 * time.Millisecond)
	}
	began := time.Now()
	for status := 0; status != http.StatusOK; {
		require.Less(s.t, time.Since(began), 2*time.Minute)
		status = fill(server, number.Add(1))
		require.Contains(s.t, []int{http.StatusOK, http.StatusServiceUnavailable}, status)
	}
	took := time.Since(began)
	s.figuref("a server froze in a transaction: another took a fill of the same model after %v", took.Round(100*time.Millisecond))
	if testsize.Full() {
		require.Less(s.t, took, bound+time.Second)
	}
}

// startWithoutPostgres starts a server before its database.
func (s *system) startWithoutPostgres() {
	s.t.Helper()
	require.NoError(s.t, s.stack.KillPostgres())
	server := s.launch(s.bin)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server, "http://"))
	if err == nil {
		_ = conn.Close()
	}
	require.Error(s.t, err, "nothing is served yet")
	s.eventually("Postgres starts", func() bool { return s.stack.RestartPostgres(s.t.Context()) == nil })
	began := time.Now()
	s.await(server)
	s.figuref("a server that was started before Postgres is ready %v after it", time.Since(began).Round(time.Millisecond))
}

// restart stops a server under load while another takes over.
func (s *system) restart() {
	s.t.Helper()
	env := s.env
	s.env = append(slices.Clone(env), "NOF0_HTTP_DRAIN=3s")
	defer func() { s.env = env }()
	old, _ := s.serve(s.bin)
	next, _ := s.serve(s.bin)
	requests := startTraffic(s.t, old, paths...)
	requests.add(next)
	some := int64(sized(3_000, 200))
	requests.more(some)
	require.NoError(s.t, s.servers[old].Process.Signal(syscall.SIGTERM))
	s.eventually("readyz asks for no more requests", func() bool {
		res, err := http.Get(old + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	requests.drain()
	require.NoError(s.t, s.servers[old].Wait(), "a server that is asked to stop exits with 0")
	requests.more(some)
	requests.clean()
	s.figuref("a server stopped and another took over: %d requests, 0 failed, longest wait %v", requests.requests.Load(), requests.wait().Round(time.Millisecond))
}
