package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Token is what opens surfaces to whoever brings it.
type Token struct {
	Name   string // as the log and the history of changes show it
	Secret string
	// Scopes are what it opens: ingest (or ingest/KIND), admin, or admin/read.
	Scopes []string
}

// The scopes. A kind of write may follow the first.
const (
	ScopeIngest    = "ingest"
	ScopeAdmin     = "admin"
	ScopeAdminRead = "admin/read"
)

// minToken keeps tokens from being guessed, and maxTokens what each request costs.
const (
	minToken  = 12
	maxTokens = 64
)

// NamedTokens are those of tokens, as far as they are of the form that Load checks.
func (c Config) NamedTokens() (all []Token) {
	for _, text := range c.Tokens {
		if t, err := parseToken(text); err == nil {
			all = append(all, t)
		}
	}
	return all
}

// parseToken reads NAME:SCOPE+SCOPE:SECRET. The error repeats nothing of it, save its name.
func parseToken(text string) (t Token, err error) {
	const help = "must hold NAME:SCOPE+SCOPE:SECRET, such as feed:ingest/prices+ingest/trades:…, with the scopes ingest, ingest/KIND, admin and admin/read"
	name, rest, hasScopes := strings.Cut(text, ":")
	scopes, secret, hasSecret := strings.Cut(rest, ":")
	if !hasScopes || !hasSecret || name == "" || strings.ContainsAny(name, " \t") {
		return t, errors.New(help)
	}
	t = Token{Name: name, Secret: secret, Scopes: strings.Split(scopes, "+")}
	for _, s := range t.Scopes {
		kind, isKind := strings.CutPrefix(s, ScopeIngest+"/")
		if !slices.Contains([]string{ScopeIngest, ScopeAdmin, ScopeAdminRead}, s) && (!isKind || kind == "") {
			return t, fmt.Errorf("%s; the scopes of %s are others", help, name)
		}
	}
	if err := checkToken(secret); err != nil {
		return t, fmt.Errorf("%w, and that of %s is not", err, name)
	}
	return t, nil
}

// checkToken refuses what could be guessed.
func checkToken(secret string) error {
	if secret != "" && len(secret) < minToken {
		return fmt.Errorf("must have %d characters at least, as `openssl rand -hex 32` makes", minToken)
	}
	return nil
}

// ShortToken names the variable of a token that could be guessed; "" is none.
func (c Config) ShortToken() string {
	for name, secret := range map[string]string{"NOF0_INGEST_TOKEN": c.IngestToken, "NOF0_ADMIN_TOKEN": c.AdminToken} {
		if checkToken(secret) != nil {
			return name
		}
	}
	return ""
}

func checkTokens(c *Config) error {
	if len(c.Tokens) > maxTokens {
		return fmt.Errorf("must be at most %d", maxTokens)
	}
	names := map[string]bool{ScopeIngest: c.IngestToken != "", ScopeAdmin: c.AdminToken != ""}
	for _, text := range c.Tokens {
		t, err := parseToken(text)
		switch {
		case err != nil:
			return err
		case t.Secret == "":
			return fmt.Errorf("must not be empty, and that of %s is", t.Name)
		case names[t.Name]:
			return fmt.Errorf("must have different names, and two are called %s", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}
