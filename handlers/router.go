package handlers

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"nof0/internal/catalogue"
)

// The system routes, beside /api.
const (
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathOpenAPI = "/openapi.json"
	pathDocs    = "/docs"
	pathHome    = "/"
)

// New returns the handler of the whole HTTP surface. The error names every
// option that is missing or wrong.
func New(opts Options) (http.Handler, error) {
	engine, err := newEngine(opts)
	if err != nil {
		return nil, fmt.Errorf("error building the HTTP surface: %w", err)
	}
	return tolerateSlash(engine), nil
}

func newEngine(opts Options) (*gin.Engine, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	sender, err := newSender(opts)
	if err != nil {
		return nil, err
	}
	pages, err := newPages(sender)
	if err != nil {
		return nil, err
	}
	engine, err := bareEngine(opts.Config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	limits, err := newLimits(opts.Config, opts.Now)
	if err != nil {
		return nil, err
	}
	who := newTokens(opts, limits)
	log := opts.Logger
	if opts.Tracer != nil {
		engine.Use(traced(opts.Tracer))
	}
	engine.Use(
		begin(opts.Rand, opts.Now, opts.Config.RequestTimeout),
		accessLog(log, newThrottles(opts.LogRequests)),
		observe(opts.Metrics, opts.Now),
		secure(),
		recovery(log),
		cors(opts.Config.AllowedOrigins),
		vary(),
		limit(limits),
		bodies(opts.Config.BodiesInFlight),
	)
	engine.NoRoute(unknownRoute)
	engine.NoMethod(methodNotAllowed)

	views, err := endpoints()
	if err != nil {
		return nil, err
	}
	api := engine.Group("/api")
	for _, e := range views {
		register(api, e.path, view(e, opts.Answers, sender))
	}
	register(api, "/stream", newEvents(opts, limits).serve)
	writes := newIntake(opts, who)
	for _, write := range catalogue.Writes() {
		kind := write.Kind
		registerWrite(api, "/ingest/"+string(kind), writes.handler(kind))
	}
	registerOperators(engine, opts, who)
	register(engine, pathHealth, health)
	register(engine, pathReady, ready(opts.Ready))
	register(engine, pathMetrics, scrape(opts.Gatherer, log))
	register(engine, pathOpenAPI, pages.openAPI)
	register(engine, pathDocs, pages.docs)
	if err := registerConsole(engine, opts.Answers, sender); err != nil {
		return nil, err
	}
	return engine, nil
}

// bareEngine returns a gin engine that routes and does nothing else by itself.
func bareEngine(trustedProxies []string) (*gin.Engine, error) {
	// The mode is gin's only global. Debug is its default and prints to
	// standard output, which belongs to the commands.
	if gin.Mode() == gin.DebugMode {
		gin.SetMode(gin.ReleaseMode)
	}
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	// gin's own redirect bypasses the middleware: no id, no log, no CORS.
	engine.RedirectTrailingSlash = false
	// A model may have a slash in its name, which only the escaped path shows
	// from a separator; gin would unescape by the rules of queries, where + is
	// a blank.
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false
	if err := engine.SetTrustedProxies(trustedProxies); err != nil {
		return nil, fmt.Errorf("error in the trusted proxies: %w", err)
	}
	return engine, nil
}

// register adds a route with everything that a readable resource answers.
func register(to gin.IRoutes, path string, get gin.HandlerFunc) {
	to.GET(path, get)
	to.HEAD(path, get)
	to.OPTIONS(path, allow)
}

// registerWrite adds a route that takes writes and shows nothing.
func registerWrite(to gin.IRoutes, path string, post gin.HandlerFunc) {
	to.POST(path, post)
	to.OPTIONS(path, allow)
}

// registerSet adds a route that sets something and shows nothing.
func registerSet(to gin.IRoutes, path string, put gin.HandlerFunc) {
	to.PUT(path, put)
	to.OPTIONS(path, allow)
}
