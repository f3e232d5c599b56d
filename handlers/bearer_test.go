package handlers

import (
	"net/http"
	"strings"
	"testing"
)

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, http.ErrBodyReadAfterClose
}

func (untouched) Close() error { return nil }

func TestWritesNeedTheToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		authorization string
		status        int
	}{
		"right":             {"Bearer " + testToken, 200},
		"scheme in capital": {"BEARER " + testToken, 200},
		"two blanks":        {"Bearer  " + testToken, 200},
		"none":              {"", 401},
		"no scheme":         {testToken, 401},
		"another scheme":    {"Basic " + testToken, 401},
		"no token":          {"Bearer", 401},
		"empty token":       {"Bearer ", 401},
		"another token":     {"Bearer other", 401},
		"part of it":        {"Bearer " + testToken[:5], 401},
		"more than it":      {"Bearer " + testToken + "x", 401},
		"in other case":     {"Bearer " + strings.ToUpper(testToken), 401},
		"two tokens":        {"Bearer " + testToken + " " + testToken, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := b.post("/api/ingest/prices", `{"symbol":"BTC"}`, "Authorization", c.authorization)
			if w.Code != c.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if c.status == 200 {
				return
			}
			if p := problemIn(t, w); p.Type != problemUnauthorized {
				t.Errorf("%+v", p)
			}
			wantHeader(t, w.Header(), "WWW-Authenticate", `Bearer realm="nof0"`)
			if len(b.ingest.batches) != 0 {
				t.Error("the write was handed on")
			}
			if strings.Contains(b.logs.String()+w.Body.String(), testToken) {
				t.Error("the token is told")
			}
		})
	}
}

func TestSurfacesThatAreOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		kind   problemType
		says   string
	}{
		"no token":    {func(o *Options) { o.IngestToken = "" }, problemNoToken, "NOF0_INGEST_TOKEN"},
		"no ingester": {func(o *Options) { o.Ingest = nil }, problemNotConfigured, "started without"},
		"neither":     {func(o *Options) { o.Ingest, o.IngestToken = nil, "" }, problemNotConfigured, "started without"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.change)
			for _, authorization := range []string{"", "Bearer ", "Bearer " + testToken} {
				w := b.post("/api/ingest/prices", "{}", "Authorization", authorization)
				p := problemIn(t, w)
				if p.Status != 503 || p.Type != c.kind || !strings.Contains(p.Detail, c.says) {
					t.Errorf("%+v", p)
				}
				wantHeader(t, w.Header(), "Retry-After", "")
				wantHeader(t, w.Header(), "WWW-Authenticate", "")
			}
		})
	}
}

func TestWhoMayNotWriteHasNoBodyRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, header := range []string{"Authorization", "Content-Type"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/api/ingest/prices", untouched{t})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+testToken)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Del(header)
		if w := b.send(r); w.Code != 401 && w.Code != 415 {
			t.Errorf("without %s: %d", header, w.Code)
		}
	}
}

func TestTokenIDs(t *testing.T) {
	t.Parallel()
	one, other := newBearer("one", nil), newBearer("other", nil)
	if one.id == other.id || len(one.id) != 16 || one.id != newBearer("one", nil).id {
		t.Errorf("ids are %s and %s", one.id, other.id)
	}
}
