package handlers

import (
	"net/http"
	"net/url"
	"strings"
)

// tolerateSlash serves a path with one slash too many at its end as the path
// without it. A redirect would cost clients that send it a round trip on every
// poll, and a page of another origin could not follow it.
func tolerateSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, found := strings.CutSuffix(r.URL.Path, "/")
		raw, separates := strings.CutSuffix(r.URL.RawPath, "/")
		if !found || path == "" || !separates && raw != "" { // it may be the end of an id
			next.ServeHTTP(w, r)
			return
		}
		trimmed := new(http.Request)
		*trimmed = *r // the request belongs to whoever called us
		trimmed.URL = new(url.URL)
		*trimmed.URL = *r.URL
		trimmed.URL.Path = path
		trimmed.URL.RawPath = raw
		next.ServeHTTP(w, trimmed)
	})
}
