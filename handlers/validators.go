package handlers

import (
	"net/http"
	"strconv"
	"strings"
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

// describe sets the headers that a response has with and without its body.
func describe(h http.Header, a *arena.Answer, now time.Time) {
	if a.ETag != "" {
		// Weak: the codings of a body share it, and serverTime is not in it.
		h.Set("Etag", `W/"`+a.ETag+`"`)
	}
	if !a.Modified.IsZero() {
		h.Set("Last-Modified", lastModified(a, now).UTC().Format(http.TimeFormat))
	}
	h.Set("Cache-Control", "public, max-age="+strconv.FormatInt(int64(max(a.MaxAge, 0)/time.Second), 10))
	if a.Age > 0 {
		h.Set("Age", strconv.FormatInt(int64(a.Age/time.Second), 10))
	}
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
