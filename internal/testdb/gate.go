package testdb

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Gate is a way to a database that can be shut.
type Gate struct {
	address string
	mu      sync.Mutex
	silent  chan struct{} // closed: nothing passes any more
	pairs   []net.Conn
}

// NewGate returns a way to the database of a URL, and the URL of that way.
func NewGate(t testing.TB, dsn string) (*Gate, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("testdb: the URL of a database is none")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testdb: error listening: %v", err)
	}
	g := &Gate{address: u.Host, silent: make(chan struct{})}
	u.Host = listener.Addr().String()
	t.Cleanup(func() {
		_ = listener.Close()
		g.Cut()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", g.address)
			if err != nil {
				_ = client.Close()
				continue
			}
			g.mu.Lock()
			g.pairs = append(g.pairs, client, server)
			g.mu.Unlock()
			go g.pass(client, server)
			go g.pass(server, client)
		}
	}()
	return g, u.String()
}

func (g *Gate) pass(to io.WriteCloser, from io.ReadCloser) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-g.silent:
		default:
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Cut ends every connection.
func (g *Gate) Cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.pairs {
		_ = c.Close()
	}
	g.pairs = nil
}

// Silence lets nothing pass any more, and ends nothing.
func (g *Gate) Silence() { close(g.silent) }
