package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/entities"
	"nof0/internal/arena"
	"nof0/internal/await"
	"nof0/internal/season"
)

// described is the API document, in which no object may have a member that it does
// not describe.
type described struct {
	t        *testing.T
	document map[string]any
	compiler *jsonschema.Compiler
	seen     map[string]bool // operations that were answered with 200
}

func readOpenAPI(t *testing.T) *described {
	t.Helper()
	raw, err := os.ReadFile("../../handlers/openapi.json")
	require.NoError(t, err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	d := &described{t: t, document: parsed.(map[string]any), compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	for _, schema := range d.at("components", "schemas") {
		one := schema.(map[string]any)
		if one["properties"] != nil && one["additionalProperties"] == nil {
			one["additionalProperties"] = false
		}
	}
	require.NoError(t, d.compiler.AddResource("openapi.json", parsed))
	return d
}

// at digs into the document and follows references.
func (d *described) at(names ...string) map[string]any {
	found := d.document
	for _, name := range names {
		next, ok := found[name].(map[string]any)
		if !ok {
			return nil
		}
		if ref, ok := next["$ref"].(string); ok {
			next = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		found = next
	}
	return found
}

// validate holds a JSON text to the schema at a place of the document.
func (d *described) validate(content map[string]any, body []byte) error {
	name := "inline-" + strconv.Itoa(len(d.seen)) + "-" + strconv.Itoa(len(body))
	if ref, ok := content["schema"].(map[string]any)["$ref"].(string); ok {
		name = "openapi.json" + ref
	} else {
		raw, err := json.Marshal(content["schema"])
		require.NoError(d.t, err)
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.ReplaceAll(raw, []byte(`"#/`), []byte(`"openapi.json#/`))))
		require.NoError(d.t, err)
		_ = d.compiler.AddResource(name, schema) // the same one may be there
	}
	schema, err := d.compiler.Compile(name)
	require.NoError(d.t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(d.t, err)
	return schema.Validate(value)
}

var (
	aNumber = regexp.MustCompile(`"([a-z_A-Z]+)":(-?\d[\d.eE+-]*)([,}])`)
	aMember = regexp.MustCompile(`"([a-z_A-Z]+)":`)
)

// check holds an answer to the document, and sees that it would not have passed with
// a number as a text or a member of another name.
func (d *described) check(method, path string, res response) {
	d.t.Helper()
	operation := d.at("paths", path, strings.ToLower(method))
	require.NotNil(d.t, operation, "%s %s", method, path)
	status := strconv.Itoa(res.StatusCode)
	answer := d.at("paths", path, strings.ToLower(method), "responses", status)
	require.NotNil(d.t, answer, "%s %s answers %s, which is not documented: %.300s", method, path, status, res.body)
	if res.StatusCode == http.StatusOK {
		d.seen[operation["operationId"].(string)] = true
	}
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	content, documented := answer["content"].(map[string]any)[media].(map[string]any)
	require.True(d.t, documented, "%s %s %s sends %q", method, path, status, media)
	if media != "application/json" && media != "application/problem+json" || path == "/openapi.json" {
		return
	}
	require.NoError(d.t, d.validate(content, res.body), "%s %s %s", method, path, status)
	for _, at := range aNumber.FindAllSubmatchIndex(res.body, -1) {
		name := string(res.body[at[2]:at[3]])
		if strings.HasSuffix(name, "oid") || strings.HasSuffix(name, "tid") {
			continue // which may be a text
		}
		wrong := string(res.body[:at[4]]) + `"` + string(res.body[at[4]:at[5]]) + `"` + string(res.body[at[5]:])
		require.Error(d.t, d.validate(content, []byte(wrong)), "%s %s takes a text for %s", method, path, name)
		break
	}
	at := aMember.FindSubmatchIndex(res.body)
	wrong := string(res.body[:at[3]]) + `_renamed` + string(res.body[at[3]:])
	require.Error(d.t, d.validate(content, []byte(wrong)), "%s %s takes another name", method, path)
}

// TestAnswersAreAsDocumented asks every operation of the document of a running
// system, right and wrong, and holds what is sent and what is answered to it.
func TestAnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	dir := madeUp(t, season.Options{Seed: 31, Models: 3, Hours: 30})
	b := setup(t, func(c *config.Config) {
		c.JSONDir, c.IngestToken, c.AdminToken = dir, ingestToken, adminToken
	})
	b.load(t, dir)
	newest := rows(t, get(t, b.url+"/api/conversations"))[0].(map[string]any)
	model, decision := newest["model_id"].(string), newest["id"].(string)
	token := func(path string) string {
		if strings.HasPrefix(path, "/api/ingest/") {
			return ingestToken
		}
		return adminToken
	}
	ask := func(method, path, query, body string, headers ...string) {
		target := b.url + strings.NewReplacer("{model}", model, "{symbol}", "BTC", "{domain}", "trades", "{decision}", decision).Replace(path) + query
		if path == "/api/stream" { // it has no end
			res, err := http.Get(target)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			d.check(method, path, response{res, nil})
			return
		}
		d.check(method, path, request(t, token(path), method, target, body, headers...))
	}
	ask(http.MethodGet, "/api/decisions/{model}", "", "") // while the files are read
	require.NoError(t, b.app.Store.Rollout.Set(t.Context(), entities.RolloutChange{
		Domain: string(arena.DomainConversations), ReadFrom: string(arena.ReadJSON), WriteFrom: string(arena.WriteJSON),
		ReadTo: string(arena.ReadStore), WriteTo: string(arena.WriteStore),
	}))
	await.True(t, func() bool {
		return get(t, b.url+"/api/conversations").Header.Get("X-Data-Source") == "store"
	})
	for path, methods := range d.at("paths") {
		for method, operation := range methods.(map[string]any) {
			method = strings.ToUpper(method)
			id := operation.(map[string]any)["operationId"].(string)
			if d.at("paths", path, strings.ToLower(method), "requestBody") == nil {
				query := ""
				if path == "/api/search" {
					ask(method, path, "", "") // without what to look for
					query = "?q=hold"
				}
				ask(method, path, query, "")
				if strings.Contains(path, "{model}") {
					model = "nobody"
					ask(method, path, "", "")
					model = newest["model_id"].(string)
				}
				if strings.HasPrefix(path, "/admin/") {
					ask(method, path, "", "", "Authorization", "Bearer x")
				}
				if path == "/" {
					ask(method, path, "", "", "Accept", "text/html")
				}
				for _, p := range []string{"limit", "points", "from", "lastHourlyMarker", "domain", "kind"} {
					if answers := d.at("paths", path, strings.ToLower(method), "responses"); answers["400"] != nil {
						ask(method, path, "?"+p+"=-1", "")
					}
				}
				continue
			}
			body, err := os.ReadFile("../../handlers/testdata/examples/" + id + ".body.json")
			require.NoError(t, err)
			content := d.at("paths", path, strings.ToLower(method), "requestBody", "content", "application/json")
			require.NoError(t, d.validate(content, body), "the body of %s", id)
			ask(method, path, "?register=true", string(body))
			ask(method, path, "", `{"id":7`)
			ask(method, path, "", `{"id":7,"nothing":1}`)
			ask(method, path, "", string(body), "Authorization", "Bearer x")
			ask(method, path, "", string(body), "Content-Type", "text/plain")
		}
	}
	// What the files cannot hold is there once its domain is read from the store.
	for domain, path := range map[string]string{
		"prices": "/api/symbols/{symbol}", "positions": "/api/positions/{model}", "accounts": "/api/models/{model}",
	} {
		for _, flip := range []string{`{"write":"both","reason":"test"}`, `{"read":"store","force":true,"reason":"test"}`} {
			res := request(t, adminToken, http.MethodPut, b.url+"/admin/rollout/"+domain, flip)
			require.Equal(t, http.StatusOK, res.StatusCode, "%s %s", domain, flip)
		}
		ask(http.MethodGet, path, "", "")
	}
	for path, methods := range d.at("paths") {
		for method, operation := range methods.(map[string]any) {
			id := operation.(map[string]any)["operationId"].(string)
			switch id {
			case "correctFact", "setDomain": // of facts and of modes that are not there
			default:
				require.True(t, d.seen[id], "%s %s was never answered with 200", method, path)
			}
		}
	}
}
