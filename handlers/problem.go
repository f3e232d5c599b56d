package handlers

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"nof0/internal/wire"
)

// problemType names a kind of failure for programs. It is stable; nothing is
// served under it.
type problemType string

const (
	problemInvalidParameter   problemType = "/problems/invalid-parameter"
	problemInvalidContent     problemType = "/problems/invalid-content"
	problemUnknownRoute       problemType = "/problems/unknown-route"
	problemUnknownModel       problemType = "/problems/unknown-model"
	problemUnknownSymbol      problemType = "/problems/unknown-symbol"
	problemUnknownDecision    problemType = "/problems/unknown-decision"
	problemNotInFiles         problemType = "/problems/not-in-files"
	problemUnknownCompetition problemType = "/problems/unknown-competition"
	problemUnknownFact        problemType = "/problems/unknown-fact"
	problemMethod             problemType = "/problems/method-not-allowed"
	problemNotAcceptable      problemType = "/problems/not-acceptable"
	problemUnavailable        problemType = "/problems/unavailable"
	problemUncertain          problemType = "/problems/uncertain"
	problemTimeout            problemType = "/problems/timeout"
	problemNotReady           problemType = "/problems/not-ready"
	problemNotConfigured      problemType = "/problems/not-configured"
	problemNoToken            problemType = "/problems/no-token"
	problemNoAdminToken       problemType = "/problems/no-admin-token"
	problemUnauthorized       problemType = "/problems/unauthorized"
	problemMediaType          problemType = "/problems/unsupported-media-type"
	problemContentCoding      problemType = "/problems/unsupported-content-coding"
	problemTooLarge           problemType = "/problems/too-large"
	problemSlowBody           problemType = "/problems/slow-body"
	problemMalformed          problemType = "/problems/malformed"
	problemKeyReused          problemType = "/problems/key-reused"
	problemBusy               problemType = "/problems/busy"
	problemRefused            problemType = "/problems/refused"
	problemGone               problemType = "/problems/gone"
	problemTooManyStreams     problemType = "/problems/too-many-streams"
	problemForbidden          problemType = "/problems/forbidden"
	problemTooManyRequests    problemType = "/problems/too-many-requests"
	problemInternal           problemType = "/problems/internal"
)

// longestInstance keeps a path that is no path of ours out of the document.
const longestInstance = 512

// problem is an RFC 9457 document.
type problem struct {
	Type      problemType `json:"type" jsonschema_description:"Kind of failure"`
	Title     string      `json:"title" jsonschema_description:"Kind of failure, for people"`
	Status    int         `json:"status" jsonschema_description:"HTTP status"`
	Detail    string      `json:"detail,omitzero" jsonschema_description:"What to make of it"`
	Instance  string      `json:"instance,omitzero" jsonschema_description:"Path of the request"`
	RequestID string      `json:"request_id,omitzero" jsonschema_description:"Id of the request, as in X-Request-Id"`
	Errors    wire.Faults `json:"errors,omitempty" jsonschema_description:"Every fault of the request"`
}

// newProblem returns the document of a kind of failure, problemInternal where
// there is no such kind.
func newProblem(t problemType) problem {
	f := failureOf(t)
	return problem{Type: f.kind, Title: f.title, Status: f.status, Detail: f.detail}
}

// failureOf is the row of failures of a kind, the last one where there is none.
func failureOf(t problemType) failure {
	i := slices.IndexFunc(failures, func(f failure) bool { return f.kind == t })
	if i < 0 {
		i = len(failures) - 1
	}
	return failures[i]
}

// send writes the document in place of whatever was about to be sent.
func (p problem) send(c *gin.Context) {
	record := recordOf(c.Request.Context())
	p.RequestID, record.problem = record.id, p.Type
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
	if advice := failureOf(p.Type).header; advice[0] != "" {
		h.Set(advice[0], advice[1])
	}
	setLength(h, len(body))
	c.Writer.WriteHeader(p.Status)
	c.Abort()
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	if _, err := c.Writer.Write(body); err != nil {
		record.clientGone(err)
	}
}
