package handlers

import (
	"strings"
	"testing"
)

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range append(allPaths(), "/nowhere") {
		h := b.do("GET", path).Header()
		wantHeader(t, h, "X-Content-Type-Options", "nosniff")
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
}
