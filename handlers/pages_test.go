package handlers

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

// object digs into a decoded document.
func object(t *testing.T, in any, names ...string) map[string]any {
	t.Helper()
	for _, name := range names {
		in = in.(map[string]any)[name]
	}
	found, ok := in.(map[string]any)
	if !ok {
		t.Fatalf("there is no object at %v", names)
	}
	return found
}

func openAPI(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(openAPIDocument, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestOpenAPIListsTheRoutes(t *testing.T) {
	t.Parallel()
	var opts Options
	setup(t, func(o *Options) { opts = *o })
	engine, err := newEngine(opts)
	if err != nil {
		t.Fatal(err)
	}
	routes := make(map[string][]string)
	templateName := regexp.MustCompile(`:(\w+)`)
	for _, route := range engine.Routes() {
		path := templateName.ReplaceAllString(route.Path, "{$1}")
		routes[path] = append(routes[path], route.Method)
	}
	paths := object(t, openAPI(t), "paths")
	for path, methods := range routes {
		if slices.Sort(methods); !slices.Equal(methods, []string{"GET", "HEAD", "OPTIONS"}) {
			t.Errorf("%s has the methods %v", path, methods)
		}
		if operations := object(t, paths, path); len(operations) != 1 || operations["get"] == nil {
			t.Errorf("%s is documented with %d operations", path, len(operations))
		}
	}
	for path := range paths {
		if routes[path] == nil {
			t.Errorf("%s is documented and not there", path)
		}
	}
}

func TestOpenAPIParametersAreRead(t *testing.T) {
	t.Parallel()
	paths := object(t, openAPI(t), "paths")
	for path, want := range map[string][]string{
		"/api/account-totals": {"lastHourlyMarker"}, "/api/positions": {"limit"}, "/api/analytics/{model}": {"model"},
	} {
		var names []string
		for _, p := range object(t, paths, path, "get")["parameters"].([]any) {
			names = append(names, p.(map[string]any)["name"].(string))
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s has the parameters %v", path, names)
		}
	}
	var total int
	for _, e := range endpoints() {
		total += len(e.parameters)
	}
	if total != 3 {
		t.Errorf("%d parameters are read, 3 are documented", total)
	}
}

// examples yields every example with its schema.
func examples(t *testing.T, document map[string]any, yield func(at string, schema map[string]any, value any)) {
	t.Helper()
	contents := func(at string, response any) {
		for mediaType, content := range object(t, response)["content"].(map[string]any) {
			c := object(t, content)
			if value, ok := c["example"]; ok {
				yield(at, object(t, c, "schema"), value)
			} else if mediaType != "text/plain" && mediaType != "text/html" && at != "/openapi.json 200" {
				t.Errorf("%s has no example", at)
			}
		}
	}
	for path := range object(t, document, "paths") {
		for status, response := range object(t, document, "paths", path, "get", "responses") {
			if ref, ok := object(t, response)["$ref"].(string); ok {
				object(t, document, "components", "responses", refName(ref))
				continue
			}
			contents(path+" "+status, response)
		}
	}
	for name, response := range object(t, document, "components", "responses") {
		if object(t, response)["content"] != nil {
			contents(name, response)
		}
	}
}

func TestOpenAPIExamplesAreValid(t *testing.T) {
	t.Parallel()
	document := openAPI(t)
	known := schemas(object(t, document, "components", "schemas"))
	examples(t, document, func(at string, schema map[string]any, value any) {
		for _, fault := range known.check(schema, value, at) {
			t.Error(fault)
		}
	})
}

// payloads are the schemas that the wire types define.
func payloads() map[string]any {
	return map[string]any{
		"CryptoPrices": wire.CryptoPrices{}, "Price": wire.Price{},
		"AccountTotals": wire.AccountTotals{}, "AccountTotal": wire.AccountTotal{}, "Position": wire.Position{},
		"Trades": wire.Trades{}, "Trade": wire.Trade{},
		"SinceInceptionValues": wire.SinceInceptionValues{}, "SinceInception": wire.SinceInception{},
		"Leaderboard": wire.Leaderboard{}, "LeaderboardRow": wire.LeaderboardRow{},
		"Analytics": wire.Analytics{}, "AnalyticsDocument": wire.AnalyticsDoc{},
		"Positions": wire.Positions{}, "ModelPositions": wire.ModelPositions{},
		"Conversations": wire.Conversations{}, "Decision": wire.Decision{}, "Thread": wire.Thread{},
		"Message": wire.Message{}, "Problem": problem{}, "Fault": wire.Fault{},
	}
}

func TestOpenAPISchemasHaveTheMembersOfThePayloads(t *testing.T) {
	t.Parallel()
	documented := object(t, openAPI(t), "components", "schemas")
	types := payloads()
	for name, payload := range types {
		schema := object(t, documented, name)
		properties := object(t, schema, "properties")
		var required []string
		for _, r := range schema["required"].([]any) {
			required = append(required, r.(string))
		}
		fields := reflect.TypeOf(payload)
		var members int
		for field := range fields.Fields() {
			member, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			if member == "" {
				continue // what no field names
			}
			members++
			if properties[member] == nil {
				t.Errorf("%s.%s is not documented", name, member)
			}
			if always := option == ""; always != slices.Contains(required, member) {
				t.Errorf("%s.%s is always there: %t; documented: %t", name, member, always, !always)
			}
		}
		if len(properties) != members {
			t.Errorf("%s has %d members, %d are documented", name, members, len(properties))
		}
	}
	for name := range documented {
		if types[name] == nil && name != "ExitPlan" && name != "Status" {
			t.Errorf("%s is documented and nothing defines it", name)
		}
	}
}

func TestOpenAPIExamplesAreWhatThePayloadsWrite(t *testing.T) {
	t.Parallel()
	examples(t, openAPI(t), func(at string, schema map[string]any, value any) {
		payload, ok := payloads()[refName(schema["$ref"].(string))]
		if !ok {
			return
		}
		want, err := wire.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		read := reflect.New(reflect.TypeOf(payload)).Interface()
		if err := wire.Unmarshal(want, read); err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
		got, err := wire.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		if canonical(t, got) != canonical(t, want) {
			t.Errorf("%s is written as\n%s, documented as\n%s", at, got, want)
		}
	})
}

func canonical(t *testing.T, raw jsontext.Value) string {
	t.Helper()
	if err := raw.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestOpenAPIListsTheProblems(t *testing.T) {
	t.Parallel()
	listed := object(t, openAPI(t), "components", "schemas", "Problem", "properties", "type")["enum"].([]any)
	for _, kind := range problemTypes() {
		if !slices.Contains(listed, any(string(kind))) {
			t.Errorf("%s is not documented", kind)
		}
	}
	if len(listed) != len(problemTypes()) {
		t.Errorf("%d types are documented, %d are there", len(listed), len(problemTypes()))
	}
	// The shared examples are the documents that are sent.
	for name, response := range object(t, openAPI(t), "components", "responses") {
		content, _ := object(t, response)["content"].(map[string]any)
		if content == nil {
			continue
		}
		example := object(t, content, contentProblem, "example")
		p := newProblem(problemType(example["type"].(string)))
		if example["title"] != p.Title || example["detail"] != p.Detail || example["status"] != float64(p.Status) {
			t.Errorf("%s shows %v; sent is %+v", name, example, p)
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.do("GET", "/openapi.json")
	if w.Body.String() != string(openAPIDocument) {
		t.Error("another document is served")
	}
	wantHeader(t, w.Header(), "Content-Type", "application/json")
	wantHeader(t, w.Header(), "Cache-Control", "public, max-age=300")
	if again := b.do("GET", "/openapi.json", "If-None-Match", w.Header().Get("Etag")); again.Code != 304 {
		t.Errorf("conditional: %d", again.Code)
	}
	wantHeader(t, b.do("GET", "/openapi.json", "Accept-Encoding", "gzip").Header(), "Content-Encoding", "gzip")
}
