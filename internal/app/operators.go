package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nof0/internal/telemetry"
)

// operators is the surface of those who run the process, on an address of its own:
// whoever reaches that may ask it.
func operators(registry *prometheus.Registry, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelError), ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.Handle("GET /debug/pprof/block", recording("block", runtime.SetBlockProfileRate))
	mux.Handle("GET /debug/pprof/mutex", recording("mutex", func(every int) { runtime.SetMutexProfileFraction(every) }))
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if level := telemetry.LevelOf(logger); level != nil {
		mux.HandleFunc("GET /log/level", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintln(w, level.Level())
		})
		mux.HandleFunc("PUT /log/level", func(w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16)) // longer than any level
			if err == nil {
				err = telemetry.SetLevel(r.Context(), logger, string(text), r.RemoteAddr)
			}
			if err != nil {
				http.Error(w, "the body is to be one of debug, info, warn, error", http.StatusUnprocessableEntity)
				return
			}
			_, _ = fmt.Fprintln(w, level.Level())
		})
	}
	return mux
}

// recording serves a profile that costs too much to be recorded when nobody asks for it:
// it is of the seconds that are asked for.
func recording(name string, record func(every int)) http.Handler {
	var one sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("seconds") == "" {
			http.Error(w, "say for how long: ?seconds=10", http.StatusBadRequest)
			return
		}
		one.Lock()
		defer one.Unlock()
		record(1)
		defer record(0)
		pprof.Handler(name).ServeHTTP(w, r)
	})
}

// serveOperators answers on http.admin_addr until the returned function is called.
// A profile may take as long as whoever asks for it likes.
func (a *App) serveOperators(ctx context.Context) (stop func() error, err error) {
	if a.cfg.HTTP.AdminAddr == "" {
		return func() error { return nil }, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.HTTP.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("error listening on %s: %w; set NOF0_HTTP_ADMIN_ADDR to another address", a.cfg.HTTP.AdminAddr, err)
	}
	server := &http.Server{
		Handler: a.operators, ReadHeaderTimeout: a.cfg.HTTP.ReadTimeout, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
	a.logger.InfoContext(ctx, "operators are answered", slog.String("addr", listener.Addr().String()))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return func() error {
		err := server.Close()
		if failed := <-served; !errors.Is(failed, http.ErrServerClosed) {
			err = errors.Join(err, failed)
		}
		return err
	}, nil
}
