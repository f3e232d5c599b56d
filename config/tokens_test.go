package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"nof0/config"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Options{Env: []string{
		"NOF0_TOKENS=feed:ingest/prices+ingest/trades:0123456789abcdef, viewer:admin/read:fedcba9876543210:with:colons",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Token{
		{Name: "feed", Secret: "0123456789abcdef", Scopes: []string{"ingest/prices", "ingest/trades"}},
		{Name: "viewer", Secret: "fedcba9876543210:with:colons", Scopes: []string{"admin/read"}},
	}
	if got := c.NamedTokens(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	rows, err := config.Print(config.Options{Env: []string{"NOF0_TOKENS=feed:ingest:0123456789abcdef"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if strings.Contains(row.Value, "0123456789abcdef") {
			t.Errorf("%s is shown", row.Key)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	const long = "0123456789abcdef"
	for env, says := range map[string]string{
		"NOF0_INGEST_TOKEN=0123456789a":                    "12 characters",
		"NOF0_ADMIN_TOKEN=short":                           "12 characters",
		"NOF0_TOKENS=" + long:                              "NAME:SCOPE",
		"NOF0_TOKENS=:ingest:" + long:                      "NAME:SCOPE",
		"NOF0_TOKENS=a:write:" + long:                      "the scopes of a",
		"NOF0_TOKENS=a::" + long:                           "the scopes of a",
		"NOF0_TOKENS=a:ingest/:" + long:                    "the scopes of a",
		"NOF0_TOKENS=a:ingest:0123":                        "that of a is not",
		"NOF0_TOKENS=a:ingest:":                            "that of a is",
		"NOF0_TOKENS=a:admin:" + long + ",a:admin:" + long: "two are called a",
	} {
		_, err := config.Load(config.Options{Env: []string{env, "NOF0_HTTP_ADDR=:1"}})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", env, err)
		}
		if err != nil && (strings.Contains(err.Error(), long) || strings.Contains(err.Error(), "short")) {
			t.Errorf("the token is told: %v", err)
		}
	}
}

func TestTokensOfWhatOthersReachAreLong(t *testing.T) {
	t.Parallel()
	for env, taken := range map[string]bool{
		"":                             true, // the default is of this machine
		"NOF0_HTTP_ADDR=localhost:1":   true,
		"NOF0_HTTP_ADDR=127.0.0.2:1":   true,
		"NOF0_HTTP_ADDR=[::1]:1":       true,
		"NOF0_HTTP_ADDR=:1":            false,
		"NOF0_HTTP_ADDR=0.0.0.0:1":     false,
		"NOF0_HTTP_ADDR=192.0.2.1:1":   false,
		"NOF0_HTTP_ADDR=a.example:1":   false,
		"NOF0_HTTP_ADMIN_ADDR=[::]:1":  false,
		"NOF0_TOKENS=a:ingest:0123":    false, // whoever names tokens has others in mind
		"NOF0_HTTP_ADMIN_ADDR=[::1]:1": true,
	} {
		c, err := config.Load(config.Options{Env: []string{"NOF0_INGEST_TOKEN=x", "NOF0_ADMIN_TOKEN=short", env}})
		if taken != (err == nil) || taken && (c.IngestToken != "x" || c.AdminToken != "short") {
			t.Errorf("%s: %+v: %v", env, c, err)
		}
	}
}

func TestSecretsInFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c, err := config.Load(config.Options{Env: []string{
		"NOF0_ADMIN_TOKEN_FILE=" + file("admin", "0123456789abcdef\n"),
		"DATABASE_URL_FILE=" + file("url", "postgres://u:p%40s@h/n\n"),
		"NOF0_TOKENS_FILE=" + file("tokens", "a:ingest:0123456789abcdef\nb:admin:0123456789abcdeg\n\n"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c.AdminToken != "0123456789abcdef" || c.DatabaseURL != "postgres://u:p%40s@h/n" || len(c.NamedTokens()) != 2 {
		t.Errorf("%+v", c)
	}
	for env, says := range map[string]string{
		"NOF0_ADMIN_TOKEN_FILE=" + dir + "/none":                                         "no such file",
		"NOF0_ADMIN_TOKEN_FILE=" + file("empty", "\n"):                                   "which is empty",
		"NOF0_ADMIN_TOKEN_FILE=" + file("short", "secret"):                               "12 characters",
		"NOF0_ADMIN_TOKEN=0123456789abcdef\x00NOF0_ADMIN_TOKEN_FILE=" + file("two", "x"): "leave one of them out",
		"NOF0_LOG_LEVEL_FILE=" + file("level", "info"):                                   "no such variable",
	} {
		_, err := config.Load(config.Options{Env: append(strings.Split(env, "\x00"), "NOF0_HTTP_ADDR=:1")})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", env, err)
		}
	}
}
