package handlers

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"nof0/config"
)

const (
	// rememberedClients bounds the memory of each limit. Whoever is forgotten begins anew.
	rememberedClients = 10_000
	// failuresPerSecond and failuresAtOnce are how many wrong tokens of an address are
	// answered as such. A right one is always taken: whoever shares an address with a
	// misled client goes on, and tokens are too long to be guessed.
	failuresPerSecond = 1
	failuresAtOnce    = 20
)

// limits are how much of the service a client may take.
type limits struct {
	requests *limiter[netip.Addr] // by address
	failures *limiter[netip.Addr]
	byToken  *limiter[string]
	streams  *shares
	// proxied says that the header of a trusted proxy may say who a client is.
	proxied bool
}

func newLimits(c config.HTTP, now func() time.Time) (*limits, error) {
	requests, err := newLimiter[netip.Addr](c.RequestsPerClient, 2*c.RequestsPerClient, now)
	if err != nil {
		return nil, err
	}
	failures, err := newLimiter[netip.Addr](failuresPerSecond, failuresAtOnce, now)
	if err != nil {
		return nil, err
	}
	byToken, err := newLimiter[string](c.RequestsPerToken, 2*c.RequestsPerToken, now)
	if err != nil {
		return nil, err
	}
	streams := &shares{most: c.StreamsPerClient, taken: map[netip.Addr]int{}}
	return &limits{requests, failures, byToken, streams, len(c.TrustedProxies) > 0}, nil
}

// addressOf returns the address of a client; of IPv6 the network, since a client has all
// of it. Where no proxy is trusted it costs no allocation.
func (l *limits) addressOf(c *gin.Context) netip.Addr {
	var addr netip.Addr
	if l.proxied {
		addr, _ = netip.ParseAddr(c.ClientIP()) // the zero one is an address like another
	} else if peer, err := netip.ParseAddrPort(c.Request.RemoteAddr); err == nil {
		addr = peer.Addr()
	}
	if addr = addr.Unmap(); addr.Is6() && !addr.IsLoopback() {
		network, _ := addr.Prefix(64) //nolint:mnd // what one client is given
		return network.Addr()
	}
	return addr
}

// limiter lets each of many pass so many times a second. A nil one lets all pass.
type limiter[K comparable] struct {
	perSecond rate.Limit
	burst     int
	known     *otter.Cache[K, *rate.Limiter]
	now       func() time.Time
}

func newLimiter[K comparable](perSecond, burst int, now func() time.Time) (*limiter[K], error) {
	if perSecond <= 0 {
		return nil, nil //nolint:nilnil // there is no limit
	}
	known, err := otter.New(&otter.Options[K, *rate.Limiter]{MaximumSize: rememberedClients})
	if err != nil {
		return nil, fmt.Errorf("error making a limit: %w", err)
	}
	return &limiter[K]{rate.Limit(perSecond), burst, known, now}, nil
}

func (l *limiter[K]) allow(key K) bool {
	if l == nil {
		return true
	}
	one, known := l.known.GetIfPresent(key)
	if !known {
		one, _ = l.known.ComputeIfAbsent(key, func() (*rate.Limiter, bool) { return rate.NewLimiter(l.perSecond, l.burst), false })
	}
	return one.AllowN(l.now(), 1)
}

// limit refuses requests of the API and of operators beyond what an address may send. Who
// is on the machine itself may send what it likes: a proxy there that is not trusted
// speaks for everybody.
func limit(l *limits) gin.HandlerFunc {
	return func(c *gin.Context) {
		route := c.FullPath()
		if l.requests == nil || !strings.HasPrefix(route, "/api/") && !strings.HasPrefix(route, "/admin/") {
			return
		}
		if address := l.addressOf(c); !address.IsLoopback() && !l.requests.allow(address) {
			fail(c, errTooManyRequests)
		}
	}
}

// shares is how many of a thing each address has, loopback apart. It holds only those that
// have one.
type shares struct {
	most  int // 0 is no limit
	mu    sync.Mutex
	taken map[netip.Addr]int
}

// take takes one more; false where the address has its share.
func (s *shares) take(address netip.Addr) (giveBack func(), ok bool) {
	if address.IsLoopback() {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.taken[address] >= s.most {
		return nil, false
	}
	s.taken[address]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.taken[address]--; s.taken[address] == 0 {
			delete(s.taken, address)
		}
	}, true
}
