package handlers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
)

const (
	pathParity = "/admin/parity"
	// defaultRuns and mostRuns are how many reports are listed.
	defaultRuns = 20
	mostRuns    = 1000
)

// comparison are the parameters of both routes; limit is for the list alone.
type comparison struct {
	domain arena.Domain
	limit  int
}

// domainParameter names one domain.
func domainParameter() parameter[comparison] {
	known := fmt.Sprint(arena.Domains())
	return query("domain", form[arena.Domain]{
		parse: func(raw string) (arena.Domain, bool) {
			return arena.Domain(raw), slices.Contains(arena.Domains(), arena.Domain(raw))
		},
		wrong: "is none of " + strings.Trim(known, "[]"),
	}, func(o *comparison, d arena.Domain) { o.domain = d })
}

func limitParameter() parameter[comparison] {
	return query("limit", integer(1), func(o *comparison, n int64) { o.limit = int(min(n, mostRuns)) })
}

// listParity shows the newest reports.
func (o *operators) listParity(c *gin.Context) {
	o.answer(c, o.parity != nil, func(*token) (any, error) {
		asked := comparison{limit: defaultRuns}
		if err := readParameters(c, &asked, []parameter[comparison]{domainParameter(), limitParameter()}); err != nil {
			return nil, err
		}
		return o.parity.List(c.Request.Context(), asked.domain, asked.limit)
	})
}

// runParity compares now.
func (o *operators) runParity(c *gin.Context) {
	o.answer(c, o.parity != nil, func(*token) (any, error) {
		var asked comparison
		err := readParameters(c, &asked, []parameter[comparison]{domainParameter()})
		switch {
		case err != nil:
			return nil, err
		case asked.domain == "":
			return o.parity.Compare(c.Request.Context())
		}
		return o.parity.Compare(c.Request.Context(), asked.domain)
	})
}
