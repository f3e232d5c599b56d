//go:build alerts

package faults

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// alertmanager is an Alertmanager that reads the configuration of deploy. Its receiver is here.
type alertmanager struct {
	addr string

	mu       sync.Mutex
	received []delivered
}

type delivered struct {
	alert
	Status string `json:"status"`
}

// startAlertmanager starts Debian's Alertmanager. What is over is told sooner than after five
// minutes, everything else is as it is deployed but for what replaces further says.
func startAlertmanager(t *testing.T, replaced ...string) *alertmanager {
	t.Helper()
	a := &alertmanager{addr: freeAddr(t)}
	receiver := httptest.NewServer(http.HandlerFunc(a.receive))
	t.Cleanup(receiver.Close)
	dir, config := t.TempDir(), deployed(t, "alertmanager/alertmanager.yml")
	replaced = append(replaced, "group_interval: 5m", "group_interval: 5s",
		"  - name: operators\n", "  - name: operators\n    webhook_configs: [{url: \""+receiver.URL+"\"}]\n")
	for pair := range slices.Chunk(replaced, 2) {
		require.Contains(t, config, pair[0])
		config = strings.Replace(config, pair[0], pair[1], 1)
	}
	file := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	daemon(t, "http://"+a.addr, "prometheus-alertmanager", "--config.file="+file, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+a.addr, "--cluster.listen-address=")
	return a
}

func (a *alertmanager) receive(_ http.ResponseWriter, req *http.Request) {
	var message struct {
		Alerts []delivered `json:"alerts"`
	}
	if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
		panic(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.received = append(a.received, message.Alerts...)
}

// of is what has come of one alert of an instance, in one status.
func (a *alertmanager) of(name, instance, status string) (found []alert) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range a.received {
		if d.Labels["alertname"] == name && d.Labels["instance"] == instance && d.Status == status {
			found = append(found, d.alert)
		}
	}
	return found
}

// silenced reports whether Alertmanager keeps an alert of a name to itself, since another
// stands for it.
func (a *alertmanager) silenced(t *testing.T, name string) bool {
	t.Helper()
	res, err := http.Get("http://" + a.addr + "/api/v2/alerts?filter=alertname%3D" + name)
	require.NoError(t, err)
	defer res.Body.Close()
	var found []struct {
		Status struct {
			InhibitedBy []string `json:"inhibitedBy"`
		} `json:"status"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&found))
	for _, one := range found {
		if len(one.Status.InhibitedBy) > 0 {
			return true
		}
	}
	return false
}

// TestAlertsAreDelivered holds that what fires on a live system arrives, by way of Prometheus
// and of Alertmanager, once and with what to do; that what follows from it does not; and that
// its end arrives.
func TestAlertsAreDelivered(t *testing.T) {
	s := startSystem(t)
	s.stop()
	one, _ := s.serve(s.bin)
	two, _ := s.serve(s.bin)
	a := startAlertmanager(t)
	p := startPrometheus(t, a.addr)
	p.scrape(one)
	here, there := strings.TrimPrefix(one, "http://"), strings.TrimPrefix(two, "http://")
	arrives := func(name, instance, status string) {
		t.Helper()
		until(t, name+" arrives: "+status, func() bool { return len(a.of(name, instance, status)) > 0 })
		for _, d := range a.of(name, instance, status) {
			assert.Equal(t, "page", d.Labels["severity"])
			assert.Contains(t, d.Annotations["summary"], instance)
			assert.Equal(t, "docs/alerts.md#"+strings.ToLower(name), d.Annotations["runbook"])
		}
	}

	// A write finds that Postgres hangs, sooner than the look at which database it is.
	s.clients(one, aPrice)
	p.until("writes are taken", func() bool {
		return p.hasData(`nof0_http_seconds_count{route="/api/ingest/prices",code="200"} > 3`)
	})
	resume := s.hangPostgres()
	p.fires("Nof0WritesRefused", "Nof0PostgresAway")
	p.until("the writes that are refused are put down to Postgres", func() bool { return a.silenced(t, "Nof0WritesRefused") })
	arrives("Nof0PostgresAway", here, "firing")
	// It has waited for its group longer than the one that arrived.
	require.Empty(t, a.of("Nof0WritesRefused", here, "firing"), "its cause has arrived")
	resume()
	arrives("Nof0PostgresAway", here, "resolved")

	p.scrape(one, two)
	p.until("both are known", func() bool { return p.hasData(`count(up == 1) == 2`) })
	require.NoError(t, s.servers[two].Process.Kill())
	p.fires("Nof0Down")
	arrives("Nof0Down", there, "firing")
	p.scrape(one)
	arrives("Nof0Down", there, "resolved")
	for _, status := range []string{"firing", "resolved"} {
		assert.Len(t, a.of("Nof0PostgresAway", here, status), 1, "once")
		assert.Len(t, a.of("Nof0Down", there, status), 1, "once")
	}
}

// TestInhibitions gives Alertmanager causes, and what follows from them, all at once.
func TestInhibitions(t *testing.T) {
	a := startAlertmanager(t, "group_wait: 30s", "group_wait: 1s")
	pairs := []struct {
		cause, follows string
		of             string // the instance of what follows, where it follows from none other
	}{
		{"Nof0Down", "Nof0StreamsFull", "a"},
		{"Nof0Down", "Nof0PoolFull", "a"},
		{"Nof0Down", "Nof0InstanceMissing", ""},
		{"Nof0PostgresAway", "Nof0WritesRefused", "b"},
	}
	var sent []map[string]any
	send := func(name, instance string) {
		sent = append(sent, map[string]any{"labels": map[string]string{"alertname": name, "instance": instance}})
	}
	send("Nof0Down", "a")
	send("Nof0PostgresAway", "b")
	for _, pair := range pairs {
		send(pair.follows, pair.of)
		if pair.of != "" {
			send(pair.follows, "another")
		}
	}
	body, err := json.Marshal(sent)
	require.NoError(t, err)
	res, err := http.Post("http://"+a.addr+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	arrives := func(name, instance string) {
		t.Helper()
		until(t, name+" arrives", func() bool { return len(a.of(name, instance, "firing")) > 0 })
	}
	arrives("Nof0Down", "a")
	arrives("Nof0PostgresAway", "b")
	for _, pair := range pairs {
		until(t, pair.follows+" is put down to "+pair.cause, func() bool { return a.silenced(t, pair.follows) })
		if pair.of != "" {
			arrives(pair.follows, "another") // with the other, had that not been silent
		}
		assert.Empty(t, a.of(pair.follows, pair.of, "firing"))
	}
}
