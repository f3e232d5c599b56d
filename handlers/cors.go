package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// corsMaxAge is for how many seconds a preflight holds. No credentials are ever allowed: nothing here knows a user, and
// a token is sent by who has it and not by the browser.
const corsMaxAge = "600"

// longestHeaderList keeps a preflight from having anything echoed to it.
const longestHeaderList = 1024

// cors lets the pages of the allowed origins read every response, problems
// included; "*" allows all of them, and no origin turns CORS off.
func cors(allowed []string) gin.HandlerFunc {
	everyone := slices.Contains(allowed, "*")
	return func(c *gin.Context) {
		h := c.Writer.Header()
		origin := c.GetHeader("Origin")
		switch {
		case len(allowed) == 0:
			return
		case everyone:
			// Also without an Origin: the response is the same for all, and a
			// shared cache may give it to anyone.
			h["Access-Control-Allow-Origin"] = corsEveryone
		default:
			varyBy(h, "Origin")
			if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, origin) }) {
				return
			}
			h.Set("Access-Control-Allow-Origin", origin)
		}
		if origin != "" && c.Request.Method == http.MethodOptions &&
			c.GetHeader("Access-Control-Request-Method") != "" {
			preflight(h, c.Request.Header, methodsOf(c.FullPath()))
		} else {
			h["Access-Control-Expose-Headers"] = corsExposed
		}
	}
}

// preflight grants the headers that are asked for: without credentials, a
// header gives a page nothing that it could not send from elsewhere.
func preflight(h, request http.Header, methods string) {
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	if asked := strings.Join(request.Values("Access-Control-Request-Headers"), ", "); asked != "" &&
		len(asked) <= longestHeaderList {
		h.Set("Access-Control-Allow-Headers", asked)
	}
}
