package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// secure sets what keeps a browser from taking data for something else. A page
// that needs more than nothing sets its own policy.
func secure() gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["X-Content-Type-Options"] = noSniff
		h["Content-Security-Policy"] = noContent
	}
}

// withoutContent takes away what secure has set, of a 304: it has nothing that could be
// taken for something else, and what the browser keeps has these headers.
func withoutContent(h http.Header) {
	delete(h, "X-Content-Type-Options")
	delete(h, "Content-Security-Policy")
}
