package handlers

import (
	"strings"
	"testing"
)

func problemTypes() []problemType {
	kinds := make([]problemType, len(failures))
	for i, f := range failures {
		kinds[i] = f.kind
	}
	return kinds
}

func TestEveryProblemIsItself(t *testing.T) {
	t.Parallel()
	titles := make(map[string]problemType)
	for _, kind := range problemTypes() {
		p := newProblem(kind)
		if p.Type != kind || p.Title == "" || p.Detail == "" || p.Status < 400 {
			t.Errorf("%s: %+v", kind, p)
		}
		if other, taken := titles[p.Title]; taken {
			t.Errorf("%s and %s share a title", kind, other)
		}
		titles[p.Title] = kind
	}
	if p := newProblem("/problems/other"); p.Type != problemInternal || p.Status != 500 {
		t.Errorf("another type: %+v", p)
	}
}

func TestAnOverlongPathIsNotRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if p := problemIn(t, b.do("GET", "/"+strings.Repeat("x", 10_000))); p.Instance != "" {
		t.Errorf("instance has %d bytes", len(p.Instance))
	}
}

func TestAPathIsRepeatedEscaped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if p := problemIn(t, b.do("GET", "/%FF%3Cscript%3E?secret=1")); p.Instance != "/%FF%3Cscript%3E" {
		t.Errorf("instance is %q", p.Instance)
	}
}
