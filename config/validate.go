package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLocalTTL bounds how stale an answer from the memory of a process may be:
// invalidation reaches Redis, not every process.
const maxLocalTTL = time.Second

// minKeep keeps a unit that was mistaken from emptying the feed.
const minKeep = 24 * time.Hour

// minBodies is what one request may bring.
const minBodies = 8 << 20

// validate checks every value that was decoded.
func (l *loader) validate() {
	c := &l.config
	l.checkNumbers()

	l.check("database_url", checkPostgresURL(c.DatabaseURL))
	l.check("migrate_database_url", checkPostgresURL(c.MigrateDatabaseURL))
	l.check("redis_url", checkRedisURL(c.RedisURL))
	l.check("redis.ca_file", checkCAFile(c.Redis.CAFile, c.RedisURL))
	if !onlyFromHere(c.HTTP.Addr) || !onlyFromHere(c.HTTP.AdminAddr) {
		l.check("ingest_token", checkToken(c.IngestToken))
		l.check("admin_token", checkToken(c.AdminToken))
	}
	l.check("tokens", checkTokens(c))
	l.check("data_dir", checkPresent(c.DataDir))
	l.check("json_dir", checkJSONDir(c.JSONDir, c.SnapshotDir))

	l.check("http.addr", checkAddr(c.HTTP.Addr))
	if c.HTTP.AdminAddr != "" {
		l.check("http.admin_addr", checkAddr(c.HTTP.AdminAddr))
	}
	l.check("http.allowed_origins", checkEach(c.HTTP.AllowedOrigins, checkOrigin))
	l.check("http.trusted_proxies", checkEach(c.HTTP.TrustedProxies, checkProxy))
	l.check("postgres.replicas", checkEach(c.Postgres.Replicas, checkPostgresURL))
	if c.Postgres.MaxIdle > c.Postgres.MaxOpen {
		l.check("postgres.max_idle", fmt.Errorf("must not be above postgres.max_open, which is %d", c.Postgres.MaxOpen))
	}
	if c.Cache.LocalTTL > maxLocalTTL {
		l.check("cache.local_ttl", fmt.Errorf("must be at most %s: for that long an answer may be stale", maxLocalTTL))
	}
	l.check("arena.primary_provider", checkPresent(c.Arena.PrimaryProvider))
	if c.HTTP.BodiesInFlight < minBodies {
		l.check("http.bodies_in_flight", fmt.Errorf("must be at least %d, the most that one request may bring", minBodies))
	}
	l.checkBounds()
	if s := c.Rollout.ShadowSample; !(s >= 0 && s <= 1) { // nor is it no number
		l.check("rollout.shadow_sample", fmt.Errorf("must be from 0 to 1, not %v", s))
	}
	l.checkTracing()
	l.check("log.level", checkOneOf(c.Log.Level, "debug", "info", "warn", "error"))
	l.check("log.format", checkOneOf(c.Log.Format, "text", "json"))
	if c.Retention.Keep < minKeep {
		l.check("retention.keep", fmt.Errorf("must be at least %s: what is older leaves the database", minKeep))
	}
	l.check("retention.archive_dir", checkPresent(c.Retention.ArchiveDir))
}

// check records err against the key, unless something is wrong with it already.
func (l *loader) check(path string, err error) {
	if err == nil || l.faulty[path] {
		return
	}
	i := slices.IndexFunc(l.keys, func(k key) bool { return k.path == path })
	l.faultAt(l.keys[i], err.Error())
}

// checkNumbers refuses durations, sizes and counts that are not positive. None
// of them has a use for zero save those listed.
func (l *loader) checkNumbers() {
	zeroAllowed := map[string]bool{
		"postgres.max_idle": true, "redis.max_retries": true, "redis.slow_after": true, "http.drain": true, "postgres.start_wait": true, "postgres.hung_after": true, "postgres.replica_wait": true, "cache.stale_after": true, "log.slow_statement": true,
		"http.requests_per_client": true, "http.requests_per_token": true, "http.streams_per_client": true,
	}
	for _, k := range l.keys {
		v := k.in(&l.config)
		switch {
		case !v.CanInt():
		case v.Int() < 0:
			l.check(k.path, errors.New("must not be negative"))
		case v.Int() == 0 && !zeroAllowed[k.path]:
			l.check(k.path, errors.New("must be above zero"))
		}
	}
}

// maxMaxAmount keeps what is computed of a few amounts a finite double.
const maxMaxAmount = 1e60

func (l *loader) checkBounds() {
	b := l.config.Bounds
	for _, one := range []struct {
		path               string
		value, least, most float64
	}{
		{"bounds.min_difference", b.MinDifference, 1 / maxMaxAmount, b.MinAmount},
		{"bounds.min_amount", b.MinAmount, 1 / maxMaxAmount, 1},
		{"bounds.max_amount", b.MaxAmount, 1, maxMaxAmount},
		{"bounds.earliest_year", float64(b.EarliestYear), 1970, 2100},
		{"bounds.max_marker", float64(b.MaxMarker), 1, 1_000_000},
	} {
		if !(one.value >= one.least && one.value <= one.most) { // nor is it no number
			l.check(one.path, fmt.Errorf("must be from %v to %v, not %v", one.least, one.most, one.value))
		}
	}
}

func checkPresent(value string) error {
	if strings.TrimSpace(value) == "" {
		return errors.New("must not be empty")
	}
	return nil
}

func checkOneOf(value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("must be one of %s, not %q", strings.Join(allowed, ", "), value)
}

func checkEach(values []string, check func(string) error) error {
	var errs []string
	for _, value := range values {
		if err := check(value); err != nil {
			errs = append(errs, err.Error())
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errors.New(strings.Join(errs, "; "))
}

func checkJSONDir(jsonDir, snapshotDir string) error {
	if jsonDir != "" && snapshotDir != "" && filepath.Clean(jsonDir) == filepath.Clean(snapshotDir) {
		return errors.New("must not be snapshot_dir: the one is written to, the other only ever read")
	}
	return nil
}

func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("must be host:port, such as 127.0.0.1:8888 or :8888, not %q", addr)
	}
	return checkPort(port)
}

// onlyFromHere reports whether nobody but this machine reaches what listens on an
// address; nothing listens on "".
func onlyFromHere(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return addr == "" || host == "localhost" || err == nil && ip.IsLoopback()
}

func checkPort(port string) error {
	const highest = 65535
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > highest {
		return fmt.Errorf("must have a port from 0 to %d, not %q", highest, port)
	}
	return nil
}

func checkOrigin(origin string) error {
	if origin == "*" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" || cmp.Or(u.Path, u.RawQuery, u.Fragment) != "" {
		return fmt.Errorf("must hold origins such as https://example.org, or *, not %q", origin)
	}
	return nil
}

func checkProxy(proxy string) error {
	if _, err := netip.ParsePrefix(proxy); err == nil {
		return nil
	}
	if _, err := netip.ParseAddr(proxy); err == nil {
		return nil
	}
	return fmt.Errorf("must hold networks such as 10.0.0.0/8, not %q", proxy)
}
