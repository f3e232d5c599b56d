//go:build collector

package app_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/await"
	"nof0/internal/testdb"
)

// collectThrough starts the collector that NOF0_TEST_COLLECTOR names, which sends on what
// it takes. Flush stops it, and returns once it has sent everything.
func collectThrough(t *testing.T) (url string, got *spans, flush func()) {
	t.Helper()
	behind, got := collect(t)
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(testdb.FreePort(t)))
	collector := exec.CommandContext(t.Context(), os.Getenv("NOF0_TEST_COLLECTOR"), "--config", `yaml:
receivers: {otlp: {protocols: {http: {endpoint: "`+addr+`"}}}}
exporters: {otlp_http: {endpoint: "`+behind+`", headers: {authorization: Bearer of the collector}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}
`)
	var said strings.Builder
	collector.Stdout, collector.Stderr = &said, &said
	require.NoError(t, collector.Start())
	ended := false
	end := func() error {
		ended = true
		_ = collector.Process.Signal(syscall.SIGTERM)
		return collector.Wait()
	}
	t.Cleanup(func() {
		if !ended {
			_ = end()
		}
	})
	await.True(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "http://" + addr, got, func() { require.NoError(t, end(), "%s", &said) }
}
