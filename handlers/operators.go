package handlers

import (
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

// operators is the surface of those who run the service. What is nil of it is off.
type operators struct {
	rollout arena.Rollout
	parity  arena.Parity
	facts   arena.Corrector
	system  arena.System
	tokens  *tokens
	within  time.Duration // in which a body has to arrive
	now     func() time.Time
}

// registerOperators adds the routes of operators.
func registerOperators(engine gin.IRoutes, opts Options, who *tokens) {
	o := &operators{
		rollout: opts.Rollout, parity: opts.Parity, facts: opts.Corrections, system: opts.System,
		tokens: who, within: bodyTimeoutOf(opts.Config), now: opts.Now,
	}
	register(engine, pathRollout, o.listDomains)
	registerSet(engine, pathDomain, o.setDomain)
	register(engine, pathParity, o.listParity)
	engine.POST(pathParity, o.runParity)
	register(engine, pathCorrections, o.listCorrections)
	engine.POST(pathCorrections, o.correct)
	for path, read := range reads() {
		register(engine, path, func(c *gin.Context) {
			o.answer(c, o.system != nil, func(*token) (any, error) { return read(o.system, c.Request.Context()) })
		})
	}
	engine.PUT(pathLogLevel, o.setLogLevel)
}

// answer answers whoever has a token for it with what nobody may keep, unless what it
// takes is not there.
func (o *operators) answer(c *gin.Context, isThere bool, with func(*token) (any, error)) {
	if !isThere {
		fail(c, errNotConfigured)
		return
	}
	who, err := o.tokens.admin(c)
	var value any
	if err == nil {
		value, err = with(who)
	}
	var body []byte
	if err == nil {
		body, err = wire.Marshal(value)
	}
	if err != nil {
		fail(c, err)
		return
	}
	sendStatus(c, string(body))
}

// read reads the body of a request strictly: expected says which members it has.
func (o *operators) read(c *gin.Context, into any, expected string) (raw []byte, err error) {
	if err := checkContent(c.Request.Header); err != nil {
		return nil, err
	}
	if raw, err = readBody(c, o.now().Add(o.within)); err != nil {
		return nil, err
	}
	return raw, readObject(raw, into, expected)
}
