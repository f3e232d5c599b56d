package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"nof0/config"
)

// tokens are what open the surfaces of writes and of operators.
type tokens struct {
	all    []*token
	limits *limits
}

// token is one of them. It is kept as its digest alone.
type token struct {
	name   string
	digest [sha256.Size]byte
	scopes []string
	// id distinguishes the token from others without revealing it.
	id string
}

func newTokens(opts Options, limits *limits) *tokens {
	given := slices.Clone(opts.Tokens)
	if opts.IngestToken != "" {
		given = append(given, config.Token{Name: config.ScopeIngest, Secret: opts.IngestToken, Scopes: []string{config.ScopeIngest}})
	}
	if opts.AdminToken != "" {
		given = append(given, config.Token{Name: config.ScopeAdmin, Secret: opts.AdminToken, Scopes: []string{config.ScopeAdmin}})
	}
	t := &tokens{limits: limits}
	for _, one := range given {
		id := sha256.Sum256([]byte("nof0 token id\n" + one.Secret))
		t.all = append(t.all, &token{
			name: one.Name, scopes: one.Scopes, digest: sha256.Sum256([]byte(one.Secret)), id: hex.EncodeToString(id[:8]),
		})
	}
	return t
}

// isOf reports whether a token opens something of a surface.
func (t *token) isOf(surface string) bool {
	return slices.ContainsFunc(t.scopes, func(s string) bool { return s == surface || strings.HasPrefix(s, surface+"/") })
}

// opens reports whether a token has a scope: itself, or the whole that it is part of.
func (t *token) opens(scope string) bool {
	whole, _, _ := strings.Cut(scope, "/")
	return slices.Contains(t.scopes, scope) || slices.Contains(t.scopes, whole)
}

// check returns the token that a request brings, where it opens the scope. The error is
// off where no token opens any of the surface. The time it takes reveals nothing about a
// token, its length included.
func (t *tokens) check(c *gin.Context, scope string, off error) (*token, error) {
	surface, _, _ := strings.Cut(scope, "/")
	if !slices.ContainsFunc(t.all, func(one *token) bool { return one.isOf(surface) }) {
		return nil, off
	}
	scheme, sent, _ := strings.Cut(c.Request.Header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimLeft(sent, " ")))
	var brought *token
	for _, one := range t.all {
		if subtle.ConstantTimeCompare(digest[:], one.digest[:]) == 1 && one.isOf(surface) {
			brought = one
		}
	}
	switch {
	case brought == nil || !strings.EqualFold(scheme, "Bearer"):
		if !t.limits.failures.allow(t.limits.addressOf(c)) {
			return nil, errTooManyRequests
		}
		return nil, errUnauthorized
	case !brought.opens(scope):
		return nil, errForbidden
	case !t.limits.byToken.allow(brought.id):
		return nil, errTooManyRequests
	}
	recordOf(c.Request.Context()).token = brought.name
	return brought, nil
}

// admin checks a token for what operators do: reading needs less than changing.
func (t *tokens) admin(c *gin.Context) (*token, error) {
	scope := config.ScopeAdmin
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		scope = config.ScopeAdminRead
	}
	return t.check(c, scope, errNoAdminToken)
}

// who names whoever changes something by the admin API, for the history of changes.
func (t *token) who(c *gin.Context) string {
	if t.name == config.ScopeAdmin {
		return "admin API, " + c.ClientIP()
	}
	return "admin API, " + t.name + ", " + c.ClientIP()
}
