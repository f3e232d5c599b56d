package testdb

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"testing"
)

// pooled is the same database through the pooler of NOF0_TEST_POOLER_URL, where
// there is one: `make test-pooler` sets it. The database was migrated past it.
func pooled(t testing.TB, dsn string) string {
	t.Helper()
	pooler := os.Getenv("NOF0_TEST_POOLER_URL")
	if pooler == "" {
		return dsn
	}
	through, err := url.Parse(pooler)
	if err != nil {
		t.Fatalf("NOF0_TEST_POOLER_URL is no URL: %v", err)
	}
	direct, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	direct.Host, direct.RawQuery = withoutCancels(t, through.Host), through.RawQuery
	return direct.String()
}

// cancelRequest is the code with which a connection begins that asks to cancel the
// statement of another, after the length of what it sends
// (https://www.postgresql.org/docs/15/protocol-message-formats.html).
const cancelRequest = 80877102

// withoutCancels returns the address of a way to a pooler that lets no request to
// cancel a statement pass. PgBouncer before 1.21, which is Debian's, exits where a
// server ends a session ("server in bad state") while it is being cancelled: tests
// that end in the middle of statements and drop their database.
func withoutCancels(t testing.TB, pooler string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testdb: error listening: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go passUnlessCancel(client, pooler)
		}
	}()
	return listener.Addr().String()
}

func passUnlessCancel(client net.Conn, pooler string) {
	defer client.Close()
	head := make([]byte, 8) // the length of what the client begins with, and its code
	if _, err := io.ReadFull(client, head); err != nil || binary.BigEndian.Uint32(head[4:]) == cancelRequest {
		return
	}
	// PgBouncer wants the whole of it at once.
	rest := make([]byte, max(0, int(binary.BigEndian.Uint16(head[2:]))-len(head)))
	if _, err := io.ReadFull(client, rest); err != nil {
		return
	}
	server, err := net.Dial("tcp", pooler) //nolint:noctx,gosec // the tests' own
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := server.Write(slices.Concat(head, rest)); err != nil {
		return
	}
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	_, _ = io.Copy(client, server)
}
