package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
)

func TestRedisKilledAndBack(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	pg := newSource("0")
	require.Equal(t, "0", b.fetch(t, pg.load))

	b.redis.Kill()
	reads := 0
	await.True(t, func() bool {
		reads++
		pg.write(fmt.Sprint(reads))
		// A read before the process is gone may still find the value.
		got := b.fetch(t, pg.load)
		require.Contains(t, []string{"0", fmt.Sprint(reads)}, got)
		return b.client.breaker.circuit.State() == gobreaker.StateOpen
	})
	require.ErrorIs(t, b.client.Ping(b.ctx), ErrUnavailable)

	b.redis.Restart()
	pg.write("back")
	await.True(t, func() bool {
		require.Equal(t, "back", b.fetch(t, pg.load))
		return b.raw.Exists(b.ctx, testKey().Name).Val() == 1
	})
	loads := pg.loads()
	require.Equal(t, "back", b.fetch(t, pg.load))
	require.Equal(t, loads, pg.loads())
	require.Equal(t, gobreaker.StateClosed, b.client.breaker.circuit.State())
}

func TestWithoutRedisMemoryProtectsPostgres(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.redis.Kill()
	await.True(t, func() bool {
		return b.client.breaker.circuit.State() == gobreaker.StateOpen || b.client.Ping(b.ctx) == nil
	})
	pg := newSource("one")
	for range 100 {
		require.Equal(t, "one", b.fetch(t, pg.load))
	}
	require.Equal(t, 1, pg.loads())
	b.clock.Advance(time.Second)
	for range 100 {
		require.Equal(t, "one", b.fetch(t, pg.load))
	}
	require.Equal(t, 2, pg.loads())
}

// hangingServer accepts and never answers.
func hangingServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return "redis://" + listener.Addr().String()
}

func TestHangingRedisCostsABoundedDelay(t *testing.T) {
	t.Parallel()
	p := newProcess(t, hangingServer(t), noLocal, impatient, func(cfg *config.Config) { cfg.Redis.BreakerOpen = time.Hour })
	pg := newSource("one")
	began := time.Now()
	failures := config.Default().Redis.BreakerFailures
	for range failures {
		require.Equal(t, "one", p.fetch(t, pg.load))
	}
	spent := time.Since(began)
	t.Logf("%v for each of %d reads until the breaker opened", spent/time.Duration(failures), failures)
	// 150 ms each; the rest is for a machine that does other things.
	require.Less(t, spent, 10*time.Second)
	require.Equal(t, gobreaker.StateOpen, p.client.breaker.circuit.State())
	require.Equal(t, failures, count(p.cache.metrics.failures), "a read waits for Redis once")

	began = time.Now()
	for range 100 {
		require.Equal(t, "one", p.fetch(t, pg.load))
	}
	t.Logf("%v for each of 100 reads with the breaker open", time.Since(began)/100)
}

func TestRedisThatHangsAndGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal, impatient)
	pg := newSource("one")
	require.Equal(t, "one", b.fetch(t, pg.load))

	b.redis.Pause()
	t.Cleanup(b.redis.Kill)
	await.True(t, func() bool {
		require.Equal(t, "one", b.fetch(t, pg.load))
		return b.client.breaker.circuit.State() == gobreaker.StateOpen
	})
	b.redis.Resume()
	await.True(t, func() bool {
		before := pg.loads()
		require.Equal(t, "one", b.fetch(t, pg.load))
		return pg.loads() == before
	})
}

func TestReadOnlyRedis(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	pg := newSource("old")
	require.Equal(t, "old", b.fetch(t, pg.load))

	// A replica that lost its master still answers reads.
	require.NoError(t, b.raw.ReplicaOf(b.ctx, "127.0.0.1", "1").Err())
	require.Equal(t, "old", b.fetch(t, pg.load))
	pg.write("new")
	require.ErrorIs(t, b.cache.Invalidate(b.ctx, testVersion), ErrUnavailable)
	require.Equal(t, "new", b.fetch(t, pg.load), "here it holds all the same")
	other := keyOf("nof0:test:other", time.Minute)
	for range 20 {
		got, err := Fetch(b.ctx, b.cache, other, pg.load)
		require.NoError(t, err)
		require.Equal(t, "new", got.Text)
	}
	require.Equal(t, gobreaker.StateClosed, b.client.breaker.circuit.State(), "it answers")

	require.NoError(t, b.raw.ReplicaOf(b.ctx, "NO", "ONE").Err())
	b.invalidate(t)
	require.Equal(t, "new", b.fetch(t, pg.load))
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, testKey().Name).Val())
}

// An undecodable value that cannot be overwritten or deleted is where
// go-redis/cache calls itself without end.
func TestPoisonedReadOnlyRedis(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	require.NoError(t, b.raw.Set(b.ctx, testKey().Name, "poison", 0).Err())
	require.NoError(t, b.raw.ReplicaOf(b.ctx, "127.0.0.1", "1").Err())
	pg := newSource("one")
	for range 3 {
		require.Equal(t, "one", b.fetch(t, pg.load))
	}
	require.Equal(t, 3, pg.loads())
	require.Equal(t, "poison", b.raw.Get(b.ctx, testKey().Name).Val())
	require.NoError(t, b.raw.ReplicaOf(b.ctx, "NO", "ONE").Err())
	require.Equal(t, "one", b.fetch(t, pg.load))
	require.Equal(t, "one", b.fetch(t, pg.load))
	require.Equal(t, 4, pg.loads())
}

func TestFullRedis(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	require.NoError(t, b.raw.ConfigSet(b.ctx, "maxmemory", "1").Err())
	pg := newSource("one")
	for range 10 {
		require.Equal(t, "one", b.fetch(t, pg.load))
	}
	require.Equal(t, gobreaker.StateClosed, b.client.breaker.circuit.State())
	require.NoError(t, b.raw.ConfigSet(b.ctx, "maxmemory", "0").Err())
	require.Equal(t, "one", b.fetch(t, pg.load))
	require.Equal(t, int64(1), b.raw.Exists(b.ctx, testKey().Name).Val())
}

func TestRedisThatWantsAPassword(t *testing.T) {
	t.Parallel()
	b := setup(t, noLocal)
	require.NoError(t, b.raw.ConfigSet(b.ctx, "requirepass", "secret").Err())
	pg := newSource("one")
	stranger := newProcess(t, b.redis.url(), noLocal)
	await.True(t, func() bool {
		require.Equal(t, "one", stranger.fetch(t, pg.load))
		return stranger.client.breaker.circuit.State() == gobreaker.StateOpen
	})
	known := newProcess(t, "redis://:secret@"+b.redis.addr)
	require.NoError(t, known.client.Ping(b.ctx))
}

func TestWhatIsNoFailureDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 * config.Default().Redis.BreakerFailures {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		require.ErrorIs(t, b.client.Ping(ctx), context.Canceled)
		ctx, cancel = context.WithDeadline(b.ctx, time.Now())
		require.ErrorIs(t, b.client.Ping(ctx), context.DeadlineExceeded)
		cancel()
	}
	require.Equal(t, gobreaker.StateClosed, b.client.breaker.circuit.State())
	for range 3 * config.Default().Redis.BreakerFailures {
		require.ErrorIs(t, b.client.rdb.Get(b.ctx, "nof0:nothing").Err(), redis.Nil)
	}
	require.Equal(t, gobreaker.StateClosed, b.client.breaker.circuit.State())
	require.NoError(t, b.client.Ping(b.ctx))
}

func TestOpenBreakerRefusesEveryCommand(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *config.Config) { cfg.Redis.BreakerOpen = time.Hour })
	b.redis.Kill()
	await.True(t, func() bool { return errors.Is(b.client.Ping(b.ctx), gobreaker.ErrOpenState) })
	require.ErrorIs(t, b.client.rdb.Set(b.ctx, "nof0:x", "x", 0).Err(), ErrUnavailable)

	pipe := b.client.rdb.Pipeline()
	one, two := pipe.Get(b.ctx, "nof0:x"), pipe.Incr(b.ctx, "nof0:y")
	_, err := pipe.Exec(b.ctx)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, one.Err(), ErrUnavailable)
	require.ErrorIs(t, two.Err(), ErrUnavailable)

	tx := b.client.rdb.TxPipeline()
	three := tx.Get(b.ctx, "nof0:x")
	_, err = tx.Exec(b.ctx)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, three.Err(), ErrUnavailable)
}
