package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
	"nof0/internal/catalogue"
)

// playHours lets two models trade in a competition for some hours, from a time on:
// everything that views of accounts are made from.
func playHours(t *testing.T, url, competition string, begin, hours int, equity float64) {
	t.Helper()
	for m, model := range []string{"ant", "bee"} {
		id := fmt.Sprintf(`"model_id":%q,"competition_id":%q`, model, competition)
		post(t, url, "models", fmt.Sprintf(`{"id":%q,"competition_id":%q,"since_inception":{%s,"nav_since_inception":%v,"inception_date":%d}}`,
			model, competition, id, equity, begin))
		for hour := range hours {
			at := begin + 3600*hour + 60
			post(t, url, "equity", fmt.Sprintf(`{%s,"timestamp":%d,"dollar_equity":%v,"since_inception_hourly_marker":%d,"positions":{}}`,
				id, at, equity+float64((m+1)*hour), hour))
		}
		post(t, url, "positions", fmt.Sprintf(`{%s,"position":{"symbol":"SOL","entry_oid":7,"entry_time":%d,"entry_price":200,"quantity":%v}}`, id, begin, equity))
		post(t, url, "trades", fmt.Sprintf(`{%s,"id":"t1","symbol":"BTC","side":"long","quantity":1,"entry_oid":8,"entry_time":%d,"exit_time":%d,`+
			`"entry_price":200,"exit_price":201,"realized_net_pnl":%v}`, id, begin, begin+100, equity))
		post(t, url, "decisions", fmt.Sprintf(`{%s,"id":"d1","timestamp":%d,"user_prompt":%q,"cot_trace_summary":"I hold SOL"}`, id, begin+50, competition))
		post(t, url, "analytics", fmt.Sprintf(`{%s,"win_rate":%v,"updated_at":%d}`, id, equity/1000, time.Now().Add(time.Hour).Unix()))
	}
}

// viewPaths are the views of accounts that ask for no parameter, and some with one.
func viewPaths() []string {
	paths := []string{"/analytics/ant", "/equity?model_id=bee&points=3", "/positions?limit=1", "/account-totals?lastHourlyMarker=2"}
	for _, v := range catalogue.Views() {
		if v.OfCompetition() && !v.OfOne() {
			paths = append(paths, v.Path)
		}
	}
	return paths
}

// within adds a parameter to a path.
func within(path, competition string) string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + "competition=" + competition
}

// TestCompetitionsAreReadApart plays two seasons with the same models, whose ids,
// hours and facts are called alike, over two processes: what names a season answers of
// it alone, also after the other one became the default; what names none is of the
// default in both processes as soon as it changes; and a client that polls across the
// change gets the whole new season and is told so.
func TestCompetitionsAreReadApart(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) {
		c.IngestToken = ingestToken
		c.Cache.LocalTTL = time.Nanosecond // versions are asked for each time
	})
	_, other := start(t, b.cfg)
	urls := []string{b.url, other}
	content := func(url, path string) string {
		t.Helper()
		res := get(t, url+"/api"+path)
		require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", path, res.body)
		object := res.object(t)
		delete(object, "serverTime")
		raw, err := json.Marshal(object)
		require.NoError(t, err)
		return string(raw)
	}
	begin := int(time.Now().Add(-40 * time.Hour).Unix())
	playHours(t, b.url, "season-1", begin, 30, 10_000)
	first, tags := map[string]string{}, map[string]string{}
	for _, path := range viewPaths() {
		first[path] = content(b.url, path)
		tags[path] = get(t, b.url+"/api"+path).Header.Get("Etag")
		for _, url := range urls {
			require.Equal(t, first[path], content(url, within(path, "season-1")), path)
			require.Equal(t, first[path], content(url, path), path)
			res := get(t, url+"/api"+within(path, "season-2"))
			require.Equal(t, http.StatusNotFound, res.StatusCode, path)
			require.Equal(t, "/problems/unknown-competition", res.object(t)["type"])
			require.Contains(t, res.object(t)["detail"], `"season-2"`)
		}
	}

	post(t, b.url, "competitions", fmt.Sprintf(`{"id":"season-1","status":"ended","starts_at":%d}`, begin))
	post(t, b.url, "competitions", `{"id":"season-2","name":"Season 2","mode":"calm","status":"running","rules":{"x":1}}`)
	for _, url := range urls {
		// Nobody has traded yet: a client that knows hour 29 starts anew.
		require.JSONEq(t, `{"accountTotals":[],"lastHourlyMarkerRead":-1,"competition":"season-2"}`, content(url, "/account-totals?lastHourlyMarker=29"))
		for _, path := range []string{"/account-totals", "/account-totals?lastHourlyMarker=-1", "/account-totals?lastHourlyMarker=0"} {
			require.JSONEq(t, `{"accountTotals":[],"lastHourlyMarkerRead":-1}`, content(url, path), path)
		}
		require.JSONEq(t, `{"trades":[]}`, content(url, "/trades"))
		require.JSONEq(t, `{"leaderboard":[]}`, content(url, "/leaderboard"))
		for _, path := range viewPaths() {
			require.Equal(t, first[path], content(url, within(path, "season-1")), path)
		}
	}
	playHours(t, b.url, "season-2", begin+36*3600, 4, 5000)
	for _, path := range viewPaths() {
		want := content(b.url, path)
		require.NotEqual(t, want, first[path], path)
		for _, url := range urls {
			require.Equal(t, want, content(url, path), path)
			require.Equal(t, want, content(url, within(path, "season-2")), path)
			require.Equal(t, first[path], content(url, within(path, "season-1")), path)
			require.Equal(t, tags[path], get(t, url+"/api"+within(path, "season-1")).Header.Get("Etag"), path)
			stale := get(t, url+"/api"+path, "If-None-Match", tags[path])
			require.Equal(t, http.StatusOK, stale.StatusCode, "%s is of another season", path)
		}
	}
	requireLinksWithin(t, content, b.url)
	whole := parse(t, []byte(content(b.url, "/account-totals")))
	for _, url := range urls {
		for marker, ahead := range map[int]bool{0: false, 2: false, 3: false, 4: true, 29: true, 407: true} {
			path := fmt.Sprintf("/account-totals?lastHourlyMarker=%d", marker)
			got := parse(t, []byte(content(url, path)))
			require.EqualValues(t, 3, got["lastHourlyMarkerRead"])
			if !ahead {
				require.NotContains(t, got, "competition", path)
				require.Len(t, got["accountTotals"], 2*(4-marker), path)
				continue
			}
			require.Equal(t, "season-2", got["competition"], path)
			require.Equal(t, whole["accountTotals"], got["accountTotals"], path)
		}
		got := parse(t, []byte(content(url, "/account-totals?competition=season-1&lastHourlyMarker=29")))
		require.NotContains(t, got, "competition")
		require.Len(t, got["accountTotals"], 2)
	}

	listed := parse(t, []byte(content(other, "/competitions")))["competitions"].([]any)
	require.Len(t, listed, 2)
	for i, want := range []map[string]any{
		{"id": "season-1", "status": "ended", "accounts": 2.0, "leader": "bee", "return": 0.58, "default": nil},
		{"id": "season-2", "status": "running", "accounts": 2.0, "leader": "bee", "return": 0.12, "default": true},
	} {
		row := listed[i].(map[string]any)
		leader := row["leader"].(map[string]any)
		require.InDelta(t, want["return"], leader["return_pct"], 1e-9)
		require.Equal(t, want["leader"], leader["model_id"])
		for _, name := range []string{"id", "status", "accounts", "default"} {
			require.Equal(t, want[name], row[name], name)
		}
	}

	o, err := redis.ParseURL(b.redis.URL())
	require.NoError(t, err)
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	quantity := func(key string) string {
		var position struct {
			Quantity json.Number `json:"quantity"`
		}
		_ = json.Unmarshal([]byte(client.HGet(t.Context(), key, "SOL").Val()), &position)
		return position.Quantity.String()
	}
	post(t, b.url, "prices", `{"symbol":"SOL","price":190.5,"timestamp":1761452335744}`) // both have moved
	await.True(t, func() bool {
		return quantity("nof0:positions:{ant}") == "5000"
	})

	post(t, b.url, "competitions", `{"id":"season-2","status":"ended"}`)
	post(t, b.url, "competitions", `{"id":"season-1","status":"running","ends_at":null}`)
	for _, path := range viewPaths() {
		for _, url := range urls {
			require.Equal(t, first[path], content(url, path), path)
		}
	}
	await.True(t, func() bool {
		return quantity("nof0:positions:{ant}") == "10000" && quantity("nof0:season-2:positions:{ant}") == "5000"
	})
}

// requireLinksWithin follows the links of what names a competition: each names it too
// and leads to something of it. Those of what names none name none.
func requireLinksWithin(t *testing.T, content func(url, path string) string, url string) {
	t.Helper()
	links := func(path string) (found []string) {
		for _, match := range aLink.FindAllStringSubmatch(content(url, path), -1) {
			link, err := strconv.Unquote(`"` + match[1] + `"`)
			require.NoError(t, err)
			found = append(found, link)
		}
		return found
	}
	for _, path := range []string{"/models/ant", "/decisions/ant", "/decisions/bee?limit=1", "/search?q=hold", "/decisions/ant/d1"} {
		named, unnamed := links(within(path, "season-1")), links(path)
		require.NotEmpty(t, named, path)
		require.NotEmpty(t, unnamed, path)
		for _, link := range named {
			require.Contains(t, link, "competition=season-1", path)
			require.NotContains(t, content(url, strings.TrimPrefix(link, "/api")), "season-2", "%s in %s", link, path)
		}
		for _, link := range unnamed {
			require.NotContains(t, link, "competition=", path)
			require.NotContains(t, content(url, strings.TrimPrefix(link, "/api")), "season-1", "%s in %s", link, path)
		}
	}
}

var aLink = regexp.MustCompile(`"(?:[a-z]+_)?link":"([^"]+)"`)

// TestTheStreamIsOfACompetition reads the stream of one of two competitions, from the
// begin and from an id on.
func TestTheStreamIsOfACompetition(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	post(t, b.url, "competitions", `{"id":"s:2","status":"running"}`)
	for i := range 6 {
		for _, competition := range []string{"season-1", "s:2"} {
			post(t, b.url, "trades", fmt.Sprintf(`{"model_id":"m","competition_id":%q,"id":"t%d","symbol":"BTC","side":"long","quantity":1,"entry_time":1,`+
				`"exit_time":%d,"entry_price":200,"exit_price":201,"realized_net_pnl":1}`, competition, i, 100+i))
		}
	}
	read := func(query, after string, n int) (ids []string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), waitLong)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/api/stream?types=trade&"+query, nil)
		require.NoError(t, err)
		req.Header.Set("Last-Event-ID", after)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		lines := bufio.NewScanner(res.Body)
		for len(ids) < n {
			require.True(t, lines.Scan(), "%v", lines.Err())
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				ids = append(ids, id)
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && strings.Contains(query, "competition") {
				require.Contains(t, data, `"competition_id":"s:2"`)
			}
		}
		return ids
	}
	all, mine := read("", "0", 12), read("competition=s%3A2", "0", 6)
	require.Subset(t, all, mine)
	require.Equal(t, mine[3:], read("competition=s%3A2", mine[2], 3))
	require.Equal(t, mine[3:], read("competition=s%3A2&symbol=BTC&model_id=m", mine[2], 3))
	require.Equal(t, http.StatusNotFound, get(t, b.url+"/api/stream?competition=s2").StatusCode)
}
