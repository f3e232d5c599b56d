package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// allowedMethods is what register gives every route.
const allowedMethods = "GET, HEAD, OPTIONS"

// allow answers OPTIONS, preflights included.
func allow(c *gin.Context) {
	c.Header("Allow", allowedMethods)
	c.Writer.WriteHeader(http.StatusNoContent)
}
