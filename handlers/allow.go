package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// What register, registerWrite and registerSet give a route.
const (
	readMethods  = "GET, HEAD, OPTIONS"
	writeMethods = "POST, OPTIONS"
	setMethods   = "PUT, OPTIONS"
	runMethods   = "GET, HEAD, POST, OPTIONS"
)

// allow answers OPTIONS, preflights included.
func allow(c *gin.Context) {
	c.Header("Allow", methodsOf(c.FullPath()))
	c.Writer.WriteHeader(http.StatusNoContent)
}

// methodsOf is what a route takes.
func methodsOf(route string) string {
	switch {
	case strings.HasPrefix(route, pathIngest):
		return writeMethods
	case route == pathDomain:
		return setMethods
	case route == pathParity:
		return runMethods
	}
	return readMethods
}

// inOrder sorts a list of methods as the lists above are.
func inOrder(allow string) string {
	order := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodOptions}
	methods := strings.Split(allow, ", ")
	slices.SortFunc(methods, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return strings.Join(methods, ", ")
}
