package handlers

import (
	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

// view answers one endpoint of the table.
func view(e endpoint, answers arena.Answerer, sender *sender) gin.HandlerFunc {
	return func(c *gin.Context) {
		req := arena.Request{View: e.view}
		if err := readParameters(c, &req, e.parameters); err != nil {
			fail(c, err)
			return
		}
		answer, err := answers.Answer(c.Request.Context(), req)
		if err != nil {
			fail(c, err)
			return
		}
		sender.send(c, answer, contentJSON)
	}
}
