package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/catalogue"
	"nof0/internal/readtest"
	"nof0/internal/recompute"
	"nof0/internal/season"
	"nof0/internal/wire"
)

// object is any JSON object.
type object = map[string]any

// send posts JSON with a token and returns the status and the object it is answered
// with.
func send(t testing.TB, url, token string, body any, headers ...string) (int, object) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	res := request(t, token, http.MethodPost, url, string(raw), headers...)
	var v object
	require.NoError(t, json.Unmarshal(res.body, &v), "%s", res.body)
	return res.StatusCode, v
}

// ingest hands in one item and returns its status and result.
func (b *bundle) ingest(t testing.TB, kind string, item object) (int, object) {
	t.Helper()
	status, answer := send(t, b.url+"/api/ingest/"+kind, ingestToken, item)
	return status, answer["results"].([]any)[0].(object)
}

// correction asks for a correction of a fact; with nil it is void.
func (b *bundle) correction(t testing.TB, kind, model, id string, fact any, headers ...string) (int, object) {
	t.Helper()
	body := object{"kind": kind, "model_id": model, "fact_id": id, "action": "void", "reason": "a test"}
	if fact != nil {
		body["action"], body["fact"] = "replace", fact
	}
	return send(t, b.url+"/admin/corrections", adminToken, body, headers...)
}

// mustCorrect expects an outcome of a correction.
func (b *bundle) mustCorrect(t testing.TB, outcome, kind, model, id string, fact any) object {
	t.Helper()
	status, answer := b.correction(t, kind, model, id, fact)
	require.Equal(t, http.StatusOK, status, "%v", answer)
	require.Equal(t, outcome, answer["outcome"], "%v", answer)
	return answer
}

// happened is one thing that happened, as an item of ingest.
type happened struct {
	kind string
	item object
}

// fact names the fact of an item as a correction does.
func (h happened) fact() (kind, model, id string) {
	row := h.item
	switch h.kind {
	case season.KindTrades:
		kind = "trade"
		if inner, ok := row["trade"].(object); ok {
			row = inner
		}
		id = row["id"].(string)
	case season.KindEquity:
		kind, id = "equity", strconv.FormatFloat(row["timestamp"].(float64), 'f', -1, 64)
	case season.KindDecisions:
		kind, id = "decision", row["id"].(string)
	}
	return kind, row["model_id"].(string), id
}

// clone is a deep copy.
func clone(t testing.TB, v object) object {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return parse2(t, raw)
}

func parse2(t testing.TB, raw []byte) object {
	t.Helper()
	var v object
	require.NoError(t, json.Unmarshal(raw, &v))
	return v
}

// changed is the item of the same fact with other content.
func (h happened) changed(t testing.TB, random *rand.Rand) happened {
	t.Helper()
	item := clone(t, h.item)
	row := item
	switch h.kind {
	case season.KindTrades:
		if inner, ok := item["trade"].(object); ok {
			row = inner
		}
		row["realized_net_pnl"] = row["realized_net_pnl"].(float64)*1.5 + 0.25
		row["exit_time"] = row["exit_time"].(float64) + 0.5
		switch random.IntN(3) {
		case 0:
			row["quantity"] = row["quantity"].(float64) / 2
		case 1:
			row["side"] = "short"
			delete(item, "remaining")
			if row["quantity"].(float64) > 0 {
				row["quantity"] = -row["quantity"].(float64)
			}
		}
	case season.KindEquity:
		row["dollar_equity"] = row["dollar_equity"].(float64) + 1234.5
		row["realized_pnl"] = nil
	case season.KindDecisions:
		row["user_prompt"] = "another question"
		row["timestamp"] = row["timestamp"].(float64) + 1
		if random.IntN(2) == 0 {
			delete(row, "llm_response")
		}
	}
	return happened{h.kind, item}
}

// storyOf is what happens in a plan. What comes along with a trade has an item of its
// own, and every position says of when it is.
func storyOf(t testing.TB, plan *season.Plan) (story []happened) {
	t.Helper()
	hours := 0
	for e, err := range plan.Events() {
		require.NoError(t, err)
		if e.Kind == season.KindEquity {
			hours++
		}
		if e.Kind == season.KindPrices || e.Kind == season.KindEquity && hours%4 > 0 {
			continue
		}
		body := parse2(t, e.Body)
		items, isList := body["items"].([]any)
		if !isList {
			items = []any{body}
		}
		for _, one := range items {
			item := one.(object)
			if e.Kind == season.KindPositions {
				at := wire.Seconds(e.At)
				if isOpening := item["position"].(object)["entry_time"] == at; !isOpening && hours%4 > 0 {
					continue // stated anew every hour
				}
				item["timestamp"] = at
			}
			equity := item["equity"]
			delete(item, "equity")
			story = append(story, happened{e.Kind, item})
			if row, ok := equity.(object); ok {
				story = append(story, happened{season.KindEquity, row})
			}
		}
	}
	return story
}

// settled waits until everything that follows from what was committed is done.
func (b *bundle) settled(t *testing.T) {
	t.Helper()
	db := b.sql(t)
	await.True(t, func() bool {
		var waiting int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM outbox_events WHERE relayed_at IS NULL").Scan(&waiting))
		competitions, err := b.app.Store.Competitions.All(t.Context())
		require.NoError(t, err)
		stale := 0
		for _, c := range competitions {
			models, err := b.app.Store.In(c.ID).Recompute.Stale(t.Context(), recompute.Version)
			require.NoError(t, err)
			stale += len(models)
		}
		return waiting == 0 && stale == 0
	})
}

// shown is everything that the system stores, keeps and answers, but for when it was
// stored, computed and asked.
func (b *bundle) shown(t *testing.T, models []string) map[string]any {
	t.Helper()
	b.settled(t)
	all := map[string]any{}
	timeless := func(raw []byte) any {
		v := parse2(t, raw)
		var strip func(v any)
		strip = func(v any) {
			switch x := v.(type) {
			case object:
				for _, name := range []string{"serverTime", "updated_at", "as_of", "positions_as_of", "invocations_as_of", "stated_at", "StatedAt", "server_time", "listed_at"} {
					delete(x, name)
				}
				for _, member := range x {
					strip(member)
				}
			case []any:
				for _, member := range x {
					strip(member)
				}
			}
		}
		strip(v)
		return v
	}
	for table, rows := range dump(t, b) {
		switch table {
		case "outbox_events", "corrections", "idempotency_keys", "store_identity", "analytics_states":
			continue
		}
		list := []string{}
		for _, row := range rows {
			v := timeless([]byte(row)).(object)
			if content, ok := v["content"].(string); ok && json.Valid([]byte(content)) {
				v["content"], v["content_digest"] = timeless([]byte(content)), nil // Postgres writes JSON in its own form
			}
			raw, err := json.Marshal(v)
			require.NoError(t, err)
			list = append(list, string(raw))
		}
		slices.Sort(list)
		all["table "+table] = list
	}
	paths := []string{"/account-totals?lastHourlyMarker=0", "/account-totals?lastHourlyMarker=3", "/positions?limit=1000"}
	for _, v := range catalogue.Views() {
		if !v.OfOne() {
			paths = append(paths, v.Path)
		}
	}
	for _, model := range models {
		paths = append(paths, "/analytics/"+model, "/equity?points=8&model_id="+model)
	}
	for _, path := range paths {
		res := get(t, b.url+"/api"+path)
		all["GET "+path] = res.StatusCode // a benchmark has no metrics
		if res.StatusCode == http.StatusOK {
			all["GET "+path] = timeless(res.body)
		}
	}
	o, err := redis.ParseURL(b.redis.URL())
	require.NoError(t, err)
	client := redis.NewClient(o)
	defer client.Close()
	keys := cachelayer.NewKeys(b.cfg.Cache)
	note := func(key cachelayer.Key, err error) {
		require.NoError(t, err)
		var value any
		switch kind := client.Type(t.Context(), key.Name).Val(); kind {
		case "none":
		case "string":
			value, err = client.Get(t.Context(), key.Name).Result()
		case "list":
			value, err = client.LRange(t.Context(), key.Name, 0, -1).Result()
		case "hash":
			value, err = client.HGetAll(t.Context(), key.Name).Result()
		case "zset":
			value, err = client.ZRangeWithScores(t.Context(), key.Name, 0, -1).Result()
		default:
			t.Fatalf("%s is a %s", key.Name, kind)
		}
		require.NoError(t, err)
		all["Redis "+key.Name] = value
	}
	for _, p := range catalogue.Projections() {
		if p.Name == catalogue.ProjectionLeaderboard {
			note(keys.Projection(p.Name))
			continue
		}
		for _, model := range models {
			if p.OfAccounts {
				note(keys.Projection(p.Name, model))
			}
		}
	}
	return all
}

func withTokens(c *config.Config) { c.IngestToken, c.AdminToken = ingestToken, adminToken }

// TestACorrectedStoreIsOneThatNeverWasWrong plays a season into two systems: into one
// as it happened, and facts are then voided, replaced, and brought back; into the
// other as the corrections say from the start. They come to the same tables, views
// and projections.
func TestACorrectedStoreIsOneThatNeverWasWrong(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 11))
			s, err := season.Generate(t.Context(), season.Options{Seed: 60 + seed, Models: 3, Hours: 24, DecisionEvery: 2 * time.Hour})
			require.NoError(t, err)
			story := append(storyOf(t, s.Plan(season.PlanOptions{})), storyOf(t, season.Fills(season.FillsOptions{Seed: seed, Models: 2, Count: 50}))...)
			// No projection goes by itself, however slow the machine is.
			lasting := func(c *config.Config) { c.Cache.Medium, c.Cache.Long = time.Hour, 24*time.Hour }
			wrong, right := setup(t, withTokens, lasting), setup(t, withTokens, lasting)
			outcomes := make([]string, len(story))
			models := map[string]bool{}
			for i, h := range story {
				_, result := wrong.ingest(t, h.kind, h.item)
				outcomes[i] = result["outcome"].(string)
				require.NotEqual(t, "rejected", outcomes[i], "%s %v", h.kind, result)
			}
			// The newest and the oldest of each kind, and some between, are corrected.
			fates := map[int]string{}
			for _, kind := range []string{season.KindTrades, season.KindEquity, season.KindDecisions} {
				var of []int
				for i, h := range story {
					if h.kind == kind && outcomes[i] == "inserted" {
						of = append(of, i)
					}
				}
				require.Greater(t, len(of), 9, kind)
				random.Shuffle(len(of)-2, func(i, j int) { of[i+1], of[j+1] = of[j+1], of[i+1] })
				for n, i := range append(of[:8:8], of[len(of)-1]) {
					fates[i] = []string{"void", "replace", "void and back"}[(n+int(seed))%3]
				}
			}
			should := slices.Clone(story)
			corrected := slices.Collect(maps.Keys(fates))
			slices.Sort(corrected)
			random.Shuffle(len(corrected), func(i, j int) { corrected[i], corrected[j] = corrected[j], corrected[i] })
			for _, i := range corrected {
				kind, model, id := story[i].fact()
				models[model] = true
				next := story[i].changed(t, random)
				switch fates[i] {
				case "void":
					wrong.mustCorrect(t, "voided", kind, model, id, nil)
					wrong.mustCorrect(t, "unchanged", kind, model, id, nil)
					should[i].kind = ""
				case "replace":
					wrong.mustCorrect(t, "replaced", kind, model, id, next.item)
					wrong.mustCorrect(t, "unchanged", kind, model, id, next.item)
					should[i] = next
				default:
					before := wrong.mustCorrect(t, "voided", kind, model, id, nil)["correction"].(object)["before"]
					wrong.mustCorrect(t, "replaced", kind, model, id, before)
				}
			}
			for _, h := range should {
				if h.kind != "" {
					_, result := right.ingest(t, h.kind, h.item)
					require.NotEqual(t, "rejected", result["outcome"], "%s %v", h.kind, result)
				}
			}
			got, want := wrong.shown(t, slices.Sorted(maps.Keys(models))), right.shown(t, slices.Sorted(maps.Keys(models)))
			require.Greater(t, len(models), 3)
			require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
			for _, name := range slices.Sorted(maps.Keys(want)) {
				assert.Equal(t, want[name], got[name], name)
			}

			// No sender brings back what was corrected.
			for i, h := range story {
				status, result := wrong.ingest(t, h.kind, h.item)
				if fate := fates[i]; fate == "void" || fate == "replace" {
					require.Equal(t, http.StatusConflict, status, "%s %v", h.kind, result)
					detail := result["error"].(object)["detail"].(string)
					require.Contains(t, detail, map[string]string{"void": "was voided on 2", "replace": "was replaced on 2"}[fate])
					require.Contains(t, detail, "by admin API, 127.0.0.1: a test")
				}
				status, result = wrong.ingest(t, should[i].orElse(h).kind, should[i].orElse(h).item)
				if fates[i] == "replace" {
					require.Equal(t, "unchanged", result["outcome"], "%d %v", status, result)
				}
			}
			again := wrong.shown(t, slices.Sorted(maps.Keys(models)))
			for _, name := range slices.Sorted(maps.Keys(want)) {
				assert.Equal(t, want[name], again[name], name)
			}
		})
	}
}

func (h happened) orElse(other happened) happened {
	if h.kind == "" {
		return other
	}
	return h
}

// lone is a model with one fact of each kind that can be corrected.
func (b *bundle) lone(t *testing.T, model string) []happened {
	t.Helper()
	post(t, b.url, "models", `{"id":"`+model+`","since_inception":{"model_id":"`+model+`","nav_since_inception":10000,"inception_date":1761440000}}`)
	facts := []happened{
		{season.KindTrades, object{"trade": object{
			"id": model + "_1", "model_id": model, "symbol": "SOL", "side": "long", "quantity": 2.0, "entry_oid": 7.0, "entry_time": 1761450000.0,
			"exit_time": 1761452300.25, "entry_price": 200.0, "exit_price": 190.5, "realized_net_pnl": -1.25,
		}, "remaining": object{"symbol": "SOL", "entry_oid": 7.0, "entry_price": 200.0, "quantity": 3.0, "entry_time": 1761450000.0}}},
		{season.KindEquity, object{
			"model_id": model, "timestamp": 1761452335.5, "dollar_equity": 9999.0, "since_inception_hourly_marker": 3.0,
			"since_inception_minute_marker": 205.0, "positions": object{},
		}},
		{season.KindDecisions, object{
			"id": model + "_1761452331.5", "model_id": model, "timestamp": 1761452331.5, "user_prompt": "p",
			"llm_response": object{"SOL": object{"signal": "hold"}},
		}},
	}
	for _, h := range facts {
		raw, err := json.Marshal(h.item)
		require.NoError(t, err)
		post(t, b.url, h.kind, string(raw))
	}
	return facts
}

// TestTheOnlyFactLeavesNoTrace voids all that a model has ever done.
func TestTheOnlyFactLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b, never := setup(t, withTokens), setup(t, withTokens)
	for _, system := range []*bundle{b, never} {
		post(t, system.url, "symbols", `{"symbol":"SOL","size_step":0.01}`)
		post(t, system.url, "models", `{"id":"m","since_inception":{"model_id":"m","nav_since_inception":10000,"inception_date":1761440000}}`)
	}
	facts := b.lone(t, "m")
	b.settled(t)
	require.Contains(t, string(get(t, b.url+"/api/positions").body), `"entry_oid":7`)
	for _, h := range facts {
		kind, model, id := h.fact()
		b.mustCorrect(t, "voided", kind, model, id, nil)
	}
	got, want := b.shown(t, []string{"m"}), never.shown(t, []string{"m"})
	for _, name := range slices.Sorted(maps.Keys(want)) {
		assert.Equal(t, want[name], got[name], name)
	}
}

// TestWhatAFillSaidIsCorrected holds that a sender does not bring back what an
// operator has taken out of what a fill says remains, and that a trade of a version
// that kept no facts of positions is taken out of its position.
func TestWhatAFillSaidIsCorrected(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	post(t, b.url, "symbols", `{"symbol":"SOL","size_step":0.01}`)
	post(t, b.url, "symbols", `{"symbol":"ETH","size_step":0.01}`)
	h := b.lone(t, "m")[0]
	b.mustCorrect(t, "replaced", "trade", "m", "m_1", object{"trade": h.item["trade"]})
	require.Zero(t, b.count(t, "SELECT count(*) FROM positions"), "the fill alone had told of it")
	status, result := b.ingest(t, h.kind, h.item)
	require.Equal(t, http.StatusConflict, status, "%v", result)
	require.Contains(t, result["error"].(object)["detail"], "was replaced on")
	status, result = b.ingest(t, h.kind, object{"trade": h.item["trade"]})
	require.Equal(t, http.StatusOK, status, "%v", result)
	require.Equal(t, "unchanged", result["outcome"])
	require.Zero(t, b.count(t, "SELECT count(*) FROM positions"))

	post(t, b.url, "positions", `{"model_id":"m","position":{"symbol":"ETH","entry_oid":9,"entry_price":200,"quantity":5,"entry_time":1761450000}}`)
	post(t, b.url, "trades", `{"id":"m_2","model_id":"m","symbol":"ETH","side":"long","quantity":2,"entry_oid":9,"entry_time":1761450000,`+
		`"exit_time":1761452300.25,"entry_price":200,"exit_price":190.5,"realized_net_pnl":-1.25}`)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE quantity = 3"))
	_, err := b.sql(t).ExecContext(t.Context(), "DELETE FROM position_facts")
	require.NoError(t, err)
	b.mustCorrect(t, "voided", "trade", "m", "m_2", nil)
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM positions WHERE quantity = 5 AND status = 'open'"))
}

// TestCorrectionsAreRefused holds that what cannot be done changes nothing.
func TestCorrectionsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	post(t, b.url, "symbols", `{"symbol":"SOL","size_step":0.01}`)
	facts := b.lone(t, "m")
	b.settled(t)
	before := dump(t, b)
	trade, equity, decision := facts[0].item["trade"].(object), facts[1].item, facts[2].item
	with := func(row object, member string, value any) object {
		changed := clone(t, row)
		changed[member] = value
		return changed
	}
	for name, c := range map[string]struct {
		kind, model, id string
		fact            any
		status          int
		says            string
	}{
		"no such trade":           {"trade", "m", "m_2", nil, 404, "unknown-fact"},
		"no such model":           {"decision", "n", "m_1", nil, 404, "unknown-fact"},
		"a replacement of none":   {"trade", "m", "m_2", with(trade, "id", "m_2"), 404, "unknown-fact"},
		"no such time":            {"equity", "m", "1761452335.6", nil, 404, "unknown-fact"},
		"no time":                 {"equity", "m", "m_3", nil, 422, "is no time in unix seconds"},
		"a hexadecimal time":      {"equity", "m", "0x1p4", nil, 422, "is no time in unix seconds"},
		"no kind":                 {"position", "m", "m_1", nil, 422, "is none of trade, equity, decision"},
		"an empty id":             {"trade", "m", "", nil, 422, "/fact_id"},
		"another id":              {"trade", "m", "m_1", with(trade, "id", "m_2"), 422, `is not \"m_1\"`},
		"another model":           {"decision", "m", "m_1761452331.5", with(decision, "model_id", "n"), 422, "unknown model"},
		"another time":            {"equity", "m", "1761452335.5", with(equity, "timestamp", 1761452336), 422, "/fact/timestamp"},
		"a marker that does not":  {"equity", "m", "1761452335.5", with(equity, "since_inception_hourly_marker", 90), 422, "/fact/since_inception_hourly_marker"},
		"beyond the bounds":       {"trade", "m", "m_1", with(trade, "quantity", 1e16), 422, "/fact/quantity"},
		"a wrong type":            {"trade", "m", "m_1", with(trade, "exit_price", "much"), 422, "/fact/exit_price"},
		"an unknown symbol":       {"trade", "m", "m_1", object{"trade": with(trade, "symbol", "NONE")}, 422, "unknown symbol"},
		"what no longer fits":     {"trade", "m", "m_1", with(trade, "entry_oid", 8), 422, "no longer fits"},
		"equity beside the trade": {"trade", "m", "m_1", object{"trade": trade, "equity": equity}, 422, "/fact/equity"},
		"no object":               {"trade", "m", "m_1", "text", 422, "/fact"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := b.correction(t, c.kind, c.model, c.id, c.fact)
			raw, err := json.Marshal(answer)
			require.NoError(t, err)
			require.Equal(t, c.status, status, "%s", raw)
			require.Contains(t, string(raw), c.says)
		})
	}
	for _, reason := range []any{"", "  ", strings.Repeat("x", 501), "a\x00b"} {
		status, _ := send(t, b.url+"/admin/corrections", adminToken, object{"kind": "trade", "model_id": "m", "fact_id": "m_1", "action": "void", "reason": reason})
		require.Equal(t, http.StatusUnprocessableEntity, status, "%q", reason)
	}
	require.Equal(t, before, dump(t, b))

	// Where the last step fails, nothing of the others is done.
	_, err := b.sql(t).ExecContext(t.Context(), `
		CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk'; END $$;
		CREATE TRIGGER fail BEFORE INSERT ON outbox_events FOR EACH ROW EXECUTE FUNCTION fail()`)
	require.NoError(t, err)
	for _, h := range facts {
		kind, model, id := h.fact()
		for _, fact := range []any{nil, h.changed(t, rand.New(rand.NewPCG(1, 1))).item} {
			status, answer := b.correction(t, kind, model, id, fact)
			require.Equal(t, http.StatusInternalServerError, status, "%v", answer)
		}
	}
	require.Equal(t, before, dump(t, b))
}

// TestCorrectionsAtOnce lets many correct the same facts while they are sent again
// and metrics are computed: each is done once.
func TestCorrectionsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	_, other := start(t, b.cfg)
	post(t, b.url, "symbols", `{"symbol":"SOL","size_step":0.01}`)
	facts := b.lone(t, "m")
	urls := []string{b.url, other}
	for _, h := range facts {
		kind, model, id := h.fact()
		next := h.changed(t, rand.New(rand.NewPCG(2, 2)))
		for _, fact := range []any{nil, next.item} {
			var mu sync.Mutex
			counts := map[string]int{}
			var all sync.WaitGroup
			for n := range 16 {
				all.Go(func() {
					at := bundle{url: urls[n%2]}
					status, answer := at.correction(t, kind, model, id, fact)
					mu.Lock()
					defer mu.Unlock()
					counts[fmt.Sprint(status, " ", answer["outcome"])]++
				})
				all.Go(func() {
					at := bundle{url: urls[n%2]}
					status, result := at.ingest(t, h.kind, h.item)
					mu.Lock()
					defer mu.Unlock()
					if status != http.StatusOK || result["outcome"] != "unchanged" {
						counts["not unchanged"]++
						if status != http.StatusConflict {
							counts[fmt.Sprint("ingest ", status, " ", result)]++
						}
					}
				})
			}
			all.Wait()
			did := "200 voided"
			if fact != nil {
				did = "200 replaced"
			}
			delete(counts, "not unchanged")
			require.Equal(t, map[string]int{did: 1, "200 unchanged": 15}, counts, kind)
		}
	}
	require.Equal(t, 6, b.count(t, "SELECT count(*) FROM corrections"))
	require.Equal(t, 6, b.count(t, "SELECT count(*) FROM outbox_events WHERE type = 'correction'"))
	require.Equal(t, 1, b.count(t, "SELECT num_trades FROM model_stats"))
	require.Equal(t, 1, b.count(t, "SELECT num_decisions FROM model_stats"))

	// The same request gets the same answer, and its key serves no other.
	kind, model, id := facts[0].fact()
	status, first := b.correction(t, kind, model, id, nil, "Idempotency-Key", "k")
	require.Equal(t, http.StatusOK, status)
	_, again := b.correction(t, kind, model, id, nil, "Idempotency-Key", "k")
	require.Equal(t, first, again)
	require.Equal(t, "voided", again["outcome"])
	status, _ = b.correction(t, kind, model, id, facts[0].item, "Idempotency-Key", "k")
	require.Equal(t, http.StatusUnprocessableEntity, status)

	// They are listed page by page, newest first.
	ids := []float64{}
	for next := ""; ; {
		page := get(t, b.url+"/admin/corrections?limit=3"+next, "Authorization", "Bearer "+adminToken).object(t)
		for _, one := range page["corrections"].([]any) {
			ids = append(ids, one.(object)["id"].(float64))
		}
		if page["next"] == nil {
			break
		}
		next = fmt.Sprint("&before=", page["next"])
	}
	require.Len(t, ids, 7)
	require.True(t, slices.IsSortedFunc(ids, func(a, b float64) int { return int(b - a) }))
}

func (b *bundle) count(t *testing.T, query string) (n int) {
	t.Helper()
	require.NoError(t, b.sql(t).QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// TestACorrectionIsShownEverywhere holds that the next read of every process shows
// it, and that the stream tells of it.
func TestACorrectionIsShownEverywhere(t *testing.T) {
	t.Parallel()
	b := setupBehind(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URLs[1]+"/api/stream?types=correction", nil)
	require.NoError(t, err)
	stream, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)
	model := b.Facts.Competitors[0]
	var told []string
	for _, kind := range []arena.IngestKind{arena.IngestTrades, arena.IngestEquity, arena.IngestDecisions} {
		raw, err := json.Marshal(b.Item(readtest.Write{Kind: kind, Model: model, Symbol: "BTC"}))
		require.NoError(t, err)
		post(t, b.URLs[0], string(kind), string(raw))
		h := happened{string(kind), parse2(t, raw)}
		delete(h.item, "equity")
		what, model, id := h.fact()
		for i, fact := range []any{h.changed(t, rand.New(rand.NewPCG(3, 3))).item, nil} {
			writer := (i + len(told)) % 2
			at := bundle{url: b.URLs[writer]}
			b.after(fmt.Sprintf("correction %d of %s", i, kind), writer, func() {
				at.mustCorrect(t, []string{"replaced", "voided"}[i], what, model, id, fact)
			})
			told = append(told, id)
		}
	}
	var heard []string
	for lines := bufio.NewScanner(stream.Body); len(heard) < len(told) && lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			event := parse2(t, []byte(data))
			require.Equal(t, "correction", event["type"])
			require.Equal(t, model, event["model_id"])
			heard = append(heard, event["data"].(object)["fact_id"].(string))
			require.NotContains(t, data, "a test", "who corrected it and why is the operators' own")
		}
	}
	require.Equal(t, told, heard)
}

// TestImportsKeepCorrections holds that a capture brings back nothing that was
// corrected, and that an import says so and goes on.
func TestImportsKeepCorrections(t *testing.T) {
	t.Parallel()
	dir := madeUp(t, season.Options{Seed: 5, Models: 3, Hours: 20})
	b := setup(t, withTokens)
	b.load(t, dir)
	of := func(path, list string) object {
		return get(t, b.url+"/api"+path).object(t)[list].([]any)[0].(object)
	}
	trade, equity := of("/trades", "trades"), of("/account-totals?lastHourlyMarker=0", "accountTotals")
	decision := of("/conversations", "conversations")
	for _, h := range []happened{{season.KindTrades, trade}, {season.KindDecisions, decision}} {
		kind, model, id := h.fact()
		b.mustCorrect(t, "voided", kind, model, id, nil)
	}
	kind, model, id := happened{season.KindEquity, equity}.fact()
	changed := clone(t, equity)
	changed["dollar_equity"] = 1.5
	b.mustCorrect(t, "replaced", kind, model, id, changed)
	b.settled(t)
	before := dump(t, b)

	report := b.load(t, dir)
	listed := 0
	for _, k := range report.Kinds {
		require.Zero(t, k.Inserted, k.Kind)
		for _, row := range k.Corrected {
			listed++
			require.Contains(t, row.Why, "by admin API, 127.0.0.1: a test")
		}
	}
	require.Equal(t, 3, listed)
	require.Equal(t, before, dump(t, b))

	// An imported trade moved no position, and neither does its replacement.
	status, answer := b.correction(t, "trade", trade["model_id"].(string), trade["id"].(string), object{"trade": trade, "remaining": nil})
	require.Equal(t, http.StatusUnprocessableEntity, status, "%v", answer)
	b.mustCorrect(t, "replaced", "trade", trade["model_id"].(string), trade["id"].(string), trade)
	require.Equal(t, before["positions"], dump(t, b)["positions"])
}

// TestCorrectionsAndTheJSONFiles holds that facts are corrected where they are
// written: not in the files, which follow.
func TestCorrectionsAndTheJSONFiles(t *testing.T) {
	t.Parallel()
	b := setup(t, withJSON(madeUp(t, season.Options{Seed: 6, Models: 3, Hours: 20})))
	b.load(t, b.cfg.JSONDir)
	lists := map[string]string{"trades.json": "trades", "account-totals.json": "accountTotals", "conversations.json": "conversations"}
	rows := func(file string) []any {
		raw, err := os.ReadFile(filepath.Join(b.cfg.JSONDir, file))
		require.NoError(t, err)
		return parse2(t, raw)[lists[file]].([]any)
	}
	facts := map[string]happened{}
	for file, kind := range map[string]string{"trades.json": season.KindTrades, "account-totals.json": season.KindEquity, "conversations.json": season.KindDecisions} {
		facts[file] = happened{kind, rows(file)[0].(object)}
	}
	for file, h := range facts {
		kind, model, id := h.fact()
		status, answer := b.correction(t, kind, model, id, nil)
		require.Equal(t, http.StatusConflict, status, "%s %v", file, answer)
		require.Contains(t, answer["detail"], "write=both")
	}
	for _, d := range arena.Domains() {
		b.set(t, d, arena.Modes{Read: arena.ReadJSON, Write: arena.WriteBoth})
	}
	for file, h := range facts {
		kind, model, id := h.fact()
		b.mustCorrect(t, "voided", kind, model, id, nil)
		await.True(t, func() bool {
			return !slices.ContainsFunc(rows(file), func(row any) bool {
				_, other, same := happened{h.kind, row.(object)}.fact()
				return other == model && same == id
			})
		}, file)
	}
	status, runs := admin(t, http.MethodPost, b.url+"/admin/parity")
	require.Equal(t, http.StatusOK, status)
	requireVerdicts(t, runs, wire.VerdictEqual)

	// A directory of before differs, and parity says why.
	stale := setup(t, withJSON(madeUp(t, season.Options{Seed: 6, Models: 3, Hours: 20})))
	stale.load(t, stale.cfg.JSONDir)
	for _, d := range arena.Domains() {
		stale.set(t, d, arena.Modes{Read: arena.ReadStore, Write: arena.WriteStore})
	}
	for _, h := range facts {
		kind, model, id := h.fact()
		stale.mustCorrect(t, "replaced", kind, model, id, h.changed(t, rand.New(rand.NewPCG(4, 4))).item)
	}
	_, runs = admin(t, http.MethodPost, stale.url+"/admin/parity")
	for _, domain := range []arena.Domain{arena.DomainTrades, arena.DomainAccounts, arena.DomainConversations} {
		run := runs[slices.IndexFunc(runs, func(r wire.ParityRun) bool { return r.Domain == string(domain) })]
		require.Equal(t, wire.VerdictDifferent, run.Verdict, domain)
		require.Contains(t, run.Findings[0].Reason, "by admin API, 127.0.0.1: a test", "%+v", run.Findings)
	}

	// Back in the files, what was voided stays so.
	for _, d := range arena.Domains() {
		b.set(t, d, arena.Modes{Read: arena.ReadJSON, Write: arena.WriteJSON})
	}
	for file, h := range facts {
		status, result := b.ingest(t, h.kind, h.item)
		require.Equal(t, http.StatusConflict, status, "%s %v", file, result)
		require.Contains(t, result["error"].(object)["detail"], "was voided on")
	}
}
