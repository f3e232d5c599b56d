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
	"time"
)

// Way is a way to a server that can become slow, hang, be cut and be shut.
type Way struct {
	Addr string // host:port at which it begins

	t       testing.TB
	shut    atomic.Bool
	delay   atomic.Int64
	hangs   sync.RWMutex // locked while no answer passes
	mu      sync.Mutex
	pairs   []net.Conn
	answers map[string]*atomic.Int64 // of a Postgres, by application_name
}

// NewWay returns a way to the server at an address.
func NewWay(t testing.TB, addr string) *Way {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testdb: error listening: %v", err)
	}
	w := &Way{Addr: listener.Addr().String(), t: t, answers: map[string]*atomic.Int64{}}
	t.Cleanup(func() {
		_ = listener.Close()
		w.Cut()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", addr)
			if err != nil || w.shut.Load() {
				closeAll(client, server)
				continue
			}
			w.mu.Lock()
			w.pairs = append(w.pairs, client, server)
			w.mu.Unlock()
			count := &counter{}
			go w.pass(server, client, func(request []byte) {
				if count.of.Load() == nil {
					count.of.Store(w.sessionsOf(request))
				}
			})
			go w.pass(client, server, func(answer []byte) {
				time.Sleep(time.Duration(w.delay.Load()))
				w.hangs.RLock()
				w.hangs.RUnlock() //nolint:staticcheck // it is passed, not held
				count.add(answer)
			})
		}
	}()
	return w
}

// NewDatabaseWay returns a way to the database of a URL, and its URL on that way.
func NewDatabaseWay(t testing.TB, dsn string) (*Way, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("testdb: the URL of a database is none")
	}
	w := NewWay(t, u.Host)
	u.Host = w.Addr
	return w, u.String()
}

func (w *Way) pass(to io.WriteCloser, from io.ReadCloser, before func([]byte)) {
	defer closeAll(to, from)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		before(buffer[:n])
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

func closeAll(all ...io.Closer) {
	for _, c := range all {
		if c != nil {
			_ = c.Close()
		}
	}
}

// Shut ends every connection, and each that comes until Open is called.
func (w *Way) Shut() {
	w.shut.Store(true)
	w.Cut()
}

// Open undoes Shut.
func (w *Way) Open() { w.shut.Store(false) }

// Delay makes every answer come so much later from now on.
func (w *Way) Delay(by time.Duration) { w.delay.Store(int64(by)) }

// Hang keeps back every answer until resume is called, or the test ends.
func (w *Way) Hang() (resume func()) {
	w.hangs.Lock()
	resume = sync.OnceFunc(w.hangs.Unlock)
	w.t.Cleanup(resume)
	return resume
}

// Cut ends every connection.
func (w *Way) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.pairs {
		_ = c.Close()
	}
	w.pairs = nil
}

// Answers is how often a Postgres has said that it waits for the next request, which is
// the number of round trips so far: of the sessions of some application names, or of all
// where none is named.
func (w *Way) Answers(names ...string) (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, count := range w.answers {
		if len(names) == 0 || slices.Contains(names, name) {
			n += count.Load()
		}
	}
	return n
}

// sessionsOf counts the answers to the sessions that are called as the first message of
// one, which is small, says.
func (w *Way) sessionsOf(startup []byte) *atomic.Int64 {
	_, rest, _ := bytes.Cut(startup, []byte("\x00application_name\x00"))
	name, _, _ := bytes.Cut(rest, []byte{0})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answers[string(name)] == nil {
		w.answers[string(name)] = new(atomic.Int64)
	}
	return w.answers[string(name)]
}

// counter counts the answers of a connection.
type counter struct {
	of     atomic.Pointer[atomic.Int64] // nil before the first request
	header []byte
	body   int // bytes to come of the message
}

// add reads the messages of a server: a letter and a length each.
func (c *counter) add(p []byte) {
	for len(p) > 0 {
		if c.body > 0 {
			taken := min(c.body, len(p))
			c.body, p = c.body-taken, p[taken:]
			continue
		}
		taken := min(5-len(c.header), len(p))
		c.header, p = append(c.header, p[:taken]...), p[taken:]
		if len(c.header) == 5 {
			if c.header[0] == 'Z' {
				c.of.Load().Add(1)
			}
			c.body, c.header = int(binary.BigEndian.Uint32(c.header[1:]))-4, c.header[:0]
		}
	}
}
