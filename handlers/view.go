package handlers

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

// view answers one endpoint of the table.
func view(e endpoint, answers arena.Answerer, sender *sender) gin.HandlerFunc {
	return func(c *gin.Context) {
		req, err := e.request(c)
		if err != nil {
			fail(c, err)
			return
		}
		if e.downloads {
			chooseFormat(c, &req)
		}
		answer, err := answers.Answer(c.Request.Context(), req)
		if err != nil {
			fail(c, err)
			return
		}
		if answer.Next != "" {
			c.Header("Link", "<"+nextPage(c.Request.URL, answer.Next)+`>; rel="next"`)
		}
		contentType := contentJSON
		if req.Format != "" {
			contentType = downloadTypes[req.Format]
			c.Header("Content-Disposition", `attachment; filename="`+string(e.view)+"."+req.Format+`"`)
		}
		sender.send(c, answer, contentType)
	}
}

// request is what is asked for. Most of what clients poll has no parameters, and costs no
// allocation.
func (e endpoint) request(c *gin.Context) (arena.Request, error) {
	if c.Request.URL.RawQuery == "" && len(c.Params) == 0 {
		return arena.Request{View: e.view}, nil
	}
	req := arena.Request{View: e.view}
	err := readParameters(c, &req, e.parameters)
	return req, err
}

// nextPage is the same question with the cursor of the next page.
func nextPage(asked *url.URL, cursor string) string {
	query := asked.Query()
	query.Set("cursor", cursor)
	return (&url.URL{Path: asked.Path, RawPath: asked.RawPath, RawQuery: query.Encode()}).String()
}
