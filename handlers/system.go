package handlers

import (
	"context"

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

// setLogLevel sets from which level on lines are logged.
func (o *operators) setLogLevel(c *gin.Context) {
	o.answer(c, o.system != nil, func(who *token) (any, error) {
		var wanted wire.LogLevel
		if _, err := o.read(c, &wanted, "level, one of debug, info, warn, error"); err != nil {
			return nil, err
		}
		return o.system.SetLogLevel(c.Request.Context(), wanted.Level, who.who(c))
	})
}
