package testdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// Gate is a way to a database that can be shut.
type Gate struct {
	address string
	mu      sync.Mutex
	silent  chan struct{} // closed: nothing passes any more
	pairs   []net.Conn
	answers map[string]*atomic.Int64 // by application_name
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
	g := &Gate{address: u.Host, silent: make(chan struct{}), answers: map[string]*atomic.Int64{}}
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
			of := &answers{gate: g}
			go g.pass(io.MultiWriter(client, of), server, client)
			go g.pass(io.MultiWriter(startup{of}, server), client, server)
		}
	}()
	return g, u.String()
}

func (g *Gate) pass(to io.Writer, from, other io.ReadCloser) {
	defer func() { _, _ = other.Close(), from.Close() }()
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

// Answers is how often the server has said that it waits for the next request, which is
// the number of round trips so far: of the sessions of some application names, or of all
// where none is named.
func (g *Gate) Answers(names ...string) (n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, count := range g.answers {
		if len(names) == 0 || slices.Contains(names, name) {
			n += count.Load()
		}
	}
	return n
}

// answers reads the messages of a server: a letter and a length each.
type answers struct {
	gate   *Gate
	count  atomic.Pointer[atomic.Int64] // that of the session's name; nil before it is known
	header []byte
	body   int // bytes to come of the message
}

// startup reads of the first message of a session, which is small, what it is called.
type startup struct{ of *answers }

// Write implements io.Writer.
func (s startup) Write(p []byte) (int, error) {
	if s.of.count.Load() != nil {
		return len(p), nil
	}
	_, rest, _ := bytes.Cut(p, []byte("\x00application_name\x00"))
	name, _, _ := bytes.Cut(rest, []byte{0})
	g := s.of.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.answers[string(name)] == nil {
		g.answers[string(name)] = new(atomic.Int64)
	}
	s.of.count.Store(g.answers[string(name)])
	return len(p), nil
}

// Write implements io.Writer.
func (a *answers) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if a.body > 0 {
			taken := min(a.body, len(p))
			a.body, p = a.body-taken, p[taken:]
			continue
		}
		taken := min(5-len(a.header), len(p))
		a.header, p = append(a.header, p[:taken]...), p[taken:]
		if len(a.header) == 5 {
			if a.header[0] == 'Z' {
				a.count.Load().Add(1)
			}
			a.body, a.header = int(binary.BigEndian.Uint32(a.header[1:]))-4, a.header[:0]
		}
	}
	return n, nil
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
