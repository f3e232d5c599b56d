package handlers

import (
	"bytes"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/console"
	"nof0/internal/wire"
)

// dig digs into a decoded document.
func dig(t *testing.T, in any, names ...string) object {
	t.Helper()
	for _, name := range names {
		in = in.(object)[name]
	}
	found, ok := in.(object)
	if !ok {
		t.Fatalf("there is no object at %v", names)
	}
	return found
}

func openAPI(t *testing.T) object {
	t.Helper()
	var document object
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
	// Pages are for people, and link to each other.
	pages := []string{pathAsset}
	for _, p := range console.Pages() {
		if p.Path != pathHome {
			pages = append(pages, p.Path)
		}
	}
	for _, route := range engine.Routes() {
		if slices.Contains(pages, route.Path) {
			continue
		}
		path := templateName.ReplaceAllString(route.Path, "{$1}")
		routes[path] = append(routes[path], route.Method)
	}
	paths := dig(t, openAPI(t), "paths")
	for path, methods := range routes {
		documented, want := []string{"get"}, []string{"GET", "HEAD", "OPTIONS"}
		switch {
		case strings.HasPrefix(path, pathIngest):
			documented, want = []string{"post"}, []string{"OPTIONS", "POST"}
		case path == pathParity, path == pathCorrections:
			documented, want = []string{"get", "post"}, []string{"GET", "HEAD", "OPTIONS", "POST"}
		case path == pathLogLevel:
			documented, want = []string{"get", "put"}, []string{"GET", "HEAD", "OPTIONS", "PUT"}
		case path == "/admin/rollout/{domain}":
			documented, want = []string{"put"}, []string{"OPTIONS", "PUT"}
		}
		if slices.Sort(methods); !slices.Equal(methods, want) {
			t.Errorf("%s has the methods %v", path, methods)
		}
		operations := slices.Sorted(maps.Keys(dig(t, paths, path)))
		if !slices.Equal(operations, documented) {
			t.Errorf("%s is documented with the operations %v", path, operations)
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
	if n := len(catalogue.WriteParameters()); n != len(writeParameters()) {
		t.Errorf("%d parameters of writes are declared", n)
	}
	read := map[string]int{
		"streamEvents": len(subscriptionParameters()), "listParityRuns": len([]any{domainParameter(), limitParameter()}),
		"runParity": 1, "setDomain": 1, "listCorrections": len(correctionParameters()), "correctFact": 2,
	}
	for _, e := range catalogue.Endpoints() {
		if len(e.Parameters) != read[e.Operation] {
			t.Errorf("%s declares %+v, and %d are read", e.Operation, e.Parameters, read[e.Operation])
		}
	}
}

// Every parameter of a view that is declared is read, within its bounds.
func TestViewsReadTheParametersOfTheCatalogue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, v := range catalogue.Views() {
		path := strings.NewReplacer(":model", "gpt-5", ":symbol", "BTC").Replace("/api" + v.Path)
		for _, p := range v.Parameters {
			if p.Type == catalogue.ID {
				continue // what can be no id is unknown
			}
			wrong := []string{"x", ""}
			if p.Type == catalogue.Text {
				wrong = wrong[1:]
			}
			if p.Type == catalogue.Integer {
				wrong = append(wrong, strconv.FormatInt(p.Min-1, 10))
				if p.Max > 0 {
					wrong = append(wrong, strconv.FormatInt(p.Max+1, 10))
				}
				right := "?" + p.Name + "=" + strconv.FormatInt(max(p.Min, p.Max), 10)
				if w := b.do("GET", path+right); w.Code != 200 {
					t.Errorf("%s%s: %d %s", path, right, w.Code, w.Body)
				}
			}
			for _, value := range wrong {
				if w := b.do("GET", path+"?"+p.Name+"="+value); w.Code != 400 {
					t.Errorf("%s?%s=%s: %d %s", path, p.Name, value, w.Code, w.Body)
				}
			}
		}
	}
}

// operations yields every operation of a document.
func operations(t *testing.T, document object, yield func(path string, operation object)) {
	t.Helper()
	for path, methods := range dig(t, document, "paths") {
		for method := range dig(t, methods) {
			yield(path, dig(t, methods, method))
		}
	}
}

func TestOpenAPITellsWhatNeedsTheToken(t *testing.T) {
	t.Parallel()
	document := openAPI(t)
	operations(t, document, func(path string, operation object) {
		want := ""
		switch {
		case strings.HasPrefix(path, pathIngest):
			want = "ingestToken"
		case strings.HasPrefix(path, "/admin/"):
			want = "adminToken"
		}
		tokens, said := operation["security"].([]any)
		if !said {
			t.Errorf("%s says nothing of security", path)
		}
		secured := len(tokens) > 0
		if secured != (want != "") || secured && dig(t, tokens[0])[want] == nil {
			t.Errorf("%s is documented with the tokens %v", path, tokens)
		}
		if secured {
			dig(t, document, "components", "securitySchemes", want)
		}
		for _, status := range []string{"400", "401", "408", "409", "413", "415", "422", "500", "503"} {
			if dig(t, operation, "responses")[status] == nil && strings.HasPrefix(path, pathIngest) {
				t.Errorf("%s is documented without %s", path, status)
			}
		}
	})
}

func TestOpenAPIShowsAStream(t *testing.T) {
	t.Parallel()
	document := openAPI(t)
	text := dig(t, document, "paths", "/api/stream", "get", "responses", "200", "content", contentEvents)["example"].(string)
	frames := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n")
	if len(frames) != 4 || frames[0] != "retry: 2000" || frames[2] != ": alive\nid: 90317-5f0c1d2e" ||
		frames[3] != "event: end\ndata: {\"reason\":\"closing\"}" {
		t.Fatalf("frames are %q", frames)
	}
	_, data, _ := strings.Cut(frames[1], "\ndata: ")
	var shown eventData
	if err := json.Unmarshal([]byte(data), &shown); err != nil {
		t.Fatal(err)
	}
	rendered, err := render(arena.Event{
		Position: arena.Position{Sequence: shown.Sequence, History: "5f0c1d2e"}, ID: shown.ID, Type: shown.Type, Model: shown.ModelID, At: wire.Time(shown.At), Data: shown.Data,
	})
	if err != nil || string(rendered) != frames[1]+"\n\n" {
		t.Errorf("sent would be %s, %v", rendered, err)
	}
	var value any
	if err := json.Unmarshal([]byte(data), &value); err != nil {
		t.Fatal(err)
	}
	if err := schemaOf(t, "Event").Validate(value); err != nil {
		t.Error(err)
	}
}

// The bodies that are shown are taken.
func TestOpenAPIBodiesAreTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operations(t, openAPI(t), func(path string, operation object) {
		if operation["requestBody"] == nil || !strings.HasPrefix(path, pathIngest) {
			return
		}
		body, err := wire.Marshal(dig(t, operation, "requestBody", "content", contentJSON)["example"])
		if err != nil {
			t.Fatal(err)
		}
		if w := b.post(path, string(body)); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	})
	if len(b.ingest.batches) != len(catalogue.Writes()) {
		t.Errorf("%d bodies are shown", len(b.ingest.batches))
	}
}

// examples yields every example with its schema.
func examples(t *testing.T, document object, yield func(at string, schema object, value any)) {
	t.Helper()
	contents := func(at string, response any) {
		for mediaType, content := range dig(t, response)["content"].(object) {
			c := dig(t, content)
			if value, ok := c["example"]; ok {
				yield(at, dig(t, c, "schema"), value)
			} else if several, ok := c["examples"]; ok {
				for name, one := range dig(t, several) {
					yield(at+" "+name, dig(t, c, "schema"), dig(t, one)["value"])
				}
			} else if mediaType != "text/plain" && mediaType != "text/html" && mediaType != "text/css" &&
				!slices.Contains(slices.Collect(maps.Values(downloadTypes)), mediaType) && at != "/openapi.json 200" {
				t.Errorf("%s has no example", at)
			}
		}
	}
	operations(t, document, func(path string, operation object) {
		if body, ok := operation["requestBody"]; ok {
			contents(path+" body", body)
		}
		for status, response := range dig(t, operation, "responses") {
			if ref, ok := dig(t, response)["$ref"].(string); ok {
				dig(t, document, "components", "responses", refName(ref))
				continue
			}
			contents(path+" "+status, response)
		}
	})
	for name, response := range dig(t, document, "components", "responses") {
		if dig(t, response)["content"] != nil {
			contents(name, response)
		}
	}
}

func TestOpenAPIExamplesAreWhatThePayloadsWrite(t *testing.T) {
	t.Parallel()
	types := typesOfSchemas(t)
	examples(t, openAPI(t), func(at string, schema object, value any) {
		name, _ := schema["$ref"].(string)
		payload, ok := types[refName(name)]
		if !ok {
			return
		}
		want, err := wire.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		read := reflect.New(payload).Interface()
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

// typesOfSchemas are the types that the schemas were made of, by their names.
func typesOfSchemas(t *testing.T) map[string]reflect.Type {
	t.Helper()
	g := newGenerator(t)
	g.document()
	return g.schemas.types
}

// schemaOf compiles a schema of the document, by its name.
func schemaOf(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPIDocument))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Each example is what its schema says.
func TestOpenAPIExamplesAreValid(t *testing.T) {
	t.Parallel()
	examples(t, openAPI(t), func(at string, schema object, value any) {
		name, named := schema["$ref"].(string)
		if !named {
			return // what a body may be is asked of the handlers
		}
		if err := schemaOf(t, refName(name)).Validate(value); err != nil {
			t.Errorf("%s: %v", at, err)
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
