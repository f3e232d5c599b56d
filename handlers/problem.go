package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/wire"
)

// problemType names a kind of failure for programs. It is stable; nothing is
// served under it.
type problemType string

const (
	problemInvalidParameter problemType = "/problems/invalid-parameter"
	problemInvalidContent   problemType = "/problems/invalid-content"
	problemUnknownRoute     problemType = "/problems/unknown-route"
	problemUnknownModel     problemType = "/problems/unknown-model"
	problemMethod           problemType = "/problems/method-not-allowed"
	problemNotAcceptable    problemType = "/problems/not-acceptable"
	problemUnavailable      problemType = "/problems/unavailable"
	problemTimeout          problemType = "/problems/timeout"
	problemNotReady         problemType = "/problems/not-ready"
	problemInternal         problemType = "/problems/internal"
)

// retryAfter is what a 503 asks for: about the interval at which clients poll
// anyway, and longer than a failover of a healthy store takes to be noticed.
const retryAfter = 5 * time.Second

// longestInstance keeps a path that is no path of ours out of the document.
const longestInstance = 512

// problem is an RFC 9457 document.
type problem struct {
	Type      problemType `json:"type"`
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail,omitzero"`
	Instance  string      `json:"instance,omitzero"`
	RequestID string      `json:"request_id,omitzero"`
	Errors    wire.Faults `json:"errors,omitempty"`
}

// newProblem returns the document of a kind of failure. Its texts are fixed:
// nothing of an internal error can get into them.
func newProblem(t problemType) problem {
	p := problem{Type: t}
	switch t {
	case problemInvalidParameter:
		p.Status, p.Title = http.StatusBadRequest, "Invalid parameter"
		p.Detail = "A parameter of the request has a wrong value; see errors."
	case problemInvalidContent:
		p.Status, p.Title = http.StatusUnprocessableEntity, "Invalid content"
		p.Detail = "The content is well-formed but not valid; see errors."
	case problemUnknownRoute:
		p.Status, p.Title = http.StatusNotFound, "Unknown route"
		p.Detail = "There is nothing at this path; /openapi.json lists what there is."
	case problemUnknownModel:
		p.Status, p.Title = http.StatusNotFound, "Unknown model"
		p.Detail = "No model has this id."
	case problemMethod:
		p.Status, p.Title = http.StatusMethodNotAllowed, "Method not allowed"
		p.Detail = "The path does not take this method; see Allow."
	case problemNotAcceptable:
		p.Status, p.Title = http.StatusNotAcceptable, "Not acceptable"
		p.Detail = "The request refuses every content coding that there is for this response."
	case problemUnavailable:
		p.Status, p.Title = http.StatusServiceUnavailable, "Unavailable"
		p.Detail = "What is needed to answer cannot be reached now."
	case problemTimeout:
		p.Status, p.Title = http.StatusServiceUnavailable, "Timeout"
		p.Detail = "Answering took too long."
	case problemNotReady:
		p.Status, p.Title = http.StatusServiceUnavailable, "Not ready"
		p.Detail = "The service cannot answer requests yet."
	default:
		p.Type = problemInternal
		p.Status, p.Title = http.StatusInternalServerError, "Internal error"
		p.Detail = "Something went wrong here; request_id finds it in the log."
	}
	return p
}

// send writes the document in place of whatever was about to be sent.
func (p problem) send(c *gin.Context) {
	p.RequestID = RequestID(c.Request.Context())
	if path := c.Request.URL.EscapedPath(); len(path) <= longestInstance {
		p.Instance = path
	}
	body, err := wire.Marshal(p)
	if err != nil {
		// Text from a client that is no UTF-8 is all that can be at fault.
		body, _ = wire.Marshal(problem{Type: p.Type, Title: p.Title, Status: p.Status})
	}

	h := c.Writer.Header()
	for _, name := range []string{"Etag", "Last-Modified", "Content-Encoding", headerSource} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", contentProblem)
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	}
	setLength(h, len(body))
	c.Writer.WriteHeader(p.Status)
	c.Abort()
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	if _, err := c.Writer.Write(body); err != nil {
		recordOf(c.Request.Context()).clientGone(err)
	}
}
