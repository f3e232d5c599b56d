//go:build bench

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

// eventsPerSecond is the load that the relay is measured under. A fill has one event, its
// trade, since nothing is known to be open under its entry order.
const (
	eventsPerSecond = 5000
	fillsPerRequest = 200
)

// relayed is what following events costs, and how long after its acknowledgement a fill is
// on the stream.
type relayed struct {
	Events  float64 `json:"events_per_second"`
	Relay   float64 `json:"relay_cores"`   // of relay, hub and streams, by a CPU profile
	Process float64 `json:"process_cores"` // of all of the server, by the same
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Lone    float64 `json:"after_quiet_p50_ms"`
}

func (r *relayed) String() string {
	return fmt.Sprintf("relay: %.0f events a second of %d that were asked for; %.2f of a core, of %.2f that the server takes with storing them; "+
		"from a fill's acknowledgement to the stream %.1f ms at the median, %.1f at p99, %.1f at the median of one after quiet",
		r.Events, eventsPerSecond, r.Relay, r.Process, r.P50, r.P99, r.Lone)
}

// relays follows the stream of a server that stores fills by batches.
func relays(t *testing.T, dsn string) *relayed {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	admin := l.Addr().String()
	require.NoError(t, l.Close())
	url := serve(t, dsn, "NOF0_HTTP_ADMIN_ADDR="+admin, "REDIS_URL="+strings.TrimSuffix(os.Getenv("REDIS_URL"), "/0")+"/6")
	for i := range 8 {
		post(t, url+"/api/ingest/models", fmt.Sprintf(`{"id":"relay-%d"}`, i))
	}
	s := follow(t, url)
	r := new(relayed)
	var quiet []time.Duration
	for i := range int64(21) {
		time.Sleep(300*time.Millisecond + time.Duration(rand.Int64N(int64(200*time.Millisecond)))) // the quiet, of any length
		ids, err := storeFills(t.Context(), url, i, 1)
		require.NoError(t, err)
		quiet = append(quiet, s.took(t, acknowledged{time.Now(), ids})...)
	}
	r.Lone = middle(quiet)

	during := 10 * time.Second
	if *short {
		during = 2 * time.Second
	}
	stored := make(chan acknowledged, 1<<16)
	profile := filepath.Join(t.TempDir(), "cpu")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	requests := time.Tick(fillsPerRequest * time.Second / eventsPerSecond)
	var n atomic.Int64
	n.Store(1000)
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-requests:
				}
				ids, err := storeFills(context.WithoutCancel(ctx), url, n.Add(fillsPerRequest), fillsPerRequest)
				if err != nil {
					t.Errorf("error storing fills: %v", err)
					return
				}
				stored <- acknowledged{time.Now(), ids}
			}
		})
	}
	before, began := s.events.Load(), time.Now()
	got := get(t, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", admin, int(during.Seconds())))
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	r.Events = float64(s.events.Load()-before) / time.Since(began).Seconds()
	cancel()
	load.Wait()
	close(stored)
	require.NoError(t, os.WriteFile(profile, got.body, 0o600))
	var took []time.Duration
	for a := range stored {
		took = append(took, s.took(t, a)...)
	}
	slices.Sort(took)
	r.P50, r.P99 = middle(took), float64(took[len(took)*99/100].Microseconds())/1000
	r.Relay, r.Process = cores(t, profile, during)
	return r
}

// acknowledged are fills that were stored at a time.
type acknowledged struct {
	at  time.Time
	ids []string
}

// storeFills stores so many fills from the nth on, of eight models in turn, in one request.
func storeFills(ctx context.Context, url string, n, many int64) (ids []string, err error) {
	at := time.Now().Unix() - 1000
	var items []string
	for i := range many {
		model := fmt.Sprintf("relay-%d", (n+i)%8)
		ids = append(ids, fmt.Sprintf("%s-%d-batch", model, n+i))
		items = append(items, fmt.Sprintf(`{"trade":{"id":%q,"model_id":%q,"symbol":"BTC","side":"long","quantity":1,"entry_oid":%d,"entry_time":%d,"exit_time":%d,`+
			`"entry_price":100,"exit_price":101,"realized_net_pnl":1},"remaining":null}`, ids[i], model, 1_000_000+n+i, at, at+1))
	}
	return ids, send(ctx, url+"/api/ingest/trades", `{"items":[`+strings.Join(items, ",")+`]}`)
}

// stream notes when the trades of a stream came.
type stream struct {
	events atomic.Int64
	mu     sync.Mutex
	came   map[string]time.Time
}

// follow reads the stream of a server until the test ends.
func follow(t *testing.T, url string) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/stream", http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	s := &stream{came: map[string]time.Time{}}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = res.Body.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			data, isData := strings.CutPrefix(lines.Text(), "data: ")
			if !isData {
				continue
			}
			at := time.Now()
			s.events.Add(1)
			if !strings.Contains(data, `"type":"trade"`) {
				continue
			}
			var event struct {
				Data struct {
					ID string `json:"id"`
				} `json:"data"`
			}
			if json.Unmarshal([]byte(data), &event) == nil {
				s.mu.Lock()
				s.came[event.Data.ID] = at
				s.mu.Unlock()
			}
		}
	}()
	return s
}

// took waits until fills are on the stream and returns how long that was for each after
// they were acknowledged; 0 where it was before.
func (s *stream) took(t *testing.T, a acknowledged) (took []time.Duration) {
	t.Helper()
	for _, id := range a.ids {
		var came time.Time
		await.True(t, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			came = s.came[id]
			return !came.IsZero()
		}, "%s is on the stream", id)
		took = append(took, max(came.Sub(a.at), 0))
	}
	return took
}

// cores reads of a CPU profile how much of a core the relay took, and the process.
func cores(t *testing.T, profile string, during time.Duration) (relay, process float64) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", "-unit=ms", "-nodecount=100000", "-nodefraction=0",
		"-focus", `internal/relay\.\(\*(Relay|Hub|subscription)\)`, "-ignore", "AfterCommit", profile).CombinedOutput()
	require.NoError(t, err, "%s", out)
	m := regexp.MustCompile(`accounting for ([\d.]+)ms, .* of ([\d.]+)ms total`).FindSubmatch(out)
	require.NotNil(t, m, "%s", out)
	share := func(of []byte) float64 {
		v, err := strconv.ParseFloat(string(of), 64)
		require.NoError(t, err)
		return v / float64(during.Milliseconds())
	}
	return share(m[1]), share(m[2])
}
