package handlers

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
)

// asBrowser is what browsers accept.
const asBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"

// homeViews answers the views of the first page.
func homeViews(b *bundle, standings, prices string) {
	b.answers.answer = func(_ context.Context, r arena.Request) (*arena.Answer, error) {
		switch {
		case r.View == catalogue.ViewLeaderboard && standings != "":
			return &arena.Answer{Origin: "store", Body: []byte(standings), ETag: "a"}, nil
		case r.View == catalogue.ViewCryptoPrices && prices != "":
			return &arena.Answer{Origin: "store", Body: []byte(prices), ETag: "b"}, nil
		}
		return nil, errors.Join(arena.ErrUnavailable, errors.New("a secret of the store"))
	}
}

const (
	someStandings = `{"leaderboard":[{"id":"<b>one</b>","equity":12345.678,"return_pct":-3.456,"num_trades":7,"num_wins":4,"num_losses":3,"win_dollars":1,"lose_dollars":2,"sharpe":0.25},` +
		`{"id":"two","num_trades":0,"num_wins":0,"num_losses":0,"win_dollars":0,"lose_dollars":0,"sharpe":0}],"serverTime":1}`
	somePrices = `{"prices":{"BTC":{"symbol":"BTC","price":107000.5,"timestamp":1761418991842},"DOGE":{"symbol":"DOGE","price":0.00001234,"timestamp":1761418991842}},"serverTime":1}`
)

func TestHomeOfABrowser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	homeViews(b, someStandings, somePrices)
	w := b.do("GET", "/", "Accept", asBrowser)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Values("Vary"), "Accept")
	require.Equal(t, homePolicy, w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "store", w.Header().Get("X-Data-Source"))
	html := w.Body.String()
	for _, want := range []string{
		"&lt;b&gt;one&lt;/b&gt;", "$12345.68", "-3.46%", "<td>–</td>", "107000.5", "0.00001234", "25 Oct 19:03 UTC",
		`<a href="api/leaderboard">`, `<a href="docs">`,
	} {
		assert.Contains(t, html, want)
	}
	// The policy allows the page's own style alone.
	for _, unwanted := range []string{"<script", "<style", "style=", "src=", " on", "http-equiv", "ZgotmplZ", "<no value>"} {
		assert.NotContains(t, regexp.MustCompile(`>[^<]*<`).ReplaceAllString(html, "><"), unwanted)
	}

	etag := w.Header().Get("ETag")
	require.Equal(t, http.StatusNotModified, b.do("GET", "/", "Accept", asBrowser, "If-None-Match", etag).Code)
	// Every link leads to something that is there, wherever the page is.
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		require.NotRegexp(t, `^/|:`, link[1])
		require.NotEqual(t, http.StatusNotFound, b.do("HEAD", "/"+link[1]).Code, link[1])
	}
	w = b.do("GET", "/home.css")
	require.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
}

func TestHomeWithoutAStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ standings, prices, shown string }{
		"neither":      {"", "", "cannot be read now"},
		"no standings": {"", somePrices, "107000.5"},
		"no prices":    {someStandings, "", "$12345.68"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			homeViews(b, c.standings, c.prices)
			w := b.do("GET", "/", "Accept", asBrowser)
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Contains(t, w.Body.String(), c.shown)
			require.Contains(t, w.Body.String(), `<a href="docs">`)
			require.NotContains(t, w.Body.String(), "secret")
		})
	}
	b := setup(t)
	homeViews(b, `{"leaderboard":[],"serverTime":1}`, `{"prices":{},"serverTime":1}`)
	w := b.do("GET", "/", "Accept", asBrowser)
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "Nobody has traded yet")
	require.Contains(t, w.Body.String(), "No prices yet")
}

func TestHomeOfAProgram(t *testing.T) {
	t.Parallel()
	b := setup(t)
	homeViews(b, "", "")
	for _, accept := range []string{"application/json", "*/*", "", "text/html;q=0.1, application/json", "text/plain"} {
		w := b.do("GET", "/", "Accept", accept)
		require.Equal(t, http.StatusOK, w.Code, accept)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		var document struct {
			Links []link `json:"links"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
		require.Contains(t, document.Links, link{"docs", "This document for people"})
		for _, l := range document.Links {
			require.False(t, strings.HasPrefix(l.Path, "/") || strings.Contains(l.Path, "admin") || strings.Contains(l.Path, "{"), l.Path)
			require.NotEmpty(t, l.Summary)
		}
	}
}

// Programs name an operation by its id.
func TestOpenAPIOperationsHaveNames(t *testing.T) {
	t.Parallel()
	named := map[string]string{}
	operations(t, openAPI(t), func(path string, operation map[string]any) {
		id, _ := operation["operationId"].(string)
		assert.Regexp(t, `^[a-z][A-Za-z]+$`, id, path)
		assert.Empty(t, named[id], "%s and %s are both %s", named[id], path, id)
		named[id] = path
	})
}
