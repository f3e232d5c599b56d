package app_test

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/internal/await"
	"nof0/internal/wire"
)

var aHref = regexp.MustCompile(`href="([^"]+)"`)

// TestEveryIDThatIsTakenCanBeOpened holds that what is taken in under an id, however odd,
// has its endpoints, its pages, links that lead there and its keys in Redis, and that an id
// that no address can name is refused.
func TestEveryIDThatIsTakenCanBeOpened(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest)
	o, err := redis.ParseURL(b.redis.URL())
	require.NoError(t, err)
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	for _, id := range []string{".", "..", " a", "a ", "a\x00b", "a\nb", "a\u0085b", "{a}", "", strings.Repeat("x", 300)} {
		for kind, body := range writesOf(t, id) {
			res := request(t, ingestToken, http.MethodPost, b.url+"/api/ingest/"+kind+"?register=true", body)
			require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode, "%s %q: %s", kind, id, res.body)
			require.Regexp(t, `"(/trade|/position)?/(id|model_id|symbol)"`, string(res.body), "%s %q", kind, id)
		}
	}

	links := map[string]string{}
	for _, id := range oddIDs() {
		for _, kind := range []string{"models", "prices", "decisions", "trades", "positions"} {
			post(t, b.url, kind, writesOf(t, id)[kind])
		}
		segment, query := url.PathEscape(id), url.QueryEscape(id)
		for _, path := range []string{
			"/api/models/" + segment, "/api/positions/" + segment, "/api/prices/" + segment, "/api/symbols/" + segment,
			"/api/decisions/" + segment, "/api/decisions/" + segment + "/" + segment, "/api/decisions/" + segment + "/" + segment + "/diff",
			"/api/trades?model_id=" + query, "/api/trades?symbol=" + query, "/api/conversations?model_id=" + query,
		} {
			res := get(t, b.url+path)
			require.Equal(t, http.StatusOK, res.StatusCode, "%q: %s: %s", id, path, res.body)
			require.Contains(t, said(t, res.body), quoted(t, id), path)
		}
		csv := get(t, b.url+"/api/trades?format=csv&model_id="+query)
		require.Equal(t, http.StatusOK, csv.StatusCode, "%q", id)
		require.NotRegexp(t, `(?m)(^|,|")[=@]`, string(csv.body), "a spreadsheet takes it for a formula")
		await.True(t, func() bool {
			return client.Exists(t.Context(), "nof0:positions:{"+id+"}").Val() == 1
		}, "%q is in Redis", id)
		pages := []string{"/models/" + segment, "/symbols/" + segment, "/models/" + segment + "/decisions/" + segment}
		for _, page := range append(pages, "/") {
			maps.Copy(links, linksOf(t, b.url+page))
		}
		for _, page := range pages {
			require.Contains(t, links, page, "%q", id)
		}
	}
	for _, link := range links {
		require.Equal(t, http.StatusOK, get(t, link).StatusCode, link)
	}
}

// oddIDs can all be named in an address.
func oddIDs() []string {
	return []string{
		"a/b", "a/", "/", "a/../b", "...", "100%", "%2e%2e", "what?#x", "a b+c", "=1+2", "@x", `a\b`, "a:b", "a;b&c=d",
		`<b>"'`, "e\u0301", "é", "a\u202eb", "a\u2028b", strings.Repeat("x", wire.MaxID),
	}
}

// writesOf are a write of every kind in which everything has one id.
func writesOf(t *testing.T, id string) map[string]string {
	t.Helper()
	q := quoted(t, id)
	return map[string]string{
		"models":    fmt.Sprintf(`{"id":%s}`, q),
		"prices":    fmt.Sprintf(`{"symbol":%s,"price":190.5,"timestamp":1761452335744}`, q),
		"decisions": fmt.Sprintf(`{"id":%s,"model_id":%[1]s,"timestamp":1761450000,"user_prompt":"x","llm_response":{%[1]s:{"signal":"hold"}}}`, q),
		"trades": fmt.Sprintf(`{"trade":{"id":%s,"model_id":%[1]s,"symbol":%[1]s,"side":"long","quantity":1,"entry_time":1761450000,`+
			`"exit_time":1761450001,"entry_price":200,"exit_price":201,"realized_net_pnl":1},"remaining":null}`, q),
		"positions": fmt.Sprintf(`{"model_id":%s,"position":{"symbol":%[1]s,"entry_oid":9,"entry_price":200,"quantity":5,"entry_time":1761450002}}`, q),
	}
}

func quoted(t *testing.T, id string) string {
	t.Helper()
	raw, err := json.Marshal(id)
	require.NoError(t, err)
	return string(raw)
}

// said is a document as encoding/json writes it, however it was spelled.
func said(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(raw, &v))
	again, err := json.Marshal(v)
	require.NoError(t, err)
	return string(again)
}

// linksOf are where a page leads on this server, as a browser resolves it, by their
// paths as url.PathEscape spells them.
func linksOf(t *testing.T, page string) map[string]string {
	t.Helper()
	res := get(t, page, "Accept", "text/html")
	require.Equal(t, http.StatusOK, res.StatusCode, page)
	at, err := url.Parse(page)
	require.NoError(t, err)
	links := map[string]string{}
	for _, m := range aHref.FindAllStringSubmatch(string(res.body), -1) {
		link, err := at.Parse(html.UnescapeString(m[1]))
		require.NoError(t, err, m[1])
		link.Fragment = ""
		if link.Host != at.Host {
			continue
		}
		segments := strings.Split(link.EscapedPath(), "/")
		for i, segment := range segments {
			segment, err = url.PathUnescape(segment)
			require.NoError(t, err, m[1])
			segments[i] = url.PathEscape(segment)
		}
		links[strings.Join(segments, "/")] = link.String()
	}
	return links
}
