package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// pages reads a list to its end, by pages of a size, and does something between them.
func pages[P interface{ Next() string }](t *testing.T, address string, size int, between func()) (all []P) {
	t.Helper()
	cursor := ""
	for {
		next := address + "limit=" + strconv.Itoa(size)
		if cursor != "" {
			next += "&cursor=" + url.QueryEscape(cursor)
		}
		p := read[P](t, next)
		all = append(all, p)
		if cursor = p.Next(); cursor == "" {
			return all
		}
		between()
	}
}

// TestSearchFindsWhatModelsThought covers a trace that is a text, one that is an object,
// summaries, ranks, marks, pages while others are written, and queries of every kind.
func TestSearchFindsWhatModelsThought(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	n := 0
	think := func(model, trace, summary string) string {
		n++
		id := fmt.Sprintf("%s_%d", model, n)
		post(t, b.url, "decisions", fmt.Sprintf(`{"id":%q,"model_id":%q,"timestamp":%d,"cot_trace":%s,"cot_trace_summary":%s}`, id, model, n, trace, summary))
		return id
	}
	search := func(query string) (ids []string) {
		for _, r := range read[wire.SearchResults](t, b.url+"/api/search?"+query).Results {
			ids = append(ids, r.ID)
		}
		return ids
	}
	text := think("m", `"The narwhals are <b>breaking</b> out & running <script>alert(1)</script>"`, `null`)
	object := think("m", `{"BTC":{"signal":"hold","why":"a narwhal broke the range"},"n":7}`, `"nothing"`)
	summary := think("o", `null`, `"narwhal, narwhal \u0002 everywhere"`)
	think("o", `"something else"`, `"entirely"`)
	long := think("o", strconv.Quote("walrus "+strings.Repeat("abcdefghij klmnop qrs ", 50_000)), `null`)
	strange := think("o", strconv.Quote(strings.Repeat("𐐷𐐷-𐐷𐐷 ", 100_000)+strings.Repeat("x", 5000)), `"dolphin"`)

	require.Equal(t, []string{summary, object, text}, search("q=narwhal"), "the summary counts for more, then the newest")
	require.Equal(t, []string{text, object}, slices.Sorted(slices.Values(search("q=narwhals+breaking+or+broke"))))
	require.Equal(t, []string{object}, search("q=%22broke+the+range%22"))
	require.Empty(t, search("q=%22range+the+broke%22"))
	require.Equal(t, []string{object, text}, search("q=narwhal+-everywhere"))
	require.Equal(t, []string{object, text}, search("q=narwhal&model_id=m"))
	require.Equal(t, []string{text}, search("q=narwhal&to=1.5"))
	require.Equal(t, []string{long}, search("q=walrus"))
	require.Equal(t, []string{strange}, search("q=dolphin"))
	require.Empty(t, search("q=signal"), "the name of a member is no thought")
	for _, odd := range []string{`%27%3Bdrop+table`, `%26%7C%21%28%29+x`, `%3C-%3E+y%3A*`, `%E4%BD%A0%E5%A5%BD`} {
		require.Empty(t, search("q="+odd), odd)
	}
	for wrong, reason := range map[string]string{
		"": "missing", "q=": "empty", "q=+%20": "missing", "q=the+and+of": "no word", "q=-narwhal": "no word", "q=%5C%27": "no word", "q=a+or+-b+%22": "no word", "q=%22%22": "no word",
		"q=%00x": "NUL", "q=%FF": "UTF-8", "q=" + strings.Repeat("x+", 101): "longer", "q=x&limit=1001": "limit", "q=x&cursor=x": "cursor",
	} {
		res := get(t, b.url+"/api/search?"+wrong)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, "%s: %s", wrong, res.body)
		require.Contains(t, string(res.body), reason, wrong)
	}
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/api/search?q=x&model_id=nobody").StatusCode)

	first := read[wire.SearchResults](t, b.url+"/api/search?q=narwhal&to=1")
	require.Contains(t, first.Results[0].Trace, "<mark>narwhals</mark>")
	require.NotContains(t, strings.NewReplacer("<mark>", "", "</mark>", "").Replace(first.Results[0].Trace), "<")
	all := read[wire.SearchResults](t, b.url+"/api/search?q=narwhal")
	require.Equal(t, 2, strings.Count(all.Results[0].Summary, "<mark>"), all.Results[0].Summary)
	require.Equal(t, http.StatusOK, get(t, b.url+all.Results[0].Link).StatusCode)

	// Each once and in order, while better ones are written between the pages.
	for i := range 25 {
		think("m", strconv.Quote(strings.Repeat("orca ", 1+i%5)), `null`)
	}
	whole := search("q=orca")
	require.Len(t, whole, 25)
	var got []string
	for _, p := range pages[wire.SearchResults](t, b.url+"/api/search?q=orca&", 4, func() { think("m", `"orca orca orca orca orca orca"`, `"orca"`) }) { //nolint:dupword // a better match
		for _, r := range p.Results {
			got = append(got, r.ID)
		}
	}
	require.Equal(t, whole, got)
	res := get(t, b.url+"/api/search?q=orca&limit=3")
	require.Contains(t, res.Header.Get("Link"), `rel="next"`)
	require.Equal(t, http.StatusNotModified, get(t, b.url+"/api/search?q=orca&limit=3", "If-None-Match", res.Header.Get("ETag")).StatusCode)
}

// TestPagesOfDecisions compares pages with what the season tells, on both sides where the
// files hold it.
func TestPagesOfDecisions(t *testing.T) {
	t.Parallel()
	s, err := season.Generate(t.Context(), season.Options{Seed: 5, Models: 3, Hours: 24})
	require.NoError(t, err)
	dir := madeUp(t, season.Options{Seed: 5, Models: 3, Hours: 24})
	b := setup(t, withJSON(dir))
	fromFiles := get(t, b.url+"/api/conversations")
	model := s.Facts().Competitors[1]
	idsOf := func(list []wire.Conversations) (ids []string) {
		for _, p := range list {
			for _, d := range p.Conversations {
				ids = append(ids, d.Decision.ID)
			}
		}
		return ids
	}
	filed := idsOf(pages[wire.Conversations](t, b.url+"/api/conversations?model_id="+model+"&", 7, func() {}))
	require.NotEmpty(t, filed)
	for _, path := range []string{"/api/decisions/" + model, "/api/search?q=hold", "/api/decisions/" + model + "/" + filed[0], "/api/decisions/" + model + "/" + filed[0] + "/diff"} {
		res := get(t, b.url+path)
		require.Equal(t, http.StatusNotImplemented, res.StatusCode, path)
		require.Contains(t, string(res.body), "conversations", path)
	}

	b.load(t, dir)
	b.set(t, arena.DomainConversations, arena.Modes{Read: arena.ReadStore, Write: arena.WriteStore})
	await.True(t, func() bool {
		return get(t, b.url+"/api/conversations").Header.Get("X-Data-Source") == "store"
	})
	require.Equal(t, rows(t, fromFiles), rows(t, get(t, b.url+"/api/conversations")), "without parameters, what it always was")
	for _, size := range []int{1, 7, 1000} {
		require.Equal(t, filed, idsOf(pages[wire.Conversations](t, b.url+"/api/conversations?model_id="+model+"&", size, func() {})), "pages of %d", size)
	}
	var outlined []string
	for _, p := range pages[wire.Decisions](t, b.url+"/api/decisions/"+model+"?", 9, func() {}) {
		for _, d := range p.Decisions {
			outlined = append(outlined, d.ID)
			whole := read[wire.DecisionAudit](t, b.url+d.Link)
			sum := 0
			for _, n := range d.Signals {
				sum += n
			}
			require.Len(t, whole.Signals, sum)
			require.Len(t, d.Symbols, sum)
			require.Equal(t, len([]rune(whole.Decision.UserPrompt.Or(""))), d.PromptLength.Or(-1))
		}
	}
	require.Equal(t, filed, outlined)
	newest := read[wire.Decisions](t, b.url+"/api/decisions/"+model+"?limit=2").Decisions
	bounded := read[wire.Decisions](t, fmt.Sprintf("%s/api/decisions/%s?from=%.6f&to=%.6f", b.url, model, newest[1].Timestamp, newest[0].Timestamp)).Decisions
	require.Equal(t, newest, bounded)
	for _, wrong := range []string{"limit=0", "limit=1001", "from=x", "from=2&to=1", "cursor=" + "AAAA"} {
		require.Equal(t, http.StatusBadRequest, get(t, b.url+"/api/decisions/"+model+"?"+wrong).StatusCode, wrong)
		require.Equal(t, http.StatusBadRequest, get(t, b.url+"/api/conversations?"+wrong).StatusCode, wrong)
	}
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/api/decisions/nobody").StatusCode)
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/api/conversations?model_id=nobody").StatusCode)
}
