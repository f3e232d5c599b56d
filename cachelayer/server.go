package cachelayer

import (
	"context"
	"fmt"
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
	said, err := serverOf(ctx, c.rdb)
	if err == nil {
		s.Now, err = c.rdb.Time(ctx).Result()
	}
	if err != nil {
		return s, fmt.Errorf("error asking redis about itself: %w", err)
	}
	s.Version, s.Role = said["redis_version"], said["role"]
	s.Policy, s.MaxMemory = said["maxmemory_policy"], said["maxmemory"]
	return s, nil
}
