package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"nof0/internal/arena"
)

// lateness is how long after newer content was rendered another process may still
// send the older one, by a clock that is a little behind.
const lateness = time.Second

// safeFrom is the whole second after which nobody sends what an answer has
// replaced.
func safeFrom(a *arena.Answer) time.Time {
	return a.Modified.Add(lateness).Truncate(time.Second).Add(time.Second)
}

// lastModified is from when a client may take it that the content is this one,
// but never later than now, when it is sent: two contents of one second then
// never bear the same time, but for one too new for that, which notModified
// does not take for the present one.
func lastModified(a *arena.Answer, now time.Time) time.Time {
	if at := safeFrom(a); at.Before(now) {
		return at
	}
	return now
}

// description is an answer as headers have it, made once for all responses.
type description struct {
	etag, lastModified, cacheControl, source, length []string
	// safeFrom is from when on lastModified holds, and isSafe that it has been.
	safeFrom time.Time
	isSafe   atomic.Bool
}

// descriptionOf returns that of an answer, which keeps it.
func descriptionOf(a *arena.Answer) *description {
	if d, ok := a.Sent.Load().(*description); ok {
		return d
	}
	d := &description{
		cacheControl: []string{"public, max-age=" + strconv.FormatInt(int64(max(a.MaxAge, 0)/time.Second), 10)},
		length:       []string{strconv.Itoa(len(a.Body))},
		safeFrom:     safeFrom(a),
	}
	if a.ETag != "" {
		// Weak: the codings of a body share it, and serverTime is not in it.
		d.etag = []string{`W/"` + a.ETag + `"`}
	}
	if !a.Modified.IsZero() {
		d.lastModified = []string{httpTime(d.safeFrom)}
	}
	if a.Origin != "" {
		d.source = []string{a.Origin}
	}
	a.Sent.Store(d)
	return d
}

func httpTime(at time.Time) string { return at.UTC().Format(http.TimeFormat) }

// describe sets the headers that a response has with and without its body.
func describe(h http.Header, a *arena.Answer, now func() time.Time) {
	d := descriptionOf(a)
	if d.etag != nil {
		h["Etag"] = d.etag
	}
	switch {
	case d.lastModified == nil:
	case d.isSafe.Load():
		h["Last-Modified"] = d.lastModified
	default:
		at := now()
		d.isSafe.Store(d.safeFrom.Before(at))
		h.Set("Last-Modified", httpTime(lastModified(a, at)))
	}
	h["Cache-Control"] = d.cacheControl
	if a.Age > 0 {
		h.Set("Age", strconv.FormatInt(int64(a.Age/time.Second), 10))
	}
	if d.source != nil {
		h[headerSource] = d.source
	}
}

// notModified reports whether the client already has this answer. A client
// that sends entity tags is judged by these alone: they are the finer measure.
func notModified(request http.Header, a *arena.Answer) bool {
	if tags, ok := request["If-None-Match"]; ok {
		return tagListed(strings.Join(tags, ","), a.ETag)
	}
	asked := request.Get("If-Modified-Since")
	if asked == "" {
		return false
	}
	since, err := http.ParseTime(asked)
	return err == nil && !a.Modified.IsZero() && !since.Before(safeFrom(a))
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
