package handlers

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/console"
)

// asBrowser is what browsers accept.
const asBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"

// consoleViews answers the views that pages read: with what is given, else with nothing
// in it.
func consoleViews(b *bundle, given map[catalogue.ViewName]string) {
	b.answers.answer = func(_ context.Context, r arena.Request) (*arena.Answer, error) {
		body, ok := given[r.View]
		switch {
		case !ok:
			body = "{}"
		case body == "down":
			return nil, errors.Join(arena.ErrUnavailable, errors.New("a secret of the store"))
		case body == "broken":
			return nil, errors.New("a secret of the program")
		}
		return &arena.Answer{Origin: "store", Body: []byte(body), ETag: "a"}, nil
	}
}

const (
	someStandings = `{"leaderboard":[{"id":"<b>one</b>","equity":12345.678,"return_pct":-3.456,"num_trades":7,"num_wins":4,"num_losses":3,"win_dollars":1,"lose_dollars":2,"sharpe":0.25},` +
		`{"id":"two","num_trades":0,"num_wins":0,"num_losses":0,"win_dollars":0,"lose_dollars":0,"sharpe":0}],"serverTime":1}`
	somePrices = `{"prices":{"BTC":{"symbol":"BTC","price":107000.5,"timestamp":1761418991842},"DOGE":{"symbol":"DOGE","price":0.00001234,"timestamp":1761418991842}},"serverTime":1}`
)

func TestConsoleOfABrowser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	consoleViews(b, map[catalogue.ViewName]string{catalogue.ViewLeaderboard: someStandings, catalogue.ViewCryptoPrices: somePrices})
	w := b.do("GET", "/", "Accept", asBrowser)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Values("Vary"), "Accept")
	require.Equal(t, console.Policy, w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "public, max-age=0", w.Header().Get("Cache-Control"))
	html := w.Body.String()
	for _, want := range []string{"&lt;b&gt;one&lt;/b&gt;", "$12,345.68", "−3.46%", "<td>–</td>", "$107,000.5", "$0.00001234", `href="./docs"`} {
		assert.Contains(t, html, want)
	}
	for _, unwanted := range []string{"ZgotmplZ", "<no value>"} {
		assert.NotContains(t, html, unwanted)
	}
	require.Equal(t, http.StatusNotModified, b.do("GET", "/", "Accept", asBrowser, "If-None-Match", w.Header().Get("ETag")).Code)

	// What it loads is there, wherever the page is, and may be kept; that of another
	// version is not.
	loaded := regexp.MustCompile(`(?:href|src)="\./(assets/[^"]*)"`).FindAllStringSubmatch(html, -1)
	require.NotEmpty(t, loaded)
	for _, l := range loaded {
		w := b.do("GET", "/"+l[1])
		require.Equal(t, http.StatusOK, w.Code, l[1])
		require.Contains(t, w.Header().Get("Cache-Control"), "max-age=31536000")
		version := strings.Split(l[1], "/")[1]
		require.Equal(t, http.StatusNotFound, b.do("GET", "/"+strings.Replace(l[1], version, "other", 1)).Code)
	}
	require.Equal(t, http.StatusNotFound, b.do("GET", "/assets/"+strings.Split(loaded[0][1], "/")[1]+"/../console.go").Code)
}

// Whatever cannot be read, the rest of the page is there, and says so; what nobody
// foresaw is a page too.
func TestConsoleWithoutAStore(t *testing.T) {
	t.Parallel()
	all := map[catalogue.ViewName]string{}
	for _, v := range catalogue.Views() {
		all[v.Name] = "down"
	}
	for name, c := range map[string]struct {
		given  map[catalogue.ViewName]string
		status int
		shown  string
	}{
		"nothing":      {all, 503, "cannot be read now"},
		"no standings": {map[catalogue.ViewName]string{catalogue.ViewLeaderboard: "down", catalogue.ViewCryptoPrices: somePrices}, 503, "107,000.5"},
		"no prices":    {map[catalogue.ViewName]string{catalogue.ViewLeaderboard: someStandings, catalogue.ViewCryptoPrices: "down"}, 503, "$12,345.68"},
		"a fault":      {map[catalogue.ViewName]string{catalogue.ViewTrades: "broken"}, 500, "Internal error"},
		"no JSON":      {map[catalogue.ViewName]string{catalogue.ViewTrades: "["}, 500, "Internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			consoleViews(b, c.given)
			w := b.do("GET", "/", "Accept", asBrowser)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Equal(t, console.Policy, w.Header().Get("Content-Security-Policy"))
			require.Contains(t, w.Body.String(), c.shown)
			require.Contains(t, w.Body.String(), `href="./docs"`)
			require.NotContains(t, w.Body.String(), "secret")
		})
	}
	b := setup(t)
	consoleViews(b, nil)
	w := b.do("GET", "/", "Accept", asBrowser)
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "No competition yet")
	require.Contains(t, w.Body.String(), "nof0 season play")
	w = b.do("GET", "/?competition=none", "Accept", asBrowser)
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "Unknown competition")
}

// What a form sends is read: a field that is left empty chooses nothing, and a value that
// there is not is refused.
func TestFormsOfTheConsole(t *testing.T) {
	t.Parallel()
	for address, status := range map[string]int{
		"/models/m?symbol=&side=":                     200,
		"/models/m?symbol=BTC&side=short":             200,
		"/models/m?competition=&symbol=&side=long":    200,
		"/models/m?side=up":                           400,
		"/search?competition=&q=take&model_id=":       200,
		"/search?q=&model_id=":                        200,
		"/search?q=take&model_id=m&from=&to=&cursor=": 200,
		"/search?q=take&from=yesterday":               400,
		"/compare?with=&competition=":                 200,
	} {
		b := setup(t)
		answer := func(r arena.Request) string {
			if r.View == catalogue.ViewTrades {
				_, want, _ := strings.Cut(address, "side=")
				assert.Equal(t, want, r.Side, address)
			}
			return "{}"
		}
		b.answers.answer = func(_ context.Context, r arena.Request) (*arena.Answer, error) {
			return &arena.Answer{Origin: "store", Body: []byte(answer(r)), ETag: "a"}, nil
		}
		require.Equal(t, status, b.do("GET", address, "Accept", asBrowser).Code, address)
	}
}

func TestRootOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/": "./", "/?a=/b/c": "./", "/models/x": "../", "/models/x/": "../../", "/models/a%2Fb/decisions/c?d=e/f": "../../../",
		"http://host/models/x": "../", "": "./", "*": "./",
	} {
		require.Equal(t, want, rootOf(address), address)
	}
}
