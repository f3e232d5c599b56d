package cachelayer

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Server is what a Redis says of itself.
type Server struct {
	Version, Role, Policy, MaxMemory string
	Now                              time.Time
}

// Server asks Redis about itself; of a cluster one node answers. The error is
// ErrUnavailable where it does not answer.
func (c *Client) Server(ctx context.Context) (s Server, err error) {
	if c.rdb == nil {
		return s, nil
	}
	said, err := c.rdb.Info(ctx).Result()
	if err == nil {
		s.Now, err = c.rdb.Time(ctx).Result()
	}
	if err != nil {
		return s, fmt.Errorf("error asking redis about itself: %w", err)
	}
	fields := map[string]*string{"redis_version": &s.Version, "role": &s.Role, "maxmemory_policy": &s.Policy, "maxmemory": &s.MaxMemory}
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if field, ok := fields[name]; ok {
			*field = value
		}
	}
	return s, nil
}
