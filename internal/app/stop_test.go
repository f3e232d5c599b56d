package app_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/await"
	"nof0/internal/telemetry"
)

// TestAStopIsAnnounced holds the order of a stop: balancers hear of it first, then
// requests are still answered, then streams are told to come back.
func TestAStopIsAnnounced(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest, func(c *config.Config) { c.HTTP.Drain = time.Hour })
	a, err := app.New(t.Context(), b.cfg, slog.New(slog.DiscardHandler), telemetry.Build{})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served, ready := make(chan error, 1), make(chan string, 1)
	go func() { served <- a.Serve(ctx, listener, func(url string) { ready <- url }) }()
	url := <-ready
	require.Equal(t, http.StatusOK, get(t, url+"/readyz").StatusCode)
	require.Empty(t, get(t, url+"/api/trades").Header.Get("Connection"))
	stream, err := http.Get(url + "/api/stream")
	require.NoError(t, err)
	defer stream.Body.Close()

	stop()
	await.True(t, func() bool { return get(t, url+"/readyz").StatusCode == http.StatusServiceUnavailable })
	for range 3 {
		res := get(t, url+"/api/trades")
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.True(t, res.Close, "the next one is sent elsewhere")
	}
	post(t, url, "models", `{"id":"late"}`)
	require.Equal(t, http.StatusOK, get(t, url+"/healthz").StatusCode, "it is not to be killed")

	require.NoError(t, listener.Close()) // instead of an hour
	var told []string
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		told = append(told, lines.Text())
	}
	require.Contains(t, strings.Join(told, "\n"), "event: end\ndata: {\"reason\":\"closing\"}")
	require.Contains(t, told[0], "retry: ", "after which it comes back")
	require.ErrorIs(t, <-served, net.ErrClosed, "why it took no more requests")
}

// TestAnItemOfUnknownMembersIsRefused holds that nobody makes a view large for everybody.
func TestAnItemOfUnknownMembersIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest)
	for bound, n := range map[string]int{"bounds.max_row_bytes": 400_000, "bounds.max_members": 20_000} {
		var item strings.Builder
		item.WriteString(`{"id":"large"`)
		for i := range n {
			item.WriteString(`,"m` + number(float64(i)) + `":1`)
		}
		item.WriteString("}")
		res := request(t, ingestToken, http.MethodPost, b.url+"/api/ingest/models", item.String())
		require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
		require.Contains(t, string(res.body), bound)
	}
	require.NotContains(t, string(get(t, b.url+"/api/models").body), "large")
}
