package handlers

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

//go:embed home.html
var homeTemplate string

//go:embed home.css
var homeStyle []byte

const contentCSS = "text/css; charset=utf-8"

// homePolicy lets the page load its own style and nothing else.
const homePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// link leads to a document, by a path that is relative to the page, so that it holds
// behind a prefix.
type link struct {
	Path    string `json:"path" jsonschema_description:"Relative to this document"`
	Summary string `json:"summary" jsonschema_description:"What it is"`
}

type linkList struct {
	Links []link `json:"links" jsonschema_description:"In the order of their paths"`
}

// home is what people look at first: the newest prices, the leaderboard, and links to
// everything that can be read.
type home struct {
	answers arena.Answerer
	sender  *sender
	page    *template.Template
	links   []link
	list    *arena.Answer // the links for programs
	style   *arena.Answer
}

func newHome(answers arena.Answerer, sender *sender) (*home, error) {
	links, err := readableLinks(openAPIDocument)
	if err != nil {
		return nil, err
	}
	list, err := wire.Marshal(linkList{links})
	if err != nil {
		return nil, fmt.Errorf("error rendering the links: %w", err)
	}
	tmpl, err := template.New("home").Funcs(template.FuncMap{
		"price":   func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) },
		"iso":     func(ms int64) string { return wire.MillisTime(ms).Format(time.RFC3339) },
		"clock":   func(ms int64) string { return wire.MillisTime(ms).Format("2 Jan 15:04 UTC") },
		"rank":    func(i int) int { return i + 1 },
		"money":   shown("$%.2f"),
		"percent": shown("%+.2f%%"),
	}).Parse(homeTemplate)
	if err != nil {
		return nil, fmt.Errorf("error in the template of the first page: %w", err)
	}
	return &home{answers: answers, sender: sender, page: tmpl, links: links, list: page(list), style: page(homeStyle)}, nil
}

// shown formats a number that may be absent.
func shown(format string) func(wire.Opt[float64]) string {
	return func(v wire.Opt[float64]) string {
		if f, ok := v.Get(); ok {
			return fmt.Sprintf(format, f)
		}
		return "–"
	}
}

// readableLinks are the documents of the API that take no parameter in their path and
// no token.
func readableLinks(document []byte) ([]link, error) {
	var api apiDocument
	if err := wire.Unmarshal(document, &api); err != nil {
		return nil, fmt.Errorf("error reading the OpenAPI document: %w", err)
	}
	var links []link
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		get, ok := api.Paths[path]["get"]
		if ok && len(get.Security) == 0 && !strings.Contains(path, "{") && path != pathHome && path != pathStyle {
			links = append(links, link{strings.TrimPrefix(path, "/"), get.Summary})
		}
	}
	return links, nil
}

// serve answers a browser with the page, and anybody else with the links.
func (h *home) serve(c *gin.Context) {
	c.Writer.Header().Add("Vary", "Accept")
	if !wantsHTML(c.Request.Header.Values("Accept")) {
		h.sender.send(c, h.list, contentJSON)
		return
	}
	var standings wire.Leaderboard
	var prices wire.CryptoPrices
	ctx := c.Request.Context()
	first, standingsErr := h.read(ctx, catalogue.ViewLeaderboard, &standings)
	second, pricesErr := h.read(ctx, catalogue.ViewCryptoPrices, &prices)
	data := struct {
		Standings                   []wire.LeaderboardRow
		Prices                      []wire.Price
		Links                       []link
		StandingsFault, PricesFault string
	}{
		Standings: standings.Leaderboard, Links: h.links,
		Prices: slices.SortedFunc(maps.Values(prices.Prices), func(a, b wire.Price) int { return cmp.Compare(a.Symbol, b.Symbol) }),
	}
	for _, f := range []struct {
		err   error
		shown *string
	}{{standingsErr, &data.StandingsFault}, {pricesErr, &data.PricesFault}} {
		if f.err != nil {
			p := problemOf(ctx, f.err)
			*f.shown = fmt.Sprintf("This cannot be read now: %s. It is tried again when you reload.", strings.ToLower(p.Title))
		}
	}
	var out bytes.Buffer
	if err := h.page.Execute(&out, data); err != nil {
		fail(c, fmt.Errorf("error rendering the first page: %w", err))
		return
	}
	c.Header("Content-Security-Policy", homePolicy)
	if err := cmp.Or(standingsErr, pricesErr); err != nil {
		recordOf(ctx).err = err
		c.Header("Cache-Control", "no-store")
		c.Data(problemOf(ctx, err).Status, contentHTML, out.Bytes())
		return
	}
	answer := page(out.Bytes())
	answer.MaxAge, answer.Origin = min(first.MaxAge, second.MaxAge), first.Origin
	h.sender.send(c, answer, contentHTML)
}

// read reads a view.
func (h *home) read(ctx context.Context, view catalogue.ViewName, into any) (*arena.Answer, error) {
	answer, err := h.answers.Answer(ctx, arena.Request{View: view})
	if err != nil {
		return nil, err
	}
	return answer, wire.Unmarshal(answer.Body, into)
}

func (h *home) css(c *gin.Context) { h.sender.send(c, h.style, contentCSS) }

// wantsHTML reports whether a client names HTML among what it accepts, and no JSON
// that it likes more.
func wantsHTML(accept []string) bool {
	html, json := 0.0, 0.0
	for _, line := range accept {
		for element := range strings.SplitSeq(line, ",") {
			name, q, ok := parseElement(element)
			switch {
			case !ok:
			case strings.EqualFold(name, "text/html"), strings.EqualFold(name, "application/xhtml+xml"):
				html = max(html, q)
			case strings.EqualFold(name, contentJSON):
				json = max(json, q)
			}
		}
	}
	return html > 0 && html >= json
}
