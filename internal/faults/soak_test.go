//go:build soak

package faults

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/catalogue"
	"nof0/internal/loop"
	"nof0/internal/retention"
	"nof0/internal/season"
	"nof0/internal/season/seasontest"
	"nof0/internal/wire"
)

var (
	soakLasts  = flag.Duration("soak", 20*time.Second, "how long TestSoak plays")
	soakOutput = flag.String("soak-json", "", "a file that TestSoak writes its samples and its table to")
)

// soakSpeed is how many times faster than real time the season of TestSoak goes: two days
// a minute.
const soakSpeed = 2 * 24 * 60

// soak is a season that is played while everything is read and all that operators do is done.
type soak struct {
	*system
	balancer

	client  *http.Client
	ends    time.Time
	keep    time.Duration // of the data's time
	archive string
	group   sync.WaitGroup

	reads, cutOff, notHeld, stale  atomic.Int64
	compared, flips, parities      atomic.Int64
	restarts, kills, rounds, wrong atomic.Int64
	// walking is the domain that is being moved, whose views the files may not hold.
	walking atomic.Pointer[string]

	mu       sync.Mutex
	book     *seasontest.Book
	now      time.Time // of the data
	faults   []string
	archived map[string]retention.Partition
	lags     []time.Duration // of events, since the last sample
	freshest time.Duration   // how long a committed fact was not shown, at most
	streams  []map[string]int
	refused  map[string]int // acts of operators that were repeated, by what was answered
}

// TestSoak plays a season in compressed time beside two servers, of which one is stopped or
// killed again and again while another takes over, and reads every endpoint all the while.
// Prices of old months are archived, metrics are computed anew, domains are moved to the
// files and back. No answer may be wrong, nothing may be lost, and what does not hold data
// may not grow.
func TestSoak(t *testing.T) {
	bin, err := program()
	require.NoError(t, err)
	lasts := *soakLasts
	files := filepath.Join(t.TempDir(), "json")
	require.NoError(t, os.Mkdir(files, 0o700))
	admin := freeAddr(t)
	s := &soak{
		system: startSystemOf(t, bin, "NOF0_JSON_DIR="+files, "NOF0_ADMIN_TOKEN="+token, "NOF0_HTTP_STREAMS_PER_CLIENT=1000",
			"GOGC=100", "NOF0_CACHE_LOCAL_BYTES=67108864", // full soon
			"NOF0_HTTP_ADMIN_ADDR="+admin),
		balancer: balancer{t: t},
		client:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
		book:     seasontest.NewBook(), archived: map[string]retention.Partition{}, refused: map[string]int{},
		archive: filepath.Join(t.TempDir(), "archive"),
		keep:    soakSpeed * lasts / 8,
	}
	db := s.database()
	s.balancer.add(s.url)
	s.env = append(s.env, "NOF0_HTTP_ADMIN_ADDR=") // of the first alone
	for _, d := range catalogue.Domains() {
		s.flip(t.Context(), string(d), "store", "store", true)
	}
	require.Empty(t, s.faults)
	other, _ := s.serve(bin)
	s.balancer.add(other)
	plan := s.plan(lasts)

	began := time.Now()
	s.ends = began.Add(lasts)
	// Without a deadline of its own, of which dialers know a moment before ctx does.
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(lasts, cancel)
	following, stopFollowing := context.WithCancel(t.Context())
	defer s.group.Wait()
	defer stopFollowing()
	defer cancel()
	for n := range 3 {
		s.streams = append(s.streams, map[string]int{})
		s.group.Go(func() { s.follow(following, n) })
	}
	var played season.Played
	var playErr error
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { played, playErr = s.play(plan) })
	require.NoError(t, s.awaitBook(ctx, 100), "the season does not begin")
	for n := range 4 {
		work.Go(func() { s.readAll(ctx, n) })
	}
	for _, job := range []struct {
		every time.Duration
		do    func(context.Context)
	}{
		{200 * time.Millisecond, s.compare},
		{lasts / 40, s.retain},
		{lasts / 12, s.recompute},
		{lasts / 200, s.walk},
	} {
		work.Go(func() {
			for loop.Sleep(ctx, job.every) == nil {
				job.do(ctx)
			}
		})
	}
	samples := newSamples(s, db)
	work.Go(func() {
		if loop.Sleep(ctx, lasts/4) == nil { // from when on the samples count
			s.profile(admin, "start")
		}
	})
	work.Go(func() {
		for every := min(max(lasts/200, 500*time.Millisecond), 10*time.Second); loop.Sleep(ctx, every) == nil; {
			samples.take()
		}
	})
	for n := 0; n < 2 || ctx.Err() == nil; n++ { // both ways at least, however slow the machine is
		s.restartOther(n%2 == 1)
		_ = loop.Sleep(ctx, lasts/15) // it ends with ctx
	}
	work.Wait()
	s.profile(admin, "end")
	s.retain(t.Context())
	require.NoError(t, playErr)
	require.Zero(t, played.Rejected, "%+v", played.Rejections)
	s.finish(db)
	stopFollowing()
	s.group.Wait()

	end := s.reached()
	s.figuref("%v, %d processes and one machine for all of them: a season of %.1f days, %d items in %d requests (%d sent again), %d reads (%d cut off by kill -9, %d of what files do not hold, %d stale), "+
		"%d facts compared (shown after %v at most), %d flips, %d comparisons of both sides, acts refused and repeated %v, %d runs of retention (%d archives), %d restarts, %d kills, %d errors",
		lasts, 3, end.Sub(plan.start).Hours()/24, played.Items, played.Requests, played.Retries, s.reads.Load(), s.cutOff.Load(), s.notHeld.Load(), s.stale.Load(),
		s.compared.Load(), s.freshest.Round(time.Millisecond), s.flips.Load(), s.parities.Load(), s.refused, s.rounds.Load(), len(s.archived), s.restarts.Load(), s.kills.Load(), s.wrong.Load())
	grown := samples.report(lasts)
	require.Empty(t, s.faults)
	require.NotEmpty(t, s.archived, "no month was archived")
	require.Positive(t, s.flips.Load()*s.parities.Load()*s.restarts.Load()*s.kills.Load()*s.compared.Load())
	require.Empty(t, grown, "grows without bound")
}

// soakPlan is what is played.
type soakPlan struct {
	*season.Plan

	seed  uint64
	start time.Time
}

// plan makes a season as long as the test lasts, the turn of a month early in it.
func (s *soak) plan(lasts time.Duration) soakPlan {
	s.t().Helper()
	length := soakSpeed * lasts
	now := time.Now().UTC().Add(-length)
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Add(-length / 8)
	o := season.Options{Seed: 16, Models: 7, Hours: int(length/time.Hour) + 1, Start: start, DecisionEvery: time.Hour}
	all, err := season.Generate(s.t().Context(), o)
	require.NoError(s.t(), err)
	return soakPlan{all.Plan(season.PlanOptions{}), o.Seed, start}
}

func (s *soak) t() *testing.T { return s.system.t }

// play plays until the end, and lets what was sent be answered.
func (s *soak) play(plan soakPlan) (season.Played, error) {
	return season.Play(s.t().Context(), s.untilEnd(plan.Events()), season.PlayOptions{
		URL: "http://balancer", Token: token, Speed: soakSpeed, Batch: 50, Workers: 6, Seed: plan.seed, Run: plan.Name(),
		KeepTrying: 5 * time.Minute, MaxPause: 500 * time.Millisecond, Client: &http.Client{Transport: s},
		Acknowledged: func(events []season.Event, _ []apiclient.Result) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, e := range events {
				if err := s.book.Apply(e.Kind, e.Items, e.Body); err != nil {
					s.faultLockedf("the events contradict themselves: %v", err)
				}
				if e.At.After(s.now) {
					s.now = e.At
				}
			}
		},
	})
}

func (s *soak) untilEnd(events iter.Seq2[season.Event, error]) iter.Seq2[season.Event, error] {
	return func(yield func(season.Event, error) bool) {
		for e, err := range events {
			if time.Now().After(s.ends) || !yield(e, err) {
				return
			}
		}
	}
}

// reached is how far the data have come.
func (s *soak) reached() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// awaitBook waits until so many prices are acknowledged.
func (s *soak) awaitBook(ctx context.Context, prices int) error {
	for {
		s.mu.Lock()
		n := s.book.Count(season.KindPrices)
		s.mu.Unlock()
		if n >= prices {
			return nil
		}
		if err := loop.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *soak) faultf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultLockedf(format, args...)
}

// faultLockedf keeps the first faults, and counts all.
func (s *soak) faultLockedf(format string, args ...any) {
	const kept = 20
	s.wrong.Add(1)
	if len(s.faults) < kept {
		s.faults = append(s.faults, fmt.Sprintf("%s: ", time.Now().Format(time.TimeOnly))+fmt.Sprintf(format, args...))
	}
}

// RoundTrip implements http.RoundTripper: it sends a request to one of the servers.
func (s *soak) RoundTrip(req *http.Request) (*http.Response, error) {
	to := s.pick()
	defer to.pending.Done()
	routed := req.Clone(req.Context())
	routed.URL.Host, routed.Host = to.url.Host, ""
	return s.client.Transport.RoundTrip(routed)
}

// ask asks one of the servers, and another one where the first was killed before it had
// answered. It returns no answer at the end of the test, and after a fault.
func (s *soak) ask(ctx context.Context, method, path, body string, headers ...string) (apiclient.Response, bool) {
	for {
		to := s.pick()
		api := apiclient.Client{URL: "http://" + to.url.Host, Token: token, HTTP: s.client}
		var sent []byte
		if body != "" {
			sent = []byte(body)
		}
		res, err := api.Do(ctx, method, path, sent, headers...)
		to.pending.Done()
		switch {
		case ctx.Err() != nil:
			return res, false
		case err == nil:
			return res, true
		case !to.killed.Load():
			s.faultf("%s %s of %s: %v", method, path, to.url.Host, err)
			return res, false
		}
		s.cutOff.Add(1)
	}
}

// readAll reads every endpoint in turn until ctx ends.
func (s *soak) readAll(ctx context.Context, from int) {
	const pause = 20 * time.Millisecond // it is a load, and not all of the machine
	tags := map[string]string{}
	for n := from; loop.Sleep(ctx, pause) == nil; n++ {
		paths, model := s.paths(n)
		path := paths[n%len(paths)]
		view := viewOf(path)
		res, ok := s.ask(ctx, http.MethodGet, path, "", "If-None-Match", tags[path])
		if !ok {
			continue
		}
		s.reads.Add(1)
		if res.Header.Get("X-Data-Source") == "stale" {
			s.stale.Add(1)
		}
		switch walking := s.walking.Load(); {
		case res.StatusCode == http.StatusNotModified && tags[path] != "":
		case walking != nil && (*walking == string(view.Domain) && view.NotInFiles && res.StatusCode == http.StatusNotImplemented ||
			strings.Contains(path, model) && res.StatusCode == http.StatusNotFound): // files know a model by its rows
			s.notHeld.Add(1)
		case res.StatusCode != http.StatusOK:
			s.faultf("GET %s: %s %.200q", path, res.Status, res.Body)
		case strings.Contains(res.Header.Get("Content-Type"), "/json") && !json.Valid(res.Body):
			s.faultf("GET %s is no JSON: %.300s", path, res.Body)
		default:
			tags[path] = res.Header.Get("ETag")
		}
	}
}

// paths are all endpoints that are read; n chooses what they are asked for, and the model.
func (s *soak) paths(n int) (paths []string, model string) {
	s.mu.Lock()
	models := s.book.Models()
	now := s.now
	s.mu.Unlock()
	model = models[n%len(models)]
	symbol := []string{"BTC", "ETH", "SOL"}[n%3]
	paths = []string{
		"/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/models/" + model,
		"/api/trades?limit=100&model_id=" + model, "/api/positions/" + model + "?status=all", "/api/conversations?limit=20",
		"/api/equity?points=500&resolution=1h&model_id=" + model, "/api/prices/" + symbol + "?resolution=15m", "/api/search?q=trend",
		fmt.Sprintf("/api/prices/%s?from=%d", symbol, now.Add(-time.Hour).Unix()),
		"/api/trades?limit=1000&format=ndjson", "/admin/system", "/admin/cache", "/admin/outbox", "/admin/jobs", "/admin/migrations", "/admin/tables",
		"/admin/statements", "/admin/ingest", "/admin/rollout", "/admin/parity", "/admin/configuration",
	}
	for _, v := range catalogue.Views() {
		path := "/api" + strings.NewReplacer(":model", model, ":symbol", symbol).Replace(v.Path)
		if v.Name != catalogue.ViewSearch && !strings.Contains(path, ":decision") && path != "/api/analytics/"+season.Benchmark { // which has no metrics
			paths = append(paths, path)
		}
	}
	return paths, model
}

// viewOf returns the view that a path is one of, or one without a name.
func viewOf(path string) catalogue.View {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(strings.TrimPrefix(path, "/api"), "/")
	for _, v := range catalogue.Views() {
		is := strings.Split(v.Path, "/")
		if slices.EqualFunc(is, parts, func(a, b string) bool { return a == b || strings.HasPrefix(a, ":") }) {
			return v
		}
	}
	return catalogue.View{}
}

// follow reads the stream of events from the first one on until ctx ends, and comes back
// with the last id whenever it breaks.
func (s *soak) follow(ctx context.Context, n int) {
	last, sequence := "0", int64(0)
	for ctx.Err() == nil {
		to := s.pick()
		to.pending.Done() // a stream lasts
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.url.Host+"/api/stream", nil)
		if err != nil {
			panic(err) // of literals
		}
		req.Header.Set("Last-Event-ID", last)
		res, err := s.client.Do(req)
		if err != nil {
			if ctx.Err() == nil && !to.killed.Load() && !s.gone(to) {
				s.faultf("stream of %s: %v", to.url.Host, err)
			}
			_ = loop.Sleep(ctx, 50*time.Millisecond) // it comes back at the end of the loop
			continue
		}
		if res.StatusCode != http.StatusOK {
			said, _ := io.ReadAll(res.Body)
			s.faultf("stream after %s: %s %.300s", last, res.Status, said)
		}
		for lines := bufio.NewReader(res.Body); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			if data, ok := strings.CutPrefix(line, "data: {\"id\""); ok {
				var event streamed
				if err := json.Unmarshal([]byte("{\"id\""+data), &event); err != nil {
					s.faultf("an event cannot be read: %v", err)
				}
				if event.Sequence <= sequence {
					s.faultf("event %d comes after %d", event.Sequence, sequence)
				}
				sequence = event.Sequence
				s.sawEvent(n, event)
			}
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				last = strings.TrimSpace(id)
			}
		}
		_ = res.Body.Close()
	}
}

// streamed is an event as a stream sends it.
type streamed struct {
	Sequence int64   `json:"sequence"`
	Type     string  `json:"type"`
	At       float64 `json:"at"`
	Data     struct {
		ID string `json:"id"`
	} `json:"data"`
}

func (s *soak) sawEvent(n int, event streamed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lags = append(s.lags, time.Since(wire.Time(event.At)))
	if event.Type == "trade" {
		s.streams[n][event.Data.ID]++
	}
}

// gone reports whether a server takes no more requests.
func (s *soak) gone(to *target) bool {
	s.picking.Lock()
	defer s.picking.Unlock()
	return !slices.Contains(s.targets, to)
}

// compare reads the newest trade of a model from Postgres, and waits until the API shows
// it or a newer one.
func (s *soak) compare(ctx context.Context) {
	s.mu.Lock()
	models := s.book.Models()
	s.mu.Unlock()
	model := models[rand.IntN(len(models))]
	var id string
	var exit time.Time
	var pnl float64
	db, err := pgx.Connect(ctx, s.stack.DatabaseURL)
	if err == nil {
		err = db.QueryRow(ctx, "SELECT id, exit_time, realized_net_pnl FROM trades WHERE model_id = $1 ORDER BY exit_time DESC, id DESC LIMIT 1", model).Scan(&id, &exit, &pnl)
		_ = db.Close(context.WithoutCancel(ctx))
	}
	if errors.Is(err, pgx.ErrNoRows) || ctx.Err() != nil {
		return
	}
	if err != nil {
		s.faultf("reading Postgres: %v", err)
		return
	}
	for began := time.Now(); ; {
		res, ok := s.ask(ctx, http.MethodGet, "/api/trades?limit=1&model_id="+model, "")
		if !ok || res.StatusCode == http.StatusNotImplemented {
			return
		}
		var page wire.Trades
		if err := wire.Unmarshal(res.Body, &page); err != nil {
			s.faultf("the newest trade of %s: %s %v", model, res.Status, err)
			return
		}
		shown := len(page.Trades) == 1 && !wire.Time(page.Trades[0].ExitTime).Before(exit.Truncate(time.Microsecond))
		if took := time.Since(began); shown || took > 30*time.Second {
			s.mu.Lock()
			s.freshest = max(s.freshest, took)
			s.mu.Unlock()
			if !shown {
				s.faultf("trade %s of %s is not shown after %v: %s %.300s", id, model, took, res.Status, res.Body)
			} else if page.Trades[0].ID == id && page.Trades[0].RealizedNetPnl != pnl {
				s.faultf("trade %s shows %v, and Postgres holds %v", id, page.Trades[0].RealizedNetPnl, pnl)
			}
			s.compared.Add(1)
			return
		}
		if loop.Sleep(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

// command runs the program to its end beside the servers.
func (s *soak) command(ctx context.Context, env []string, args ...string) (out []byte, err error) {
	cmd := exec.CommandContext(ctx, s.bin, args...)
	cmd.Env = slices.Concat(s.env, env)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err = cmd.Output()
	if err != nil {
		err = fmt.Errorf("nof0 %s: %w: %s", strings.Join(args, " "), err, &errs)
	}
	return out, err
}

// retain archives the months of the season that are older, at its own time, than is kept.
func (s *soak) retain(ctx context.Context) {
	keep := time.Since(s.reached()) + s.keep
	out, err := s.command(context.WithoutCancel(ctx), []string{"NOF0_RETENTION_KEEP=" + keep.String(), "NOF0_RETENTION_ARCHIVE_DIR=" + s.archive}, "retention", "run", "--json")
	var report retention.Report
	if json.Unmarshal(out, &report) != nil {
		s.faultf("%v", cmp.Or(err, errors.New("retention reports nothing")))
		return
	}
	s.rounds.Add(1)
	postponed := false
	s.mu.Lock()
	for _, p := range report.Partitions {
		postponed = postponed || p.State == retention.StatePostponed
		if p.State == retention.StateArchived {
			s.archived[p.File] = p // late prices of a month make another file
		}
	}
	s.mu.Unlock()
	if err != nil && !postponed {
		s.faultf("%v", err)
	}
}

// recompute computes the metrics of every model from all facts.
func (s *soak) recompute(ctx context.Context) {
	if _, err := s.command(context.WithoutCancel(ctx), nil, "analytics", "recompute", "--json"); err != nil {
		s.faultf("%v", err)
	}
}

// walk moves a domain from the store to the files and back, as docs/cutover.md says.
func (s *soak) walk(ctx context.Context) {
	domains := catalogue.Domains()
	domain := string(domains[int(s.flips.Load()/5)%len(domains)])
	s.walking.Store(&domain)
	ctx = context.WithoutCancel(ctx) // it is walked to its end
	for n, modes := range [][2]string{{"store", "both"}, {"json", "both"}, {"shadow", "both"}, {"store", "both"}, {"store", "store"}} {
		if n == 1 || n == 3 { // where it is read from changes
			s.parity(ctx, domain)
		}
		s.flip(ctx, domain, modes[0], modes[1], false)
		s.flips.Add(1)
		// Every process answers by the new modes within a second.
		_ = loop.Sleep(ctx, time.Second)
	}
	s.walking.Store(nil)
}

func (s *soak) flip(ctx context.Context, domain, read, write string, force bool) {
	body := fmt.Sprintf(`{"read":%q,"write":%q,"reason":"soak","force":%v}`, read, write, force)
	if res, ok := s.operate(ctx, http.MethodPut, "/admin/rollout/"+domain, body); !ok || res.StatusCode != http.StatusOK {
		s.faultf("%s to read=%s write=%s: %.500s", domain, read, write, res.Body)
	}
}

// operate asks for an act of operators, which a busy machine may refuse some times.
func (s *soak) operate(ctx context.Context, method, path, body string) (res apiclient.Response, ok bool) {
	for range 10 {
		if res, ok = s.ask(ctx, method, path, body); !ok || res.StatusCode != http.StatusServiceUnavailable {
			break
		}
		var said struct {
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(res.Body, &said) // what is no problem document says nothing
		s.mu.Lock()
		s.refused[method+" "+path+": "+said.Detail]++
		s.mu.Unlock()
		_ = loop.Sleep(ctx, time.Second)
	}
	return res, ok
}

// parity compares both sides of a domain.
func (s *soak) parity(ctx context.Context, domain string) {
	res, ok := s.operate(ctx, http.MethodPost, "/admin/parity?domain="+domain, "")
	var runs wire.ParityRuns
	if !ok || res.StatusCode != http.StatusOK || wire.Unmarshal(res.Body, &runs) != nil || len(runs.Runs) != 1 {
		s.faultf("parity of %s: %.500s", domain, res.Body)
		return
	}
	s.parities.Add(1)
	if runs.Runs[0].Verdict != "equal" {
		s.faultf("parity of %s: %s %.1000v", domain, runs.Runs[0].Verdict, runs.Runs[0].Findings)
	}
}

// restartOther lets a successor take over from the second server, which is stopped or killed.
func (s *soak) restartOther(kill bool) {
	next, _ := s.serve(s.bin)
	s.balancer.add(next)
	s.picking.Lock()
	old := s.targets[1]
	s.picking.Unlock()
	process := s.servers["http://"+old.url.Host]
	if kill {
		old.killed.Store(true)
		require.NoError(s.t(), process.Process.Kill())
		_ = s.drop(1)
		_ = process.Wait() // it was killed
		s.kills.Add(1)
		return
	}
	require.NoError(s.t(), process.Process.Signal(syscall.SIGTERM))
	s.eventually("readyz asks for no more requests", func() bool {
		res, err := http.Get("http://" + old.url.Host + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	s.drop(1).pending.Wait()
	require.NoError(s.t(), process.Wait(), "a server that is asked to stop exits with 0")
	s.restarts.Add(1)
}

// finish holds what is stored, archived and streamed to what was acknowledged.
func (s *soak) finish(db *pgx.Conn) {
	s.t().Helper()
	s.eventually("every event is relayed", func() bool { return s.count(db, "SELECT count(*) FROM outbox_events WHERE relayed_at IS NULL") == 0 })
	s.agree(db, s.book)
	ticks := s.count(db, "SELECT count(*) FROM price_ticks")
	for _, p := range s.archived {
		ticks += int(p.Rows)
	}
	require.Equal(s.t(), s.book.Count(season.KindPrices), ticks, "prices in the table and in archives")
	for _, model := range s.book.Models() {
		for id := range s.book.Trades(model) {
			for n := range s.streams {
				s.eventually("every stream has brought "+id, func() bool {
					s.mu.Lock()
					defer s.mu.Unlock()
					return s.streams[n][id] == 1
				})
			}
		}
	}
	errs, err := os.ReadFile(s.log.Name())
	require.NoError(s.t(), err)
	for line := range strings.Lines(string(errs)) {
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "status=503") { // of which readers know
			s.faultf("the log says %s", line)
		}
	}
}
