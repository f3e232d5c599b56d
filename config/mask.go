package config

import (
	"net/url"
	"regexp"
	"strings"
)

const masked = "***"

// mask hides what a `secret` tag says is secret: "all" of it, or the passwords
// of a "url".
func mask(secret, value string) string {
	switch {
	case value == "" || secret == "":
		return value
	case secret == "url":
		return MaskURL(value)
	default:
		return masked
	}
}

// MaskURL hides the passwords in a URL or in a DSN of the form key=value. It
// does not parse either: what does not parse is shown in error messages too, and
// must not leak there. In doubt it hides more.
func MaskURL(dsn string) string {
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		return maskPairs(dsn)
	}
	authority, query, hasQuery := strings.Cut(rest, "?")
	if strings.ContainsAny(query, "@;") {
		return scheme + "://" + masked // the question mark may be part of a password
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, _, hasPassword := strings.Cut(authority[:at], ":")
		if hasPassword {
			user += ":" + masked
		}
		authority = user + authority[at:]
	}
	if hasQuery {
		authority += "?" + maskQuery(query)
	}
	return scheme + "://" + authority
}

func maskQuery(query string) string {
	params := strings.Split(query, "&")
	for i, param := range params {
		name, _, _ := strings.Cut(param, "=")
		if plain, err := url.QueryUnescape(name); err != nil || isSecretName(plain) {
			params[i] = name + "=" + masked
		}
	}
	return strings.Join(params, "&")
}

// maskPairs hides the secret values of host=h user=u password='p w'.
func maskPairs(dsn string) string {
	pair := regexp.MustCompile(`(\w+)(\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:[^\s'\\]|\\.)*)`)
	if strings.TrimSpace(pair.ReplaceAllLiteralString(dsn, "")) != "" {
		return masked // what is no pair may be the rest of a password
	}
	return pair.ReplaceAllStringFunc(dsn, func(match string) string {
		parts := pair.FindStringSubmatch(match)
		if isSecretName(parts[1]) {
			return parts[1] + parts[2] + masked
		}
		return match
	})
}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"pass", "pwd", "secret", "token"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
