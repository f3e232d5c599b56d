//go:build soak

package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// figure is what is sampled. One that holds no data may not grow by more than its slack and
// a quarter of what it is.
type figure struct {
	name string
	// slack of what may not grow; 0 says that it grows with the data, as what says.
	slack float64
	grows string
}

// figures are of the server that is never restarted, unless they are of all.
var figures = []figure{
	{"resident, MiB", 0, "with the live heap and its peaks"},
	{"live heap, MiB", 0, "with what caches hold"},
	// Bounded by cache.local_bytes, of which the test gives 64 MiB.
	{"caches, MiB", 64, ""},
	// Compressed answers, 32 MiB at most, and answers that are being made: several documents
	// of the whole season at once.
	{"live heap beside caches, MiB", 48, ""},
	// Garbage, of which a collection leaves as much as lives and a busy machine more, and
	// free pages, which go back to the system at leisure. What leaks is live or outside of Go.
	{"Go's beside the live heap, MiB", 0, "with peaks of the live heap"},
	// The program itself, and what C libraries take, which are none.
	{"resident beside Go's, MiB", 16, ""},
	{"goroutines", 40, ""},
	{"descriptors", 40, ""},
	{"connections to Postgres, of all", 12, ""},
	{"outbox, waiting", 500, ""},
	{"stream lag, p99 ms", 0, "with the load of the machine"},
	{"outbox, rows", 0, "a row per fact, kept for 24 h"},
	{"WAL written, MiB", 0, "with what is written"},
	{"WAL on disk, MiB", 0, "up to max_wal_size"},
	{"database, MiB", 0, "with facts; old months of prices leave"},
	{"archives, MiB", 0, "with months that leave"},
	{"Redis, MiB", 0, "with the documents, by their TTL"},
}

// samples are the figures over time.
type samples struct {
	s     *soak
	db    *pgx.Conn
	redis *redis.Client
	pid   int
	began time.Time

	Hours  []float64            `json:"hours"`
	Values map[string][]float64 `json:"values"`
}

// profile keeps what the heap of the server that is never restarted holds, beside the samples.
func (s *soak) profile(admin, when string) {
	if *soakOutput == "" {
		return
	}
	res, err := http.Get("http://" + admin + "/debug/pprof/heap?gc=1")
	if err != nil {
		s.faultf("the profile at the %s: %v", when, err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = os.WriteFile(strings.TrimSuffix(*soakOutput, ".json")+"-heap-"+when+".pprof", body, 0o600)
	}
	if err != nil {
		s.faultf("the profile at the %s: %v", when, err)
	}
}

func newSamples(s *soak, db *pgx.Conn) *samples {
	return &samples{s: s, db: db, redis: s.redisClient(), pid: s.process.Process.Pid, began: time.Now(), Values: map[string][]float64{}}
}

// take takes a sample.
func (m *samples) take() {
	const mib = 1 << 20
	s := m.s
	at := time.Since(m.began).Hours()
	values := map[string]float64{"resident, MiB": float64(statusOf(m.pid, "VmRSS:")) / 1024}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.pid))
	if err != nil {
		s.faultf("the server that is never restarted has ended: %v", err)
		return
	}
	values["descriptors"] = float64(len(descriptors))
	if res, err := http.Get(s.url + "/metrics"); err == nil {
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		metric := func(name string) float64 {
			found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(body)
			if found == nil {
				return math.NaN()
			}
			v, _ := strconv.ParseFloat(string(found[1]), 64)
			return v
		}
		values["goroutines"] = metric("go_goroutines")
		live := metric("go_memstats_next_gc_bytes") / 2 / mib // with GOGC=100
		caches := (metric(`nof0_memory_cache_bytes{cache="answers"}`) + metric(`nof0_memory_cache_bytes{cache="last known"}`)) / mib
		values["live heap, MiB"], values["caches, MiB"], values["live heap beside caches, MiB"] = live, caches, live-caches
		held := (metric("go_memstats_sys_bytes") - metric("go_memstats_heap_released_bytes")) / mib
		values["Go's beside the live heap, MiB"], values["resident beside Go's, MiB"] = held-live, values["resident, MiB"]-held
	}
	var connections, waiting, rows, written, onDisk, size float64
	err = m.db.QueryRow(s.t().Context(), `SELECT
		(SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'nof0%'),
		count(*) FILTER (WHERE relayed_at IS NULL), count(*), pg_current_wal_lsn() - '0/0'::pg_lsn,
		(SELECT sum(size) FROM pg_ls_waldir()), pg_database_size(current_database()) FROM outbox_events`).
		Scan(&connections, &waiting, &rows, &written, &onDisk, &size)
	if err != nil {
		s.faultf("sampling Postgres: %v", err)
		return
	}
	values["connections to Postgres, of all"], values["outbox, waiting"], values["outbox, rows"] = connections, waiting, rows
	values["WAL written, MiB"], values["WAL on disk, MiB"], values["database, MiB"] = written/mib, onDisk/mib, size/mib
	said, err := m.redis.Info(s.t().Context(), "memory").Result()
	if err != nil {
		s.faultf("sampling Redis: %v", err)
		return
	}
	_, used, _ := strings.Cut(said, "used_memory:")
	used, _, _ = strings.Cut(used, "\r")
	bytes, _ := strconv.ParseFloat(used, 64)
	values["Redis, MiB"] = bytes / mib

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.archived {
		values["archives, MiB"] += float64(p.Bytes) / mib
	}
	slices.Sort(s.lags)
	if n := len(s.lags); n > 0 {
		values["stream lag, p99 ms"] = float64(s.lags[n*99/100].Microseconds()) / 1000
	}
	s.lags = s.lags[:0]
	m.Hours = append(m.Hours, at)
	for _, f := range figures {
		m.Values[f.name] = append(m.Values[f.name], values[f.name])
	}
}

// line is a row of the table.
type line struct {
	Figure  string  `json:"figure"`
	Start   float64 `json:"start"`
	End     float64 `json:"end"`
	PerHour float64 `json:"per_hour"`
	Verdict string  `json:"verdict"`
}

// report prints a table of the samples after the first quarter, writes it, and returns what
// grows that may not. Of a run of less than five minutes it judges nothing.
func (m *samples) report(lasts time.Duration) (grown []string) {
	t := m.s.t()
	t.Helper()
	const tells = 5 * time.Minute
	warm := len(m.Hours) / 4
	hours := m.Hours[warm:]
	require.Greater(t, len(hours), 4, "samples")
	var lines []line
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\tstart\tend\tan hour\t\n")
	for _, f := range figures {
		values := m.Values[f.name][warm:]
		part := max(3, len(values)/10)
		l := line{Figure: f.name, Start: middleOf(values[:part]), End: middleOf(values[len(values)-part:]), PerHour: slope(hours, values), Verdict: "grows " + f.grows}
		if f.slack > 0 {
			rise := l.PerHour * (hours[len(hours)-1] - hours[0])
			switch {
			case rise <= f.slack+l.Start/4:
				l.Verdict = "does not grow"
			case lasts < tells:
				l.Verdict = "rises; too short a run to tell"
			default:
				l.Verdict = "GROWS, and may not"
				grown = append(grown, fmt.Sprintf("%s by %.1f in %.2f h", f.name, rise, hours[len(hours)-1]-hours[0]))
			}
		}
		lines = append(lines, l)
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%+.1f\t%s\n", l.Figure, l.Start, l.End, l.PerHour, l.Verdict)
	}
	_ = w.Flush()
	m.s.figuref("the samples after the first quarter:\n%s", &text)
	if *soakOutput != "" {
		raw, err := json.MarshalIndent(map[string]any{
			"seconds": lasts.Seconds(), "processors": runtime.NumCPU(), "go": runtime.Version(), "table": lines, "hours": m.Hours, "values": m.Values,
			"faults": m.s.faults,
		}, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*soakOutput, append(raw, '\n'), 0o600))
	}
	return grown
}

func middleOf(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// slope is that of the line through points with the least squares.
func slope(x, y []float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i := range x {
		n, sx, sy, sxx, sxy = n+1, sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
