package handlers

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
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
	problemNotConfigured    problemType = "/problems/not-configured"
	problemNoToken          problemType = "/problems/no-token"
	problemNoAdminToken     problemType = "/problems/no-admin-token"
	problemUnauthorized     problemType = "/problems/unauthorized"
	problemMediaType        problemType = "/problems/unsupported-media-type"
	problemContentCoding    problemType = "/problems/unsupported-content-coding"
	problemTooLarge         problemType = "/problems/too-large"
	problemSlowBody         problemType = "/problems/slow-body"
	problemMalformed        problemType = "/problems/malformed"
	problemKeyReused        problemType = "/problems/key-reused"
	problemBusy             problemType = "/problems/busy"
	problemRefused          problemType = "/problems/refused"
	problemGone             problemType = "/problems/gone"
	problemTooManyStreams   problemType = "/problems/too-many-streams"
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
	case problemNotConfigured:
		p.Status, p.Title = http.StatusServiceUnavailable, "Not configured"
		p.Detail = "This instance was started without what this surface needs."
	case problemNoToken:
		p.Status, p.Title = http.StatusServiceUnavailable, "Write surface off"
		p.Detail = "No token is configured for the write surface; set NOF0_INGEST_TOKEN to turn it on."
	case problemNoAdminToken:
		p.Status, p.Title = http.StatusServiceUnavailable, "Admin surface off"
		p.Detail = "No token is configured for the admin surface; set NOF0_ADMIN_TOKEN to turn it on."
	case problemUnauthorized:
		p.Status, p.Title = http.StatusUnauthorized, "Unauthorized"
		p.Detail = "The request needs the header Authorization with Bearer and the token of this surface."
	case problemMediaType:
		p.Status, p.Title = http.StatusUnsupportedMediaType, "Unsupported media type"
		p.Detail = "The body has to be application/json, in UTF-8."
	case problemContentCoding:
		p.Status, p.Title = http.StatusUnsupportedMediaType, "Unsupported content coding"
		p.Detail = "The body has to be sent as it is, not compressed."
	case problemTooLarge:
		p.Status, p.Title = http.StatusRequestEntityTooLarge, "Too large"
		p.Detail = fmt.Sprintf("A request may bring %d items and %d bytes; split it.", arena.MaxBatch, maxBody)
	case problemSlowBody:
		p.Status, p.Title = http.StatusRequestTimeout, "Body too slow"
		p.Detail = "The body of the request did not arrive in time; nothing was done."
	case problemMalformed:
		p.Status, p.Title = http.StatusBadRequest, "Malformed body"
		p.Detail = "The body is not one JSON value; see errors."
	case problemKeyReused:
		p.Status, p.Title = http.StatusUnprocessableEntity, "Idempotency key reused"
		p.Detail = "The Idempotency-Key came with another request before; nothing was done."
	case problemBusy:
		p.Status, p.Title = http.StatusServiceUnavailable, "Busy"
		p.Detail = "Too many writers are at work; nothing was done, and the same request may be sent again."
	case problemRefused:
		p.Status, p.Title = http.StatusConflict, "Refused"
		p.Detail = "The state of things does not allow it; nothing was changed." // replaced by what is in the way
	case problemGone:
		p.Status, p.Title = http.StatusGone, "Events gone"
		p.Detail = "The events to resume from are no longer kept; load the views again and subscribe without an id."
	case problemTooManyStreams:
		p.Status, p.Title = http.StatusServiceUnavailable, "Too many streams"
		p.Detail = "As many streams are open as this instance serves."
	default:
		p.Type = problemInternal
		p.Status, p.Title = http.StatusInternalServerError, "Internal error"
		p.Detail = "Something went wrong here; request_id finds it in the log."
	}
	return p
}

// advise sets the headers by which a client learns what to do.
func (p problem) advise(h http.Header) {
	switch {
	case p.Type == problemNotConfigured, p.Type == problemNoToken, p.Type == problemNoAdminToken:
		// Waiting does not help: somebody has to change something.
	case p.Status == http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	case p.Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="nof0"`)
	case p.Type == problemMediaType:
		h.Set("Accept", contentJSON)
	case p.Type == problemContentCoding:
		h.Set("Accept-Encoding", string(identity))
	case p.Type == problemSlowBody:
		h.Set("Connection", "close") // what is left of the body is not waited for
	}
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
	p.advise(h)
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
