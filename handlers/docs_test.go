package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestDocs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.do("GET", "/docs")
	wantHeader(t, w.Header(), "Content-Type", "text/html; charset=utf-8")
	html := w.Body.String()

	document := openAPI(t)
	for path, methods := range dig(t, document, "paths") {
		for method := range dig(t, methods) {
			if strings.Count(html, `id="`+anchor(strings.ToUpper(method), path)+`"`) != 1 {
				t.Errorf("%s %s is not shown once", method, path)
			}
		}
	}
	for name := range dig(t, document, "components", "schemas") {
		if strings.Count(html, `id="`+name+`"`) != 1 {
			t.Errorf("%s is not shown once", name)
		}
	}
	for _, unwanted := range []string{"<script", "src=", "<link", "@import", "url(", "ZgotmplZ", "<no value>"} {
		if strings.Contains(html, unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if target, inPage := strings.CutPrefix(link[1], "#"); inPage {
			if !strings.Contains(html, `id="`+target+`"`) {
				t.Errorf("%s leads nowhere", link[1])
			}
		} else if link[1] != "/openapi.json" {
			t.Errorf("%s leaves the page", link[1])
		}
	}

	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	digest := sha256.Sum256([]byte(style))
	if !strings.Contains(w.Header().Get("Content-Security-Policy"),
		"'sha256-"+base64.StdEncoding.EncodeToString(digest[:])+"'") {
		t.Error("the policy refuses the page's own style")
	}
}

func TestDocsOfWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	if _, _, err := renderDocs([]byte("{")); err == nil {
		t.Error("no error")
	}
}
