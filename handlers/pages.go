package handlers

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

//go:embed openapi.json
var openAPIDocument []byte

// pageMaxAge is how long the pages may be kept: they change with the binary.
const pageMaxAge = 5 * time.Minute

// pages are the documents that are part of the binary.
type pages struct {
	openAPI gin.HandlerFunc
	docs    gin.HandlerFunc
}

func newPages(sender *sender) (pages, error) {
	html, policy, err := renderDocs(openAPIDocument)
	if err != nil {
		return pages{}, err
	}
	document, manual := page(openAPIDocument), page(html)
	return pages{
		openAPI: func(c *gin.Context) { sender.send(c, document, contentJSON) },
		docs: func(c *gin.Context) {
			c.Header("Content-Security-Policy", policy)
			sender.send(c, manual, contentHTML)
		},
	}, nil
}

// page makes an answer of a document, so that it is validated and compressed
// as every other.
func page(body []byte) *arena.Answer {
	digest := sha256.Sum256(body)
	return &arena.Answer{Body: body, ETag: hex.EncodeToString(digest[:16]), MaxAge: pageMaxAge}
}
