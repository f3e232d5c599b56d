package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/config"
	"nof0/internal/arena"
)

// from is a GET from an address.
func from(address, path string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = address
	return r
}

func TestAnAddressSendsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	now := testTime
	b := setup(t, func(o *Options) {
		o.Config.RequestsPerClient = 5
		o.Config.TrustedProxies = []string{"10.0.0.0/8"}
		o.Now = func() time.Time { return now }
	})
	answered := func(n int, request func() *http.Request) (ok int) {
		for range n {
			switch w := b.send(request()); w.Code {
			case 200:
				ok++
			case 429:
				wantHeader(t, w.Header(), "Retry-After", "1")
				if p := problemIn(t, w); p.Type != problemTooManyRequests {
					t.Errorf("%+v", p)
				}
			default:
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		return ok
	}
	for _, c := range []struct {
		name string
		make func() *http.Request
		want int
	}{
		{"at once", func() *http.Request { return from("192.0.2.7:1", "/api/trades") }, 10},
		{"from another port", func() *http.Request { return from("192.0.2.7:2", "/api/leaderboard") }, 0},
		{"the same, mapped", func() *http.Request { return from("[::ffff:192.0.2.7]:2", "/api/leaderboard") }, 0},
		{"another address", func() *http.Request { return from("192.0.2.8:1", "/api/trades") }, 10},
		{"a network of IPv6", func() *http.Request { return from("[2001:db8:0:1::1]:1", "/api/trades") }, 10},
		{"another address of that network", func() *http.Request { return from("[2001:db8:0:1:ffff::9]:1", "/api/trades") }, 0},
		{"another network", func() *http.Request { return from("[2001:db8:0:2::1]:1", "/api/trades") }, 10},
		{"loopback", func() *http.Request { return from("127.0.0.1:1", "/api/trades") }, 50},
		{"loopback of IPv6", func() *http.Request { return from("[::1]:1", "/api/trades") }, 50},
		{"probes", func() *http.Request { return from("192.0.2.7:1", "/healthz") }, 50},
		{"behind a proxy", func() *http.Request {
			r := from("10.1.2.3:1", "/api/trades")
			r.Header.Set("X-Forwarded-For", "203.0.113.5")
			return r
		}, 10},
		{"another behind the same", func() *http.Request {
			r := from("10.1.2.3:1", "/api/trades")
			r.Header.Set("X-Forwarded-For", "203.0.113.6")
			return r
		}, 10},
		{"who only says so", func() *http.Request {
			r := from("192.0.2.7:1", "/api/trades")
			r.Header.Set("X-Forwarded-For", "203.0.113.99")
			return r
		}, 0},
	} {
		if got := answered(50, c.make); got != c.want {
			t.Errorf("%s: %d of 50 are answered, want %d", c.name, got, c.want)
		}
	}
	now = now.Add(time.Second)
	if got := answered(50, func() *http.Request { return from("192.0.2.7:1", "/api/trades") }); got != 5 {
		t.Errorf("a second later: %d", got)
	}
}

func TestWrongTokensAreSlowedAndRightOnesAreNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	counts := map[int]int{}
	for i := range 500 {
		path := []string{"/api/ingest/prices", "/api/ingest/trades", "/admin/corrections"}[i%3]
		counts[b.post(path, `{}`, "Authorization", "Bearer guess"+strconv.Itoa(i)).Code]++
	}
	if counts[401] != failuresAtOnce || counts[429] != 500-failuresAtOnce {
		t.Errorf("%v", counts)
	}
	for range 50 {
		if w := b.post("/api/ingest/prices", `{"symbol":"BTC"}`); w.Code != 200 {
			t.Fatalf("the right token from the same address: %d", w.Code)
		}
	}
}

func TestATokenSendsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Config.RequestsPerToken = 3 })
	codes := map[int]int{}
	for range 20 {
		codes[b.post("/api/ingest/prices", `{"symbol":"BTC"}`).Code]++
	}
	if codes[200] != 6 || codes[429] != 14 || len(b.ingest.batches) != 6 {
		t.Errorf("%v, and %d were written", codes, len(b.ingest.batches))
	}
	if w := b.do("GET", "/admin/rollout", "Authorization", "Bearer "+testAdminToken); w.Code != 200 {
		t.Errorf("another token: %d", w.Code)
	}
}

func TestOneAddressDoesNotTakeEveryStream(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Now, o.Config.StreamsPerClient = time.Now, 2 })
	synctest.Test(t, func(t *testing.T) {
		client := b.serve(t, &http.Server{})
		b.stream.subscribe = func(context.Context, arena.Position) (arena.Subscription, error) {
			return &fakeSubscription{events: make(chan arena.Event)}, nil
		}
		ctx, leave := context.WithCancel(t.Context())
		open(t, ctx, client, "")
		open(t, t.Context(), client, "")
		if refused := open(t, t.Context(), client, ""); refused.status != 429 {
			t.Errorf("%d", refused.status)
		}
		leave()
		synctest.Wait()
		if again := open(t, t.Context(), client, ""); again.status != 200 {
			t.Errorf("after one has left: %d", again.status)
		}
	})
	here := &shares{most: 1, taken: map[netip.Addr]int{}}
	for range 5 {
		if _, ok := here.take(netip.MustParseAddr("127.0.0.9")); !ok {
			t.Error("loopback is refused a stream")
		}
	}
	all := &shares{most: 1, taken: map[netip.Addr]int{}}
	giveBack, _ := all.take(netip.Addr{})
	giveBack()
	if len(all.taken) != 0 {
		t.Error("who has left is remembered")
	}
}

func TestALimitForgets(t *testing.T) {
	t.Parallel()
	l, err := newLimiter[string](1, 1, func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 * rememberedClients {
		l.allow(strconv.Itoa(i))
	}
	l.known.CleanUp()
	if n := l.known.EstimatedSize(); n > rememberedClients {
		t.Errorf("%d are remembered", n)
	}
	if names := strings.Split("a,a,b", ","); !slices.Equal([]bool{true, false, true}, []bool{l.allow(names[0]), l.allow(names[1]), l.allow(names[2])}) {
		t.Error("a new one is not let through once")
	}
}

// TestLimitsCostNoMemory asks for each request what every request is asked.
func TestLimitsCostNoMemory(t *testing.T) { //nolint:paralleltest // it counts allocations
	l, err := newLimits(config.HTTP{RequestsPerClient: 1_000_000, RequestsPerToken: 1_000_000}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c := &gin.Context{Request: from("192.0.2.7:1", "/api/trades")}
	once := func() {
		if !l.requests.allow(l.addressOf(c)) || !l.byToken.allow("feed") {
			t.Error("refused")
		}
	}
	once() // the first is remembered
	if got := testing.AllocsPerRun(1000, once); got >= 1 {
		t.Errorf("%v allocations for each request", got)
	}
}
