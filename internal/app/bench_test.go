package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/season"
	"nof0/internal/telemetry"
)

// BenchmarkWarmReads asks for what clients poll, as the running system answers it, with its
// log and metrics, and nothing of the network. Its yardstick is a bare Gin handler.
func BenchmarkWarmReads(b *testing.B) {
	bundle := setup(b, func(c *config.Config) { c.Cache.StaleAfter = config.Default().Cache.StaleAfter })
	bundle.load(b, madeUp(b, season.Options{Seed: 7, Models: 7, Hours: 40}))
	logger, err := telemetry.NewLogger(io.Discard, bundle.cfg.Log)
	require.NoError(b, err)
	a, err := app.New(b.Context(), bundle.cfg, logger, telemetry.Build{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, a.Close()) })
	b.Cleanup(a.Start(b.Context()))

	ask := func(b *testing.B, h http.Handler, path string, header http.Header) {
		b.Helper()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = "127.0.0.1:40000" // others may only ask so often
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Less(b, w.Code, 400, "%s", w.Body)
		var last nowhere
		b.ReportAllocs()
		for b.Loop() {
			last = nowhere{header: http.Header{}}
			h.ServeHTTP(&last, r)
		}
		require.Equal(b, w.Code, last.code)
	}
	for _, path := range []string{
		"/api/crypto-prices", "/api/account-totals", "/api/trades", "/api/since-inception-values", "/api/leaderboard",
		"/api/analytics", "/api/analytics/deepseek-chat-v3.1", "/api/positions", "/api/conversations",
		"/api/equity?points=500", "/api/prices/BTC",
	} {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		tag := w.Header().Get("ETag")
		for name, header := range map[string]http.Header{
			"plain": {}, "gzip": {"Accept-Encoding": {"gzip"}}, "304": {"If-None-Match": {tag}},
		} {
			b.Run(strings.TrimPrefix(path, "/api/")+"/"+name, func(b *testing.B) { ask(b, a.Handler(), path, header) })
		}
	}
	bare := gin.New()
	bare.GET("/api/trades", func(c *gin.Context) {
		c.Header("Etag", `W/"x"`)
		c.Data(http.StatusOK, "application/json", []byte("{}"))
	})
	b.Run("bare Gin", func(b *testing.B) { ask(b, bare, "/api/trades", http.Header{}) })
}

// nowhere is a response that nobody reads.
type nowhere struct {
	header http.Header
	code   int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(code int)        { w.code = code }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
