package handlers

import "github.com/gin-gonic/gin"

// secure sets what keeps a browser from taking data for something else. A page
// that needs more than nothing sets its own policy.
func secure() gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["X-Content-Type-Options"] = noSniff
		h["Content-Security-Policy"] = noContent
	}
}
