package handlers

import "github.com/gin-gonic/gin"

// secure sets what keeps a browser from taking data for something else. A page
// that needs more than nothing sets its own policy.
func secure() gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		c.Next()
	}
}
