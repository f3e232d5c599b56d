package cachelayer

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A replica that is promoted may lack what its master has acknowledged last, such as
// an invalidation, and a server that was started again from a file lacks what came after
// it. Both begin a history of their own: a replication id that nobody has seen. What
// a history that is new to this process holds is not read.

// histories are the replication ids that this process has seen. It is safe for concurrent
// use.
type histories struct {
	// begun, where given, is called with a history that is new, before anything is read
	// from its server.
	begun func()

	mu    sync.Mutex
	known map[string]bool
	// settled says that those there were when this process began are known.
	settled bool
}

// replicaError is what the replica of a cluster would answer to a write. Without it a
// connection could last until the replica is promoted, with nobody asking for its history.
type replicaError struct{}

// Error implements error.
func (replicaError) Error() string {
	return "READONLY this server is a replica: no connection to it is kept"
}

// RedisError implements redis.Error.
func (replicaError) RedisError() {}

// connected looks at the server of a new connection.
func (h *histories) connected(ctx context.Context, conn *redis.Conn) error {
	server, err := serverOf(ctx, conn)
	switch {
	case err != nil:
		return err
	case server["redis_mode"] == "cluster" && server["role"] == "slave":
		return replicaError{}
	}
	h.saw(server)
	return nil
}

// look asks every server that takes writes for its history. One that does not answer is
// asked as soon as there is a connection to it.
func (h *histories) look(ctx context.Context, rdb redis.UniversalClient) {
	ask := func(ctx context.Context, node *redis.Client) error {
		server, err := serverOf(ctx, node)
		h.saw(server)
		return err
	}
	switch client := rdb.(type) {
	case *redis.ClusterClient:
		_ = client.ForEachMaster(ctx, ask)
	case *redis.Client:
		_ = ask(ctx, client)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settled = true
}

func (h *histories) saw(server map[string]string) {
	id := server["master_replid"]
	if id == "" || server["redis_mode"] == "sentinel" {
		return
	}
	h.mu.Lock()
	seen, settled := h.known[id], h.settled
	h.known[id] = true
	h.mu.Unlock()
	if !seen && settled && h.begun != nil {
		h.begun()
	}
}

// serverOf asks a server about itself. The one in this process says nothing of its history.
func serverOf(ctx context.Context, node interface {
	Info(ctx context.Context, sections ...string) *redis.StringCmd
},
) (map[string]string, error) {
	said, err := node.Info(ctx).Result()
	if redis.HasErrorPrefix(err, "NOPERM") {
		// Of an error that wraps one, go-redis shows that one.
		return nil, fmt.Errorf("%w: its user lacks a right, of those that docs/operations.md names: %w", ErrUnavailable, err)
	}
	found := map[string]string{}
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		found[name] = value
	}
	return found, err
}
