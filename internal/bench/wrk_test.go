//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load is what wrk sends.
type load struct {
	url     string
	headers []string
	clients int
	// beside, where given, is begun before and stopped after.
	beside func() (stop func())
	// lua, where given, makes each request; %RUN% stands for a number that no other run has.
	lua string
}

// result is what came of a run.
type result struct {
	Rate   float64 `json:"rate"`   // answers a second
	P50    float64 `json:"p50_ms"` // of the time to an answer
	P99    float64 `json:"p99_ms"`
	Errors int     `json:"errors"` // answers that are neither 2xx nor 304, and lost connections
}

const report = `
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"rate":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d}\n',
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`

// runs numbers the runs, so that what they write never repeats.
var runs = int(time.Now().Unix())

func (l load) run(t *testing.T, during time.Duration) (r result) {
	t.Helper()
	if l.beside != nil {
		defer l.beside()()
	}
	runs++
	script := filepath.Join(t.TempDir(), "load.lua")
	text := report
	if l.lua != "" {
		text += strings.ReplaceAll(l.lua, "%RUN%", strconv.Itoa(runs))
	}
	require.NoError(t, os.WriteFile(script, []byte(text), 0o600))
	args := []string{
		"-t1", fmt.Sprintf("-c%d", l.clients), fmt.Sprintf("-d%dms", during.Milliseconds()), "--timeout", "60s", "-s", script,
	}
	if during%time.Second == 0 {
		args[2] = fmt.Sprintf("-d%ds", during/time.Second)
	}
	for _, h := range l.headers {
		args = append(args, "-H", h)
	}
	out, err := exec.CommandContext(t.Context(), "wrk", append(args, l.url)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r), "%s", out)
	return r
}

// at is the same load elsewhere, as a yardstick.
func (l load) at(t *testing.T, name, url string) yardstick {
	t.Helper()
	l.url = url
	return yardstick{name, func() result { return l.run(t, *during) }}
}

// median is the median of each figure by itself, and all errors.
func median(all []result) (m result) {
	of := func(figure func(result) float64) float64 {
		values := make([]float64, len(all))
		for i, r := range all {
			values[i] = figure(r)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	for _, r := range all {
		m.Errors += r.Errors
	}
	m.Rate = of(func(r result) float64 { return r.Rate })
	m.P50 = of(func(r result) float64 { return r.P50 })
	m.P99 = of(func(r result) float64 { return r.P99 })
	return m
}
