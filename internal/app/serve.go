package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"nof0/config"
)

// Listen takes the address that a configuration names.
func Listen(ctx context.Context, cfg config.Config) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.HTTP.Addr)
	if err != nil {
		return nil, fmt.Errorf("error listening on %s: %w; set NOF0_HTTP_ADDR to another address", cfg.HTTP.Addr, err)
	}
	return listener, nil
}

// Serve answers on the listener until ctx ends. Then /readyz asks for no more requests for
// http.drain, in which those that come are answered and their connections closed; then
// streams are told to come back, which leads them elsewhere, and what is under way ends
// within http.shutdown_timeout. Ready, where given, is told the address once requests
// are taken. It closes the listener.
func (a *App) Serve(ctx context.Context, listener net.Listener, ready func(url string)) (err error) {
	server := &http.Server{
		Handler:           a.leaving(a.handler),
		ReadTimeout:       a.cfg.HTTP.ReadTimeout,
		ReadHeaderTimeout: a.cfg.HTTP.ReadTimeout,
		WriteTimeout:      a.cfg.HTTP.WriteTimeout,
		IdleTimeout:       a.cfg.HTTP.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
	closeOperators, err := a.serveOperators(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, closeOperators()) }()
	stop := a.Start(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if ready != nil {
		ready("http://" + listener.Addr().String())
	}
	select {
	case err := <-served:
		return fmt.Errorf("error serving: %w", err)
	case <-ctx.Done():
	}
	failed := a.drain(served)
	a.hub.Close() // streams would last as long as their clients like
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		return errors.Join(failed, fmt.Errorf("error stopping: %w", err), server.Close())
	}
	return failed
}

// drain waits for http.drain while requests are taken. The error is why none are any more.
func (a *App) drain(served <-chan error) error {
	a.draining.Store(true)
	if a.cfg.HTTP.Drain <= 0 {
		return nil
	}
	a.logger.Info("draining: requests are taken, and readyz asks for none", slog.Duration("for", a.cfg.HTTP.Drain))
	timer := time.NewTimer(a.cfg.HTTP.Drain)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-served: // the stop goes on
		return fmt.Errorf("error serving while draining: %w", err)
	}
}

// leaving closes the connection of each request that comes while this process drains, so
// that its client opens the next one elsewhere.
func (a *App) leaving(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}
