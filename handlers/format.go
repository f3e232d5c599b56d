package handlers

import (
	"mime"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

// chooseFormat finds the format of a list: that of the parameter, which was read
// before, else the one that Accept prefers. JSON is what it is where that does not
// prefer another.
func chooseFormat(c *gin.Context, req *arena.Request) {
	varyBy(c.Writer.Header(), "Accept")
	if req.Format == "" {
		req.Format = acceptedFormat(c.Request.Header["Accept"])
	}
	if req.Format == formatJSON {
		req.Format = ""
	}
}

const formatJSON = "json"

func acceptedFormat(accept []string) (format string) {
	list := strings.ToLower(strings.Join(accept, ","))
	if !strings.Contains(list, "text/csv") && !strings.Contains(list, "ndjson") {
		return ""
	}
	best := 0.0
	for part := range strings.SplitSeq(list, ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := parameters["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		offered := ""
		switch media {
		case contentJSON, "*/*", "application/*":
		case "text/csv":
			offered = arena.FormatCSV
		case "application/x-ndjson", "application/ndjson":
			offered = arena.FormatNDJSON
		default:
			continue
		}
		if quality > best || quality == best && offered == "" {
			format, best = offered, quality
		}
	}
	return format
}
