package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// coding is a content coding by its registered name.
type coding string

const (
	brotlied  coding = "br"
	zstandard coding = "zstd"
	gzipped   coding = "gzip"
	identity  coding = "identity"
)

// impliedIdentity is the weight of an identity that is not named: acceptable,
// and less wanted than anything that is.
const impliedIdentity = 1e-6

// negotiate chooses from what is offered, best first, by the Accept-Encoding
// of a request. It is false where the client refuses all of it.
func negotiate(accept []string, offered ...coding) (coding, bool) {
	if len(accept) == 0 {
		return identity, true
	}
	var best coding
	var bestWeight float64
	for _, c := range offered {
		// At equal weights the earlier offer stays.
		if w := weight(accept, c); w > bestWeight {
			best, bestWeight = c, w
		}
	}
	return best, bestWeight > 0
}

// weight is how much a client wants a coding; 0 is not at all.
func weight(accept []string, c coding) float64 {
	anyOther := -1.0
	for _, line := range accept {
		for more := true; more; {
			var element string
			element, line, more = strings.Cut(line, ",")
			name, q, ok := parseElement(element)
			switch {
			case !ok:
			case strings.EqualFold(name, string(c)), c == gzipped && strings.EqualFold(name, "x-gzip"):
				return q
			case name == "*":
				anyOther = q
			}
		}
	}
	switch {
	case anyOther >= 0:
		return anyOther
	case c == identity:
		return impliedIdentity
	default:
		return 0
	}
}

// parseElement reads one element of the list. An element whose weight cannot
// be read is as good as not there.
func parseElement(element string) (name string, q float64, ok bool) {
	name, parameter, weighted := strings.Cut(element, ";")
	name = strings.TrimSpace(name)
	if !weighted {
		return name, 1, name != ""
	}
	key, value, _ := strings.Cut(parameter, "=")
	if !strings.EqualFold(strings.TrimSpace(key), "q") {
		return name, 0, false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return name, q, err == nil && q >= 0 && q <= 1
}

// vary says of every response that it depends on what the client accepts, also
// of a problem: a cache in between would give it to clients that accept another
// coding.
func vary() gin.HandlerFunc {
	return func(c *gin.Context) {
		varyBy(c.Writer.Header(), "Accept-Encoding")
	}
}

// varyBy adds a header of requests that a response depends on.
func varyBy(h http.Header, name string) {
	values := h["Vary"]
	for _, known := range varies {
		if n := len(values); len(known) == n+1 && known[n] == name && slices.Equal(known[:n], values) {
			h["Vary"] = known
			return
		}
	}
	h.Add("Vary", name)
}
