package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"nof0/config"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	got, err := config.Load(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got.Loaded = nil
	if !reflect.DeepEqual(got, config.Default()) {
		t.Errorf("got %+v", got)
	}
}

func TestTheExampleFileHoldsEveryDefault(t *testing.T) {
	t.Parallel()
	o := config.Options{File: "nof0.example.yaml"}
	got, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	got.Loaded = nil
	if !reflect.DeepEqual(got, config.Default()) {
		t.Errorf("got %+v, want %+v", got, config.Default())
	}
	rows, err := config.Print(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Origin != config.OriginFile {
			t.Errorf("%s is missing", row.Key)
		}
	}
}

func TestTheEnvironmentWinsOverTheFileOverTheDefaults(t *testing.T) {
	t.Parallel()
	file := write(t, `
http:
  addr: 0.0.0.0:1
  read_timeout: 3s
  trusted_proxies: [10.0.0.0/8, "::1"]
redis: # nothing in it
cache: {}
postgres:
  max_open: 17
  max_idle:
log: {level: warn}
`)
	got, err := config.Load(config.Options{File: file, Env: []string{
		"DATABASE_URL=host=/run/postgresql dbname=nof0",
		"REDIS_URL=rediss://a:1,b:2/0",
		"NOF0_HTTP_ADDR=:9999",
		"NOF0_HTTP_ALLOWED_ORIGINS=https://a.example, http://localhost:3000,",
		"NOF0_CACHE_LOCAL_TTL=50ms",
		"NOF0_CACHE_LOCAL_BYTES=4294967296",
		"NOF0_REDIS_MAX_RETRIES=0",
		"NOF0_JSON_DIR=data",
		"NOF0_ROLLOUT_SHADOW_SAMPLE=0.25",
		"NOF0_LOG_LEVEL=",
		"NOF0_RETENTION_KEEP=2160h",
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318",
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20a,x-b=c%3Dd",
		"OTEL_TRACES_SAMPLER_ARG=1", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_RESOURCE_ATTRIBUTES=a=b",
		"NOF0_TEST_ANYTHING=1",
		"NOF0_CONFIG=overruled.yaml",
		"OTHER=1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.DatabaseURL = "host=/run/postgresql dbname=nof0"
	want.RedisURL = "rediss://a:1,b:2/0"
	want.JSONDir = "data"
	want.HTTP.Addr = ":9999"
	want.HTTP.ReadTimeout = 3 * time.Second
	want.HTTP.AllowedOrigins = []string{"https://a.example", "http://localhost:3000"}
	want.HTTP.TrustedProxies = []string{"10.0.0.0/8", "::1"}
	want.Postgres.MaxOpen = 17
	want.Redis.MaxRetries = 0
	want.Cache.LocalTTL = 50 * time.Millisecond
	want.Cache.LocalBytes = 4 << 30
	want.Rollout.ShadowSample = 0.25
	want.Log.Level = "warn"
	want.Tracing.Endpoint = "https://collector:4318"
	want.Tracing.Headers = []string{"authorization=Bearer%20a", "x-b=c%3Dd"}
	want.Tracing.SampleRatio = 1
	want.Retention.Keep = 90 * 24 * time.Hour
	got.Loaded = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	t.Parallel()
	file := write(t, `
htttp: {addr: x}
http:
  addr: nowhere
  adr: ":1"
  read_timeout: 15
  idle_timeout: 0s
  trusted_proxies: [10.0.0.0/33]
log: loud
postgres:
  max_open: many
  max_idle: 30
rollout: {shadow_sample: 1.5, parity_limit: 0s}
cache: {local_ttl: 2s, short: -1s}
retention: {keep: 30m, archive_dir: " "}
tracing: {endpoint: "http://u:hunter2@h:4318", sample_ratio: -0.1, service_name: ""}
`)
	_, err := config.Load(config.Options{
		File: file,
		Env: []string{
			"DATABASE_URL=mysql://u:hunter2@h/d",
			"REDIS_URL=redis://:hunter2/3@h:1",
			"NOF0_LOG_LEVEL=loud",
			"NOF0_HTTP_PORT=1",
			"NOF0_REDIS_URL=redis://h",
			"NOF0_INGEST_TOKN=hunter2",
			"NOF0_CACHE_LOCAL_BYTES=1GB",
			"NOF0_SNAPSHOT_DIR=a/../b", "NOF0_JSON_DIR=b",
			"OTEL_EXPORTER_OTLP_HEADERS=a=b,hunter2", "OTEL_SDK_DISABLED=true", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
			"OTEL_TRACES_EXPORTER=otlp",
		},
		Required: []config.Requirement{config.RequireDatabase(), {Path: "admin_token", Help: "set it"}},
	})
	var faults config.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v", err)
	}
	want := map[string]string{
		file + ": htttp.addr":            "no such key; did you mean http.addr?",
		file + ": http.adr":              "no such key; did you mean http.addr?",
		file + ": http.addr":             "must be host:port",
		file + ": http.read_timeout":     "must be a duration with a unit",
		file + ": http.idle_timeout":     "must be above zero",
		file + ": http.trusted_proxies":  "10.0.0.0/33",
		file + ": log":                   "must be a section, not text",
		file + ": postgres.max_open":     "must be a whole number",
		file + ": postgres.max_idle":     "must not be above postgres.max_open, which is 20",
		file + ": rollout.shadow_sample": `must be from 0 to 1, not 1.5`,
		file + ": rollout.parity_limit":  `must be above zero`,
		file + ": cache.local_ttl":       "must be at most 1s",
		file + ": cache.short":           "must not be negative",
		file + ": retention.keep":        "must be at least 24h0m0s",
		file + ": retention.archive_dir": "must not be empty",
		file + ": tracing.endpoint":      "without user, query and fragment",
		file + ": tracing.sample_ratio":  "must be from 0 to 1, not -0.1",
		file + ": tracing.service_name":  "must not be empty",
		"OTEL_EXPORTER_OTLP_HEADERS":     "the one at 2 is not NAME=VALUE",
		"OTEL_SDK_DISABLED":              "leave OTEL_EXPORTER_OTLP_ENDPOINT out",
		"OTEL_EXPORTER_OTLP_PROTOCOL":    "spans are sent over HTTP",
		"DATABASE_URL":                   "must be a URL such as postgres://",
		"REDIS_URL":                      "percent-encoded",
		"NOF0_LOG_LEVEL":                 "must be one of debug, info, warn, error",
		"NOF0_HTTP_PORT":                 "no such variable; did you mean NOF0_HTTP_ADDR?",
		"NOF0_REDIS_URL":                 "no such variable; did you mean REDIS_URL?",
		"NOF0_INGEST_TOKN":               "no such variable; did you mean NOF0_INGEST_TOKEN?",
		"NOF0_CACHE_LOCAL_BYTES":         "must be a whole number",
		"NOF0_JSON_DIR":                  "must not be snapshot_dir",
		"NOF0_ADMIN_TOKEN":               "is not set: set it",
	}
	for _, fault := range faults {
		text, ok := want[fault.Where]
		if !ok || !strings.Contains(fault.What, text) {
			t.Errorf("unexpected: %s", fault)
		}
		delete(want, fault.Where)
	}
	for where := range want {
		t.Errorf("missing: %s", where)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password leaks: %v", err)
	}
	if !strings.HasPrefix(err.Error(), "the configuration has 30 faults:\n  ") {
		t.Errorf("got %v", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	good := write(t, "log: {level: debug}")
	bad := write(t, "log: [")

	level := func(o config.Options) string {
		t.Helper()
		c, err := config.Load(o)
		if err != nil {
			return err.Error()
		}
		return c.Log.Level
	}
	expect := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect(level(config.Options{}), "info")
	expect(level(config.Options{File: good}), "debug")
	expect(level(config.Options{Env: []string{"NOF0_CONFIG=" + good}}), "debug")
	expect(level(config.Options{Env: []string{"NOF0_CONFIG=none.yaml"}}), "NOF0_CONFIG: the file none.yaml does not exist")
	expect(level(config.Options{File: "none.yaml"}), "the file none.yaml does not exist")
	expect(level(config.Options{File: bad}), "error reading the file "+bad)

	if err := os.Mkdir("config", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config.DefaultFile, []byte("log: {level: error}"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(level(config.Options{}), "error")
	expect(level(config.Options{Env: []string{"NOF0_CONFIG=" + good}}), "debug")
}

func TestRequirements(t *testing.T) {
	t.Parallel()
	required := []config.Requirement{config.RequireDatabase(), config.RequireRedis()}
	_, err := config.Load(config.Options{Required: required})
	for _, want := range []string{"DATABASE_URL: is not set: ", "REDIS_URL: is not set: ", "`nof0 dev`"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	env := []string{"DATABASE_URL=postgres://h/d", "REDIS_URL=redis://h:6379?addr=h2:6379"}
	if _, err := config.Load(config.Options{Env: env, Required: required}); err != nil {
		t.Error(err)
	}
	if _, err := config.Load(config.Options{Required: []config.Requirement{{Path: "no.such"}}}); err == nil {
		t.Error("an unknown requirement is taken")
	}
}

func TestDerivedValuesAreChecked(t *testing.T) {
	t.Parallel()
	o := config.Options{
		Env:    []string{"NOF0_SNAPSHOT_DIR=here/json", "NOF0_DATA_DIR=there"},
		Derive: func(c *config.Config) { c.JSONDir = filepath.Join(c.DataDir, "json") },
	}
	got, err := config.Load(o)
	if err != nil || got.JSONDir != filepath.Join("there", "json") {
		t.Fatalf("got %+v, %v", got, err)
	}
	rows, err := config.Print(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Key == "json_dir" && row.Origin != config.OriginDerived {
			t.Errorf("got %+v", row)
		}
	}
	o.Env[1] = "NOF0_DATA_DIR=here"
	if _, err := config.Load(o); err == nil || !strings.Contains(err.Error(), "must not be snapshot_dir") {
		t.Errorf("got %v", err)
	}
}

// Kubernetes adds such variables to every container beside a service nof0 or
// nof0-redis.
func TestServiceLinksAreNoFault(t *testing.T) {
	t.Parallel()
	links := []string{
		"NOF0_SERVICE_HOST=10.0.0.1", "NOF0_SERVICE_PORT=80", "NOF0_SERVICE_PORT_HTTP=80",
		"NOF0_PORT=tcp://10.0.0.1:80", "NOF0_PORT_80_TCP=tcp://10.0.0.1:80", "NOF0_PORT_80_TCP_ADDR=10.0.0.1",
		"NOF0_REDIS_SERVICE_HOST=10.0.0.2", "NOF0_REDIS_PORT=tcp://10.0.0.2:6379",
	}
	if _, err := config.Load(config.Options{Env: links}); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nof0.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
