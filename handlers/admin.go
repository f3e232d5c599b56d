package handlers

import (
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

const (
	pathRollout = "/admin/rollout"
	// pathDomain is where the switches of one domain are set.
	pathDomain = pathRollout + "/:domain"
)

// admin is the surface of those who run the service.
type admin struct {
	rollout arena.Rollout
	tokens  *tokens
	within  time.Duration // in which a body has to arrive
	now     func() time.Time
}

func newAdmin(opts Options, who *tokens) *admin {
	return &admin{
		rollout: opts.Rollout, tokens: who,
		within: bodyTimeoutOf(opts.Config), now: opts.Now,
	}
}

// check refuses who may not be here.
func (a *admin) check(c *gin.Context) (*token, error) {
	if a.rollout == nil {
		return nil, errNotConfigured
	}
	return a.tokens.admin(c)
}

// list shows where every domain is.
func (a *admin) list(c *gin.Context) {
	if _, err := a.check(c); err != nil {
		fail(c, err)
		return
	}
	state, err := a.rollout.List(c.Request.Context())
	if err != nil {
		fail(c, err)
		return
	}
	sendOnce(c, state)
}

// flip is the body of a request to set the switches of a domain.
type flip struct {
	Read   arena.ReadMode  `json:"read,omitzero" jsonschema_description:"Where answers shall come from"`
	Write  arena.WriteMode `json:"write,omitzero" jsonschema_description:"Where writes shall go"`
	Reason string          `json:"reason,omitzero" jsonschema:"maxLength=500" jsonschema_description:"Why; 500 characters at most"`
	Force  bool            `json:"force,omitzero" jsonschema_description:"Override what can be overridden, for a reason"`
}

// set sets the switches of a domain.
func (a *admin) set(c *gin.Context) {
	who, err := a.check(c)
	if err != nil {
		fail(c, err)
		return
	}
	domain := arena.Domain(c.Param("domain"))
	if !slices.Contains(arena.Domains(), domain) {
		unknownRoute(c)
		return
	}
	f, err := a.read(c)
	if err != nil {
		fail(c, err)
		return
	}
	ctx, done := staying(c.Request.Context())
	defer done()
	state, err := a.rollout.Set(ctx, arena.Flip{
		Domain: domain, Read: f.Read, Write: f.Write,
		By: who.who(c), Reason: f.Reason, Force: f.Force,
	})
	if err != nil {
		fail(c, err)
		return
	}
	sendOnce(c, state)
}

func (a *admin) read(c *gin.Context) (f flip, err error) {
	if err := checkContent(c.Request.Header); err != nil {
		return f, err
	}
	body, err := readBody(c, a.now().Add(a.within))
	if err != nil {
		return f, err
	}
	return f, readObject(body, &f, "read, write, reason (text) and force (true or false)")
}

// sendOnce answers with what nobody may keep.
func sendOnce(c *gin.Context, value any) {
	body, err := wire.Marshal(value)
	if err != nil {
		fail(c, err)
		return
	}
	sendStatus(c, string(body))
}
