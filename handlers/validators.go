package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"nof0/internal/arena"
)

// describe sets the headers that a response has with and without its body.
func describe(h http.Header, a *arena.Answer) {
	if a.ETag != "" {
		// Weak: the codings of a body share it, and serverTime is not in it.
		h.Set("Etag", `W/"`+a.ETag+`"`)
	}
	if !a.Modified.IsZero() {
		h.Set("Last-Modified", a.Modified.UTC().Format(http.TimeFormat))
	}
	h.Set("Cache-Control", "public, max-age="+strconv.FormatInt(int64(max(a.MaxAge, 0)/time.Second), 10))
	if a.Origin != "" {
		h.Set(headerSource, a.Origin)
	}
}

// notModified reports whether the client already has this answer. A client
// that sends entity tags is judged by these alone: they are the finer measure.
func notModified(request http.Header, a *arena.Answer) bool {
	if tags, ok := request["If-None-Match"]; ok {
		return tagListed(strings.Join(tags, ","), a.ETag)
	}
	since, err := http.ParseTime(request.Get("If-Modified-Since"))
	return err == nil && !a.Modified.IsZero() && !a.Modified.Truncate(time.Second).After(since)
}

// tagListed compares weakly, as If-None-Match asks for. A list is not split at
// its commas: an entity tag may hold one.
func tagListed(list, etag string) bool {
	for {
		list = strings.TrimLeft(list, ", \t")
		if strings.HasPrefix(list, "*") {
			return true
		}
		opaque, ok := strings.CutPrefix(strings.TrimPrefix(list, "W/"), `"`)
		if !ok {
			return false
		}
		tag, rest, ok := strings.Cut(opaque, `"`)
		if !ok {
			return false
		}
		if tag == etag && etag != "" {
			return true
		}
		list = rest
	}
}
