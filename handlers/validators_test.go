package handlers

import (
	"net/http"
	"testing"
	"time"

	"nof0/internal/arena"
)

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	const modified = "Sun, 26 Oct 2025 04:18:55 GMT"
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"weak":                       {[]string{"If-None-Match", `W/"abc"`}, 304},
		"strong form":                {[]string{"If-None-Match", `"abc"`}, 304},
		"other":                      {[]string{"If-None-Match", `W/"abd"`}, 200},
		"list":                       {[]string{"If-None-Match", `"x", W/"y","abc"`}, 304},
		"list of others":             {[]string{"If-None-Match", `"x", W/"y"`}, 200},
		"comma inside":               {[]string{"If-None-Match", `"x,abc", "abc"`}, 304},
		"comma inside another":       {[]string{"If-None-Match", `"x,abc"`}, 200},
		"two lines":                  {[]string{"If-None-Match", `"x"`, "If-None-Match", `"abc"`}, 304},
		"star":                       {[]string{"If-None-Match", `*`}, 304},
		"unquoted":                   {[]string{"If-None-Match", `abc`}, 200},
		"unclosed":                   {[]string{"If-None-Match", `"abc`}, 200},
		"empty":                      {[]string{"If-None-Match", ``}, 200},
		"empty tag":                  {[]string{"If-None-Match", `""`}, 200},
		"since then":                 {[]string{"If-Modified-Since", modified}, 200}, // the same second
		"since a second later":       {[]string{"If-Modified-Since", "Sun, 26 Oct 2025 04:18:56 GMT"}, 200},
		"since two seconds later":    {[]string{"If-Modified-Since", "Sun, 26 Oct 2025 04:18:57 GMT"}, 304},
		"since later":                {[]string{"If-Modified-Since", "Mon, 27 Oct 2025 00:00:00 GMT"}, 304},
		"since before":               {[]string{"If-Modified-Since", "Sun, 26 Oct 2025 04:18:54 GMT"}, 200},
		"since never":                {[]string{"If-Modified-Since", "yesterday"}, 200},
		"tag rules over time":        {[]string{"If-None-Match", `"x"`, "If-Modified-Since", modified}, 200},
		"tag rules over time, equal": {[]string{"If-None-Match", `"abc"`, "If-Modified-Since", "Sun, 26 Oct 2025 04:18:54 GMT"}, 304},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				w := b.do(method, "/api/trades", c.headers...)
				if w.Code != c.want {
					t.Fatalf("%d, want %d", w.Code, c.want)
				}
				h := w.Header()
				wantHeader(t, h, "Etag", `W/"abc"`)
				wantHeader(t, h, "Last-Modified", modified)
				wantHeader(t, h, "Cache-Control", "public, max-age=5")
				wantHeader(t, h, "Vary", "Accept-Encoding, Accept")
				wantHeader(t, h, "X-Data-Source", "store")
				if w.Code == 304 {
					wantHeader(t, h, "Content-Type", "")
					wantHeader(t, h, "Content-Length", "")
					wantHeader(t, h, "Content-Encoding", "")
					if w.Body.Len() != 0 {
						t.Errorf("body %s", w.Body)
					}
				}
			})
		}
	}
}

func TestAnswersWithoutValidators(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := largeAnswer()
	a.ETag, a.Modified, a.MaxAge, a.Origin = "", time.Time{}, -time.Second, ""
	b.answerWith(a)
	w := b.do("GET", "/api/trades", "If-Modified-Since", "Sun, 26 Oct 2025 04:18:54 GMT", "Accept-Encoding", "gzip")
	if w.Code != 200 || w.Body.String() != string(a.Body) {
		t.Errorf("%d", w.Code)
	}
	wantHeader(t, w.Header(), "Etag", "")
	wantHeader(t, w.Header(), "Last-Modified", "")
	wantHeader(t, w.Header(), "Cache-Control", "public, max-age=0")
	wantHeader(t, w.Header(), "X-Data-Source", "")
	wantHeader(t, w.Header(), "Content-Encoding", "")
}

func FuzzTagListed(f *testing.F) {
	for _, seed := range []string{`W/"a"`, `"a", "b"`, `*`, `"`, `W/`, `,,"a"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		tagListed(list, "a")
		if !tagListed(`"a",`+list, "a") {
			t.Errorf("the first tag is not found before %q", list)
		}
	})
}

// TestTimesTellContentsApart renders two contents at all distances, sends the
// first at all times until a second after the second was rendered, as another
// process may, and asks with its Last-Modified whether the second is new.
func TestTimesTellContentsApart(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time {
		return testTime.Truncate(time.Second).Add(time.Duration(ms) * time.Millisecond)
	}
	unchanged := 0
	for first := 0; first < 1000; first += 50 {
		for second := first; second < first+2500; second += 50 {
			for sent := first; sent < second+int(lateness.Milliseconds()); sent += 50 {
				h := http.Header{}
				describe(h, &arena.Answer{Modified: at(first)}, func() time.Time { return at(sent) })
				since := http.Header{"If-Modified-Since": h["Last-Modified"]}
				if notModified(since, &arena.Answer{Modified: at(second)}) {
					t.Fatalf("content of %d ms sent at %d ms as of %s passes for that of %d ms", first, sent, h.Get("Last-Modified"), second)
				}
				if notModified(since, &arena.Answer{Modified: at(first)}) {
					unchanged++
				}
			}
		}
	}
	if unchanged == 0 {
		t.Error("nothing is ever unchanged")
	}
}
