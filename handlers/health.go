package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// health says that the process is alive: it looks at nothing else, or an
// outage of a store would have every instance restarted.
func health(c *gin.Context) { sendStatus(c, `{"status":"ok"}`) }

func sendStatus(c *gin.Context, body string) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", contentJSON)
	setLength(h, len(body))
	c.Writer.WriteHeader(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		return
	}
	if _, err := c.Writer.WriteString(body); err != nil {
		recordOf(c.Request.Context()).clientGone(err)
	}
}
