package handlers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// link leads to a document, by a path that is relative to the page, so that it holds
// behind a prefix.
type link struct {
	Path    string `json:"path" jsonschema_description:"Relative to this document"`
	Summary string `json:"summary" jsonschema_description:"What it is"`
}

type linkList struct {
	Links []link `json:"links" jsonschema_description:"In the order of their paths"`
}

// home is the first address: the console for browsers, links for programs.
type home struct {
	console gin.HandlerFunc
	sender  *sender
	list    *arena.Answer
}

func newHome(console gin.HandlerFunc, sender *sender) (*home, error) {
	links, err := readableLinks(openAPIDocument)
	if err != nil {
		return nil, err
	}
	list, err := wire.Marshal(linkList{links})
	if err != nil {
		return nil, fmt.Errorf("error rendering the links: %w", err)
	}
	return &home{console: console, sender: sender, list: page(list)}, nil
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
		if ok && len(get.Security) == 0 && !strings.Contains(path, "{") && path != pathHome {
			links = append(links, link{strings.TrimPrefix(path, "/"), get.Summary})
		}
	}
	return links, nil
}

// serve answers a browser with the page, and anybody else with the links.
func (h *home) serve(c *gin.Context) {
	c.Writer.Header().Add("Vary", "Accept")
	if wantsHTML(c.Request.Header.Values("Accept")) {
		h.console(c)
		return
	}
	h.sender.send(c, h.list, contentJSON)
}

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
