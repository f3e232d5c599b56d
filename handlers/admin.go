package handlers

import (
	"slices"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

const (
	pathRollout = "/admin/rollout"
	// pathDomain is where the switches of one domain are set.
	pathDomain = pathRollout + "/:domain"
)

// listDomains shows where every domain is.
func (o *operators) listDomains(c *gin.Context) {
	o.answer(c, o.rollout != nil, func(*token) (any, error) { return o.rollout.List(c.Request.Context()) })
}

// flip is the body of a request to set the switches of a domain.
type flip struct {
	Read   arena.ReadMode  `json:"read,omitzero" jsonschema_description:"Where answers shall come from"`
	Write  arena.WriteMode `json:"write,omitzero" jsonschema_description:"Where writes shall go"`
	Reason string          `json:"reason,omitzero" jsonschema:"maxLength=500" jsonschema_description:"Why; 500 characters at most"`
	Force  bool            `json:"force,omitzero" jsonschema_description:"Override what can be overridden, for a reason"`
}

// setDomain sets the switches of a domain.
func (o *operators) setDomain(c *gin.Context) {
	o.answer(c, o.rollout != nil, func(who *token) (any, error) {
		domain := arena.Domain(c.Param("domain"))
		if !slices.Contains(arena.Domains(), domain) {
			return nil, errUnknownRoute
		}
		var f flip
		if _, err := o.read(c, &f, "read, write, reason (text) and force (true or false)"); err != nil {
			return nil, err
		}
		ctx, done := staying(c.Request.Context())
		defer done()
		return o.rollout.Set(ctx, arena.Flip{
			Domain: domain, Read: f.Read, Write: f.Write,
			By: who.who(c), Reason: f.Reason, Force: f.Force,
		})
	})
}
