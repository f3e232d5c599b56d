package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"strings"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

//go:embed templates
var templates embed.FS

// Policy is the content security policy of every page: what they load comes from the
// server that sent them, and nothing is inline.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Console renders the pages.
type Console struct {
	answers arena.Answerer
	assets  map[string]Asset
	version string
	pages   map[string]*template.Template
	failed  *template.Template
}

// Page is a page that can be asked for.
type Page struct {
	Path string // as the router takes it
	// Parameters are the names of those that a request may have; they mean what they
	// mean to the API.
	Parameters []string
	name       string // of its template
	load       func(*reading) (any, error)
}

// Pages lists the pages.
func Pages() []Page {
	return []Page{
		{Path: "/", name: "arena", Parameters: []string{"competition"}, load: arenaPage},
		{Path: "/models/:model", name: "model", Parameters: []string{"model", "competition", "symbol", "side", "cursor"}, load: modelPage},
		{Path: "/models/:model/decisions/:decision", name: "decision", Parameters: []string{"model", "decision", "competition"}, load: decisionPage},
		{Path: "/symbols/:symbol", name: "symbol", Parameters: []string{"symbol", "competition", "cursor"}, load: symbolPage},
		{Path: "/search", name: "search", Parameters: []string{"q", "model_id", "from", "to", "cursor", "competition"}, load: searchPage},
		{Path: "/compare", name: "compare", Parameters: []string{"competition"}, load: comparePage},
		{Path: "/cutover", name: "cutover", load: operators("Cutover")},
		{Path: "/system", name: "system", load: operators("System")},
		{Path: "/ingest", name: "ingest", load: operators("Ingest")},
	}
}

// Ask is a request for a page.
type Ask struct {
	arena.Request

	// Root is how the page's address leads to that of the first page, as "./" or
	// "../../", so that links hold behind a prefix.
	Root string
	// Query is what the address says behind the question mark.
	Query url.Values
}

// New returns a console that reads from answers.
func New(answers arena.Answerer) (*Console, error) {
	c := &Console{answers: answers, pages: map[string]*template.Template{}}
	var err error
	if c.assets, c.version, err = readAssets(); err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").Funcs(functions()).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("error in the layout of the pages: %w", err)
	}
	parse := func(name string) (*template.Template, error) {
		page, err := template.Must(layout.Clone()).ParseFS(templates, "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("error in the template of the page %s: %w", name, err)
		}
		return page, nil
	}
	for _, p := range Pages() {
		if c.pages[p.name], err = parse(p.name); err != nil {
			return nil, err
		}
	}
	c.failed, err = parse("failed")
	return c, err
}

// Version names the assets as they are now. Another version has other addresses.
func (c *Console) Version() string { return c.version }

// Asset returns a file that pages load by its name, such as lib/htmx.min.js.
func (c *Console) Asset(name string) (Asset, bool) {
	asset, ok := c.assets[name]
	return asset, ok
}

// shown is what every template is given.
type shown struct {
	Ask

	Title, Page  string
	Assets       string // address of what the page loads
	Competitions []wire.ListedCompetition
	// Current is the competition that the page is about; nil where there is none.
	Current *wire.ListedCompetition
	// Stale says that the store could not be reached for a part of the page.
	Stale bool
	Data  any

	models []model
}

// titled is data that names its page.
type titled interface{ title() string }

// Render renders a page. Where only a part of it cannot be read the page says so, and
// the error why; where there is no page, the error is that of arena.Answerer.
func (c *Console) Render(ctx context.Context, page Page, ask Ask) (html []byte, err error) {
	r := &reading{ctx: ctx, answers: c.answers, ask: ask}
	view := shown{Ask: ask, Page: page.name, Assets: ask.Root + "assets/" + c.version + "/"}
	var known wire.Competitions
	fault, err := r.part(arena.Request{View: catalogue.ViewCompetitions}, &known)
	if err != nil {
		return nil, err
	}
	view.Competitions = known.Competitions
	for i, one := range known.Competitions {
		if one.ID == ask.Competition || ask.Competition == "" && one.Default {
			view.Current = &view.Competitions[i]
		}
	}
	if fault == "" && view.Current == nil && ask.Competition != "" {
		return nil, &arena.UnknownCompetitionError{ID: ask.Competition}
	}
	if view.Data, err = page.load(r); err != nil {
		return nil, err
	}
	view.Stale, view.models = r.stale, r.models
	if t, ok := view.Data.(titled); ok {
		view.Title = t.title()
	}
	var out bytes.Buffer
	if err := c.pages[page.name].ExecuteTemplate(&out, "layout.html", view); err != nil {
		return nil, fmt.Errorf("error rendering the page %s: %w", page.name, err)
	}
	return out.Bytes(), r.fault
}

// Failed renders the page that stands where another one cannot be.
func (c *Console) Failed(root, title, detail, requestID string) ([]byte, error) {
	view := shown{
		Ask: Ask{Root: root}, Title: title, Page: "failed", Assets: root + "assets/" + c.version + "/",
		Data: struct{ Detail, RequestID string }{detail, requestID},
	}
	var out bytes.Buffer
	if err := c.failed.ExecuteTemplate(&out, "layout.html", view); err != nil {
		return nil, fmt.Errorf("error rendering the page of a failure: %w", err)
	}
	return out.Bytes(), nil
}

// Link is the address of a page of the same competition, below the root.
func (s shown) Link(parts ...string) string { return s.Ask.link(parts...) }

func (a Ask) link(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = url.PathEscape(part)
	}
	address := a.Root + strings.Join(escaped, "/")
	if a.Competition != "" {
		address += "?" + url.Values{"competition": {a.Competition}}.Encode()
	}
	return address
}

// More is the address of the page with a parameter set, or left out where it is "".
func (s shown) More(name, value string) string {
	query := maps.Clone(s.Query)
	query.Set(name, value)
	if value == "" {
		query.Del(name)
	}
	return "?" + query.Encode()
}

// API is the address of a view of the same competition: its path below /api, with
// names and values of parameters.
func (s shown) API(path string, parameters ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			query.Set(parameters[i], parameters[i+1])
		}
	}
	if s.Competition != "" {
		query.Set("competition", s.Competition)
	}
	address := s.Root + "api/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// reading reads what a page shows.
type reading struct {
	ctx     context.Context //nolint:containedctx // it lasts as long as the request
	answers arena.Answerer
	ask     Ask
	models  []model // those of all competitions
	stale   bool
	fault   error // of the first part that could not be read
}

// part reads a view of the page's competition into a payload. What cannot be read now
// is a fault for people, in place of the part; any other error is of the whole page.
func (r *reading) part(req arena.Request, into any) (fault string, err error) {
	view := catalogue.ViewOf(req.View)
	if view.OfCompetition() {
		req.Competition = r.ask.Competition
	}
	answer, err := r.answers.Answer(r.ctx, req)
	absent, isAbsent := errors.AsType[*arena.NotInFilesError](err)
	switch {
	case isAbsent:
		return fmt.Sprintf("This is shown once the domain %s is read from Postgres.", absent.Domain), nil
	case errors.Is(err, arena.ErrUnavailable):
		if r.fault == nil {
			r.fault = err
		}
		return "This cannot be read now. It is tried again by itself.", nil
	case err != nil:
		return "", err
	}
	r.stale = r.stale || answer.Age > 0 || answer.Origin == "stale"
	if err := wire.Unmarshal(answer.Body, into); err != nil {
		return "", fmt.Errorf("error reading %s: %w", req.View, err)
	}
	return "", nil
}
