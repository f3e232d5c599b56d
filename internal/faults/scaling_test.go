package faults

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/devstack"
	"nof0/internal/season"
	"nof0/internal/season/seasontest"
	"nof0/internal/testdb"
)

// between is how often a witness writes.
const between = 20 * time.Millisecond

// withRedis starts two more servers on a Redis of a URL.
func (s *system) withRedis(url string) (one, two string) {
	s.t.Helper()
	s.env = append(s.env, "REDIS_URL="+url)
	one, _ = s.serve(s.bin)
	two, _ = s.serve(s.bin)
	return one, two
}

// node is a client of one Redis, past what is tested.
func (s *system) node(server *testdb.RedisServer) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestScalingSentinel kills the master of a Redis that sentinels watch, and has them change
// it while it lives, under reads that are compared.
func TestScalingSentinel(t *testing.T) {
	s := startSystem(t)
	servers := []*testdb.RedisServer{testdb.NewRedis(t), testdb.NewRedis(t)}
	nodes := []*redis.Client{s.node(servers[0]), s.node(servers[1])}
	require.NoError(t, nodes[1].ReplicaOf(t.Context(), "127.0.0.1", strconv.Itoa(servers[0].Port())).Err())
	sentinels := testdb.Sentinels(t, servers[0], 3)
	sentinel := redis.NewSentinelClient(&redis.Options{Addr: sentinels[0]})
	defer sentinel.Close()
	one, two := s.withRedis("redis://" + strings.Join(sentinels, ",") + "/0?master_name=nof0")
	isMaster := func(i int) bool {
		return strings.Contains(nodes[i].Info(context.Background(), "replication").Val(), "role:master")
	}
	follows := func(i int) bool {
		return strings.Contains(nodes[i].Info(context.Background(), "replication").Val(), "master_link_status:up")
	}
	// Which is the master, once the other follows it. On a busy machine the sentinels may
	// take a living master for dead and change it back.
	master := func() (is int) {
		s.eventually("one follows the other", func() bool {
			for i, other := range []int{1, 0} {
				if isMaster(i) && follows(other) {
					is = i
					return true
				}
			}
			return false
		})
		return is
	}
	w := s.witness(between, one, two)
	changes := sized(4, 1)
	for range changes {
		old := master()
		servers[old].Kill()
		s.eventually("the replica is promoted", func() bool { return isMaster(1 - old) })
		time.Sleep(lasts() / 4)
		servers[old].Restart()
		s.eventually("the old master is told whom to follow", func() bool {
			// The sentinels do that too, once it was up for eight seconds.
			return nodes[old].ReplicaOf(context.Background(), "127.0.0.1", strconv.Itoa(servers[1-old].Port())).Err() == nil
		})
		master()
	}
	w.ends(strconv.Itoa(changes) + " masters killed, sentinels promote the replica")

	w = s.witness(between, one, two)
	for range changes {
		replica := 1 - master()
		s.eventually("the sentinels change the master", func() bool {
			_ = sentinel.Failover(context.Background(), "nof0").Err() // soon after another they refuse
			return isMaster(replica)
		})
		master()
	}
	w.ends(strconv.Itoa(changes) + " masters changed while they live")
}

// TestScalingCluster moves the slots of a cluster and kills one of its masters, under reads
// that are compared.
func TestScalingCluster(t *testing.T) {
	s := startSystem(t)
	servers := testdb.RedisCluster(t, 3, true)
	one, two := s.withRedis("redis://" + servers[0].Addr() + "," + servers[1].Addr() + "," + servers[2].Addr())
	ids := make([]string, len(servers))
	nodes := make([]*redis.Client, len(servers))
	for i, server := range servers {
		nodes[i] = s.node(server)
		ids[i] = nodes[i].ClusterMyID(t.Context()).Val()
	}
	w := s.witness(between, one, two)
	slots := sized(4000, 500)
	for n := range 3 {
		from, to := n, (n+1)%3
		s.eventually("the nodes agree", func() bool {
			return exec.CommandContext(t.Context(), "redis-cli", "--cluster", "check", servers[0].Addr()).Run() == nil
		})
		out, err := exec.CommandContext(t.Context(), "redis-cli", "--cluster", "reshard", servers[0].Addr(), "--cluster-from", ids[from], "--cluster-to", ids[to],
			"--cluster-slots", strconv.Itoa(slots), "--cluster-yes").CombinedOutput()
		require.NoError(t, err, "%s", out[max(0, len(out)-1000):])
	}
	w.ends("a cluster of three masters moves " + strconv.Itoa(3*slots) + " slots")

	w = s.witness(between, one, two)
	for i := range sized(3, 1) {
		servers[i].Kill()
		s.eventually("the replica is promoted", func() bool {
			return strings.Contains(nodes[3+i].Info(context.Background(), "replication").Val(), "role:master")
		})
		time.Sleep(lasts() / 4)
	}
	w.ends(strconv.Itoa(sized(3, 1)) + " masters of a cluster killed, their replicas take over")
}

// oneAddress stands before several servers: the next one of those that answer takes a
// request, and what is read is asked of another where one does not.
type oneAddress struct {
	turn    atomic.Int64
	targets []*url.URL
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b *oneAddress) RoundTrip(req *http.Request) (res *http.Response, err error) {
	turn := int(b.turn.Add(1))
	for i := range b.targets {
		target := b.targets[(turn+i)%len(b.targets)]
		req.URL.Scheme, req.URL.Host = target.Scheme, target.Host
		if res, err = b.next.RoundTrip(req); err == nil || req.Method != http.MethodGet {
			return res, err
		}
	}
	return res, err
}

// TestScalingServers puts three servers behind one address, kills one after the other
// under load and starts it again: what is read is compared, and a stream goes on elsewhere
// from where it was.
func TestScalingServers(t *testing.T) {
	s := startSystem(t)
	b := &oneAddress{next: http.DefaultTransport}
	for range 3 {
		server, _ := s.serve(s.bin)
		target, err := url.Parse(server)
		require.NoError(t, err)
		b.targets = append(b.targets, target)
	}
	proxy := &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite: func(*httputil.ProxyRequest) {}, Transport: b, FlushInterval: -1, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		},
		ReadHeaderTimeout: time.Minute,
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = proxy.Serve(listener) }()
	t.Cleanup(func() { _ = proxy.Close() })
	address := "http://" + listener.Addr().String()

	// The first is asked to show a write at once, so that it is the one that takes them.
	w := s.witness(between, s.url, address)
	stream, stop := s.follow(address)
	kills := sized(9, 2)
	for n := range kills {
		target := b.targets[n%len(b.targets)].String()
		cmd := s.servers[target]
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		_ = cmd.Wait()
		time.Sleep(lasts() / 8)
		s.launchAt(s.bin, strings.TrimPrefix(target, "http://"))
		s.await(target)
	}
	last := w.begun + int64(len(w.acknowledged()))
	s.eventually("the stream brings the last write", func() bool { return stream.newest.Load() >= last })
	stop()
	w.ends("three servers behind one address, " + strconv.Itoa(kills) + " killed")
	require.Zero(t, stream.missed.Load(), "every fill came on the stream, whichever server it was on")
	s.figuref("the stream was resumed %d times, %d fills came, 0 missed", stream.resumed.Load(), stream.newest.Load()-stream.first.Load())
}

// fills reads the fills of a stream, and comes back where it ends.
type fills struct{ first, newest, missed, resumed atomic.Int64 }

// follow follows the stream of fills of an address until stop.
func (s *system) follow(address string) (f *fills, stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	f = &fills{}
	done := make(chan struct{})
	number := regexp.MustCompile(`^data:.*"witness_(\d+)"`)
	once := func(last string) string {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/stream?types=trade", nil) // of literals
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return last
		}
		defer res.Body.Close()
		id := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if given, ok := strings.CutPrefix(lines.Text(), "id:"); ok {
				id = strings.TrimSpace(given)
			}
			found := number.FindStringSubmatch(lines.Text())
			if found == nil {
				continue
			}
			n, _ := strconv.ParseInt(found[1], 10, 64)
			switch before := f.newest.Load(); {
			case before == 0:
				f.first.Store(n)
			case n > before+1:
				f.missed.Add(n - before - 1)
			}
			f.newest.Store(max(n, f.newest.Load()))
			last = id
		}
		return last
	}
	go func() {
		defer close(done)
		for last := ""; ctx.Err() == nil; f.resumed.Add(1) {
			last = once(last)
		}
	}()
	s.eventually("the stream has begun", func() bool { return f.newest.Load() > 0 })
	return f, func() { cancel(); <-done }
}

// standby starts a server that follows the system's database.
func (s *system) standby() *devstack.Stack {
	s.t.Helper()
	o := devstack.Options{DataDir: s.t.TempDir(), RedisURL: s.redis.URL(), StandbyOf: s.stack.DatabaseURL, Logger: slog.New(slog.DiscardHandler)}
	stack, err := devstack.Start(s.t.Context(), o)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		_ = stack.Close(context.Background()) // it may have been killed
		_, err := devstack.RemoveData(context.Background(), o)
		require.NoError(s.t, err)
	})
	return stack
}

// TestScalingReplicas has two servers load views from a standby, which stops to replay, is
// killed and comes back, under reads that are compared.
func TestScalingReplicas(t *testing.T) {
	s := startSystem(t)
	standby := s.standby()
	s.env = append(s.env, "NOF0_POSTGRES_REPLICAS="+standby.DatabaseURL)
	one, _ := s.serve(s.bin)
	two, _ := s.serve(s.bin)
	read := func(outcome string) (sum int) {
		for _, server := range []string{one, two} {
			sum += s.metric(server, `nof0_replica_reads_total{outcome="`+outcome+`"}`)
		}
		return sum
	}
	w := s.witness(between, one, two)
	s.eventually("views are loaded from the standby", func() bool { return read("replica") > 100 })
	time.Sleep(lasts())
	execute := func(query string) {
		db, err := pgx.Connect(t.Context(), standby.DatabaseURL)
		require.NoError(t, err)
		defer db.Close(context.Background())
		_, err = db.Exec(t.Context(), query)
		require.NoError(t, err)
	}
	execute("SELECT pg_wal_replay_pause()")
	time.Sleep(lasts())
	require.Positive(t, read("behind"))
	execute("SELECT pg_wal_replay_resume()")
	time.Sleep(lasts() / 2)
	require.NoError(t, standby.KillPostgres())
	time.Sleep(lasts())
	require.Positive(t, read("failed"))
	s.eventually("the standby starts again", func() bool { return standby.RestartPostgres(t.Context()) == nil })
	before := read("replica")
	s.eventually("it is read again", func() bool { return read("replica") > before })
	w.ends("a standby that stands still, is killed and comes back")
	s.figuref("loads from the standby: %d; from the primary since it was behind: %d, since it failed: %d", read("replica"), read("behind"), read("failed"))
}

// metric reads one of a server's, 0 where it has none of the name or does not answer.
func (s *system) metric(server, name string) int {
	res, err := http.Get(server + "/metrics")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, _ := strconv.ParseFloat(value, 64) // as Prometheus reads it
			return int(n)
		}
	}
	return 0
}

// TestScalingFailover kills the primary under a load of fills and promotes its synchronous
// standby: what was acknowledged is there, once, and agrees with what was sent.
func TestScalingFailover(t *testing.T) {
	s := startSystem(t)
	standby := s.standby()
	old := s.database()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		_, err := old.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s.eventually("the standby is synchronous", func() bool {
		return s.count(old, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1
	})
	primary, err := url.Parse(s.stack.DatabaseURL)
	require.NoError(t, err)
	other, err := url.Parse(standby.DatabaseURL)
	require.NoError(t, err)
	both := *primary
	both.Host += "," + other.Host
	both.RawQuery = "sslmode=disable&target_session_attrs=read-write"
	s.env = append(s.env, "DATABASE_URL="+both.String())
	s.failOver("the synchronous standby promoted", func() {
		require.NoError(t, s.stack.KillPostgres())
		db, err := pgx.Connect(t.Context(), standby.DatabaseURL)
		require.NoError(t, err)
		defer db.Close(context.Background())
		_, err = db.Exec(t.Context(), "SELECT pg_promote()")
		require.NoError(t, err)
	})
}

// failOver loses the primary under a load of fills, and holds the one that takes its place
// to what was acknowledged. The environment names both.
func (s *system) failOver(what string, lose func()) {
	s.t.Helper()
	s.killAPI() // it starts again, with both
	s.awaitAPI()
	const workers, batch = 20, 50 // of play
	count := sized(30_000, 4_500)
	plan := season.Fills(season.FillsOptions{Seed: 3, Count: count})
	book := seasontest.NewBook()
	var mu sync.Mutex
	var acknowledged int
	var newest time.Time
	var away time.Duration
	sofar := func() int {
		mu.Lock()
		defer mu.Unlock()
		return acknowledged
	}
	done := make(chan struct{})
	var played season.Played
	var playErr error
	go func() {
		defer close(done)
		played, playErr = s.play(plan, func(events []season.Event, results []apiclient.Result) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				if err := book.Apply(e.Kind, e.Items, e.Body); err != nil {
					s.t.Errorf("the events contradict themselves: %v", err)
				}
			}
			now := time.Now()
			if acknowledged > 0 {
				away = max(away, now.Sub(newest))
			}
			acknowledged, newest = acknowledged+len(results), now
		})
	}()
	s.eventually("half is acknowledged", func() bool { return sofar() > plan.Len()/2 })
	lose()
	under := sofar() + workers*batch // what may have been under way
	require.Less(s.t, under, plan.Len(), "writes go on")
	s.eventually("writes are taken again", func() bool { return sofar() > under })
	<-done
	require.NoError(s.t, playErr)
	require.Zero(s.t, played.Rejected, "%+v", played.Rejections)
	var both string
	for _, variable := range s.env {
		if url, ok := strings.CutPrefix(variable, "DATABASE_URL="); ok {
			both = url // the last one is in force
		}
	}
	db, err := pgx.Connect(s.t.Context(), both)
	require.NoError(s.t, err)
	defer db.Close(context.Background())
	s.agree(db, book)
	s.figuref("%d fills, the primary killed, %s: %d items acknowledged, %d retries, 0 lost, 0 doubled; no write was acknowledged for %.1f s",
		count, what, played.Items, played.Retries, away.Seconds())
}
