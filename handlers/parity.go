package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

const (
	pathParity = "/admin/parity"
	// defaultRuns and mostRuns are how many reports are listed.
	defaultRuns = 20
	mostRuns    = 1000
)

// comparisons is the surface of the comparisons of the two sources.
type comparisons struct {
	parity arena.Parity
	tokens *tokens
}

func newParity(opts Options, who *tokens) *comparisons {
	return &comparisons{parity: opts.Parity, tokens: who}
}

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

// list shows the newest reports.
func (p *comparisons) list(c *gin.Context) {
	p.answer(c, []parameter[comparison]{domainParameter(), limitParameter()},
		func(ctx context.Context, asked comparison) (*wire.ParityRuns, error) {
			return p.parity.List(ctx, asked.domain, asked.limit)
		})
}

// run compares now.
func (p *comparisons) run(c *gin.Context) {
	p.answer(c, []parameter[comparison]{domainParameter()},
		func(ctx context.Context, asked comparison) (*wire.ParityRuns, error) {
			if asked.domain == "" {
				return p.parity.Compare(ctx)
			}
			return p.parity.Compare(ctx, asked.domain)
		})
}

func (p *comparisons) answer(
	c *gin.Context, parameters []parameter[comparison], ask func(context.Context, comparison) (*wire.ParityRuns, error),
) {
	asked := comparison{limit: defaultRuns}
	_, err := p.tokens.admin(c)
	if p.parity == nil {
		err = errNotConfigured
	}
	if err == nil {
		err = readParameters(c, &asked, parameters)
	}
	var runs *wire.ParityRuns
	if err == nil {
		runs, err = ask(c.Request.Context(), asked)
	}
	var body []byte
	if err == nil {
		body, err = wire.Marshal(runs)
	}
	if err != nil {
		fail(c, err)
		return
	}
	sendStatus(c, string(body))
}
