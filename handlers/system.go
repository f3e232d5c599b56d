package handlers

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

const pathLogLevel = "/admin/log-level"

// reads are what operators see of the process that they ask, by path.
func reads() map[string]func(arena.System, context.Context) (any, error) {
	return map[string]func(arena.System, context.Context) (any, error){
		"/admin/system":        untyped(arena.System.System),
		"/admin/cache":         untyped(arena.System.Cache),
		"/admin/outbox":        untyped(arena.System.Outbox),
		"/admin/jobs":          untyped(arena.System.Jobs),
		"/admin/migrations":    untyped(arena.System.Migrations),
		"/admin/tables":        untyped(arena.System.Tables),
		"/admin/statements":    untyped(arena.System.Statements),
		"/admin/configuration": untyped(arena.System.Settings),
		"/admin/ingest":        untyped(arena.System.Ingested),
		pathLogLevel:           untyped(arena.System.LogLevel),
	}
}

func untyped[T any](read func(arena.System, context.Context) (*T, error)) func(arena.System, context.Context) (any, error) {
	return func(s arena.System, ctx context.Context) (any, error) { return read(s, ctx) }
}

// inside is the surface of operators on the inside of the process.
type inside struct {
	system arena.System
	tokens *tokens
	within time.Duration // in which a body has to arrive
	now    func() time.Time
}

// registerSystem adds the routes of the inside.
func registerSystem(engine gin.IRoutes, opts Options, who *tokens) {
	s := &inside{system: opts.System, tokens: who, within: bodyTimeoutOf(opts.Config), now: opts.Now}
	for path, read := range reads() {
		register(engine, path, func(c *gin.Context) {
			s.answer(c, func(*token) (any, error) { return read(s.system, c.Request.Context()) })
		})
	}
	engine.PUT(pathLogLevel, s.setLogLevel)
}

// answer answers whoever has a token for it.
func (s *inside) answer(c *gin.Context, with func(*token) (any, error)) {
	who, err := s.tokens.admin(c)
	if s.system == nil {
		err = errNotConfigured
	}
	var value any
	if err == nil {
		value, err = with(who)
	}
	if err != nil {
		fail(c, err)
		return
	}
	sendOnce(c, value)
}

// setLogLevel sets from which level on lines are logged.
func (s *inside) setLogLevel(c *gin.Context) {
	s.answer(c, func(who *token) (any, error) {
		if err := checkContent(c.Request.Header); err != nil {
			return nil, err
		}
		raw, err := readBody(c, s.now().Add(s.within))
		if err != nil {
			return nil, err
		}
		var wanted wire.LogLevel
		if err := readObject(raw, &wanted, "level, one of debug, info, warn, error"); err != nil {
			return nil, err
		}
		return s.system.SetLogLevel(c.Request.Context(), wanted.Level, who.who(c))
	})
}
