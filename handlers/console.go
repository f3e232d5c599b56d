package handlers

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/console"
)

// pathAsset is where what the pages load lies, below a version that changes with it.
const pathAsset = "/assets/:version/*name"

// assetMaxAge is how long what pages load may be kept.
const assetMaxAge = 365 * 24 * time.Hour

// pagesForPeople serves the console.
type pagesForPeople struct {
	console *console.Console
	sender  *sender
}

// registerConsole adds the pages of the console and what they load. The first page
// shares its address with the links for programs.
func registerConsole(engine gin.IRoutes, answers arena.Answerer, sender *sender) error {
	made, err := console.New(answers)
	if err != nil {
		return err
	}
	p := &pagesForPeople{made, sender}
	for _, page := range console.Pages() {
		serve, err := p.page(page)
		if err != nil {
			return err
		}
		if page.Path == pathHome {
			front, err := newHome(serve, sender)
			if err != nil {
				return err
			}
			serve = front.serve
		}
		register(engine, page.Path, serve)
	}
	register(engine, pathAsset, p.asset)
	return nil
}

// page serves one page. The error names a parameter that nothing reads.
func (p *pagesForPeople) page(of console.Page) (gin.HandlerFunc, error) {
	var parameters []parameter[arena.Request]
	for _, name := range of.Parameters {
		read := reader(declaredOf(of, name))
		if read == nil {
			return nil, fmt.Errorf("nothing reads the parameter %s of the page %s", name, of.Path)
		}
		parameters = append(parameters, read)
	}
	return func(c *gin.Context) {
		ask := console.Ask{Root: rootOf(c.Request.RequestURI), Query: c.Request.URL.Query()}
		// A form sends all of its fields: what is empty is not given.
		maps.DeleteFunc(ask.Query, func(_ string, values []string) bool { return strings.Join(values, "") == "" })
		c.Request.URL.RawQuery = ask.Query.Encode()
		if err := readParameters(c, &ask.Request, parameters); err != nil {
			p.fail(c, ask.Root, err)
			return
		}
		html, err := p.console.Render(c.Request.Context(), of, ask)
		switch {
		case html == nil:
			p.fail(c, ask.Root, err)
		case err != nil:
			p.send(c, html, err)
		default:
			// The page is asked for again whenever something happens.
			answer := page(html)
			answer.MaxAge = 0
			c.Header("Content-Security-Policy", console.Policy)
			p.sender.send(c, answer, contentHTML)
		}
	}, nil
}

// declaredOf is a parameter of a page as the views that it reads declare it.
func declaredOf(of console.Page, name string) catalogue.Parameter {
	declared := catalogue.Parameter{Name: name, In: catalogue.InQuery}
	if strings.Contains(of.Path, ":"+name) {
		declared.In = catalogue.InPath
	}
	for _, view := range catalogue.Views() {
		for _, p := range view.Parameters {
			if p.Name == name && p.In == declared.In {
				return p
			}
		}
	}
	return declared
}

// fail answers with a page that says what went wrong, as problem documents say it.
func (p *pagesForPeople) fail(c *gin.Context, root string, err error) {
	ctx := c.Request.Context()
	if ctx.Err() != nil {
		fail(c, err)
		return
	}
	problem := problemOf(ctx, err)
	html, failed := p.console.Failed(root, problem.Title, problem.Detail, RequestID(ctx))
	if failed != nil {
		fail(c, failed)
		return
	}
	p.send(c, html, err)
}

// send sends a page that lacks something for an error.
func (p *pagesForPeople) send(c *gin.Context, html []byte, err error) {
	ctx := c.Request.Context()
	recordOf(ctx).err = err
	problem := problemOf(ctx, err)
	if advice := failureOf(problem.Type).header; advice[0] != "" {
		c.Header(advice[0], advice[1])
	}
	c.Header("Content-Security-Policy", console.Policy)
	c.Header("Cache-Control", "no-store")
	c.Data(problem.Status, contentHTML, html)
}

// asset serves what pages load.
func (p *pagesForPeople) asset(c *gin.Context) {
	asset, ok := p.console.Asset(strings.TrimPrefix(c.Param("name"), "/"))
	if !ok || c.Param("version") != p.console.Version() {
		unknownRoute(c)
		return
	}
	answer := page(asset.Body)
	answer.MaxAge = assetMaxAge
	p.sender.send(c, answer, asset.Type)
}

// rootOf leads from an address to the first page, relative to it: a proxy may have
// taken away a prefix.
func rootOf(address string) string {
	path, _, _ := strings.Cut(address, "?")
	if u, err := url.ParseRequestURI(address); err == nil {
		path = u.EscapedPath()
	}
	if depth := strings.Count(path, "/") - 1; depth > 0 {
		return strings.Repeat("../", depth)
	}
	return "./"
}
