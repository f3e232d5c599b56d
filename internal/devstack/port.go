package devstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// FreePort returns a loopback port that nobody listens on. It looks below the
// range from which the kernel picks ports for others, so that the port is still
// free when the server, or its successor after a restart, binds it.
func FreePort(ctx context.Context) (int, error) {
	const (
		low, high = 20000, 32000
		tries     = 100
	)
	for range tries {
		offset, err := rand.Int(rand.Reader, big.NewInt(high-low))
		if err != nil {
			return 0, fmt.Errorf("error choosing a port: %w", err)
		}
		port := low + int(offset.Int64())
		if portIsFree(ctx, port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port found on " + loopback)
}

func portIsFree(ctx context.Context, port int) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
