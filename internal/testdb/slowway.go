package testdb

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// SlowWay is a way to a server on which every answer comes after a while.
type SlowWay struct {
	Addr  string
	delay atomic.Int64
	gate  sync.RWMutex
}

// NewSlowWay returns a way to the server at an address that is not slow yet.
func NewSlowWay(t testing.TB, addr string) *SlowWay {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testdb: error listening: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &SlowWay{Addr: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", addr)
			if err != nil {
				_ = client.Close()
				continue
			}
			go w.pass(server, client, false)
			go w.pass(client, server, true)
		}
	}()
	return w
}

// Delay makes every answer come so much later from now on.
func (w *SlowWay) Delay(by time.Duration) { w.delay.Store(int64(by)) }

// Hang keeps back every answer until resume is called.
func (w *SlowWay) Hang() (resume func()) {
	w.gate.Lock()
	return sync.OnceFunc(w.gate.Unlock)
}

func (w *SlowWay) pass(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if answers {
			time.Sleep(time.Duration(w.delay.Load()))
			w.gate.RLock()
			w.gate.RUnlock() //nolint:staticcheck // it is passed, not held
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}
