package handlers

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
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
		documented, want := []string{"get"}, []string{"GET", "HEAD", "OPTIONS"}
		switch {
		case strings.HasPrefix(path, pathIngest):
			documented, want = []string{"post"}, []string{"OPTIONS", "POST"}
		case path == pathParity, path == pathCorrections:
			documented, want = []string{"get", "post"}, []string{"GET", "HEAD", "OPTIONS", "POST"}
		case path == "/admin/rollout/{domain}":
			documented, want = []string{"put"}, []string{"OPTIONS", "PUT"}
		}
		if slices.Sort(methods); !slices.Equal(methods, want) {
			t.Errorf("%s has the methods %v", path, methods)
		}
		operations := slices.Sorted(maps.Keys(object(t, paths, path)))
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
	read := map[string]int{"/api/stream": len(subscriptionParameters()), "/admin/rollout/{domain}": 1}
	for _, e := range endpoints() {
		read[strings.NewReplacer(":model", "{model}", ":symbol", "{symbol}").Replace("/api"+e.path)] = len(e.parameters)
	}
	names := map[string][]string{
		"/api/account-totals": {"lastHourlyMarker"}, "/api/positions": {"limit"}, "/api/analytics/{model}": {"model"},
		"/admin/rollout/{domain}": {"domain"},
		"/api/equity":             {"model_id", "from", "to", "points"}, "/api/prices/{symbol}": {"symbol", "from", "to", "points"},
		"/api/stream": {"types", "model_id", "last_event_id", "Last-Event-ID"},
	}
	for _, write := range catalogue.Writes() {
		kind := write.Kind
		read[pathIngest+string(kind)] = len(writeParameters())
		names[pathIngest+string(kind)] = []string{"atomic", "register", headerKey}
	}
	document := openAPI(t)
	operations(t, document, func(path string, operation map[string]any) {
		if path == pathParity || path == pathCorrections {
			return // each of its operations has its own
		}
		var documented []string
		parameters, _ := operation["parameters"].([]any)
		for _, p := range parameters {
			one := object(t, p)
			if target, ok := one["$ref"].(string); ok {
				one = object(t, document, "components", "parameters", refName(target))
			}
			documented = append(documented, one["name"].(string))
		}
		if !slices.Equal(documented, names[path]) || len(documented) != read[path] {
			t.Errorf("%s has the parameters %v; %d are read", path, documented, read[path])
		}
	})
}

// operations yields every operation of a document.
func operations(t *testing.T, document map[string]any, yield func(path string, operation map[string]any)) {
	t.Helper()
	for path, methods := range object(t, document, "paths") {
		for method := range object(t, methods) {
			yield(path, object(t, methods, method))
		}
	}
}

func TestOpenAPITellsWhatNeedsTheToken(t *testing.T) {
	t.Parallel()
	document := openAPI(t)
	operations(t, document, func(path string, operation map[string]any) {
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
		if secured != (want != "") || secured && object(t, tokens[0])[want] == nil {
			t.Errorf("%s is documented with the tokens %v", path, tokens)
		}
		if secured {
			object(t, document, "components", "securitySchemes", want)
		}
		for _, status := range []string{"400", "401", "408", "409", "413", "415", "422", "500", "503"} {
			if object(t, operation, "responses")[status] == nil && strings.HasPrefix(path, pathIngest) {
				t.Errorf("%s is documented without %s", path, status)
			}
		}
	})
}

func TestOpenAPIListsTheTypesOfEvents(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, name := range object(t, openAPI(t), "components", "schemas", "Event", "properties", "type")["enum"].([]any) {
		listed = append(listed, name.(string))
	}
	if !slices.Equal(listed, catalogue.EventTypes()) {
		t.Errorf("%v are documented", listed)
	}
}

func TestOpenAPIShowsAStream(t *testing.T) {
	t.Parallel()
	document := openAPI(t)
	text := object(t, document, "paths", "/api/stream", "get", "responses", "200", "content", contentEvents)["example"].(string)
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
	known := schemas(object(t, document, "components", "schemas"))
	for _, fault := range known.check(map[string]any{"$ref": "#/components/schemas/Event"}, value, "event") {
		t.Error(fault)
	}
}

// The bodies that are shown are taken.
func TestOpenAPIBodiesAreTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operations(t, openAPI(t), func(path string, operation map[string]any) {
		if operation["requestBody"] == nil || !strings.HasPrefix(path, pathIngest) {
			return
		}
		body, err := wire.Marshal(object(t, operation, "requestBody", "content", contentJSON)["example"])
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
func examples(t *testing.T, document map[string]any, yield func(at string, schema map[string]any, value any)) {
	t.Helper()
	contents := func(at string, response any) {
		for mediaType, content := range object(t, response)["content"].(map[string]any) {
			c := object(t, content)
			if value, ok := c["example"]; ok {
				yield(at, object(t, c, "schema"), value)
			} else if mediaType != "text/plain" && mediaType != "text/html" && mediaType != "text/css" && at != "/openapi.json 200" {
				t.Errorf("%s has no example", at)
			}
		}
	}
	operations(t, document, func(path string, operation map[string]any) {
		if body, ok := operation["requestBody"]; ok {
			contents(path+" body", body)
		}
		for status, response := range object(t, operation, "responses") {
			if ref, ok := object(t, response)["$ref"].(string); ok {
				object(t, document, "components", "responses", refName(ref))
				continue
			}
			contents(path+" "+status, response)
		}
	})
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
		"EquityCurves": wire.EquityCurves{}, "EquityCurve": wire.EquityCurve{}, "EquityPoint": wire.EquityPoint{},
		"Exposure": wire.Exposure{}, "PriceHistory": wire.PriceHistory{}, "PricePoint": wire.PricePoint{},
		"Conversations": wire.Conversations{}, "Decision": wire.Decision{}, "Thread": wire.Thread{},
		"Message": wire.Message{}, "Problem": problem{}, "Fault": wire.Fault{},
		"PriceItem": priceItem{}, "MarketContext": wire.MarketContext{}, "PositionItem": wire.PositionItem{},
		"TradeItem": tradeItem{}, "Model": wire.Model{}, "Symbol": wire.Symbol{}, "TraderState": wire.TraderState{},
		"MarketAsset": wire.MarketAsset{},
		"Results":     results{}, "Result": result{}, "ResultError": resultError{},
		"Event": eventData{}, "ParityRuns": wire.ParityRuns{}, "ParityRun": wire.ParityRun{},
		"ParityCounts": wire.ParityCounts{}, "ParityFinding": wire.ParityFinding{},
		"RolloutState": arena.RolloutState{}, "DomainState": arena.DomainState{}, "RolloutChange": arena.RolloutChange{},
		"Flip": flip{}, "Links": linkList{},
		"Corrections": arena.Corrections{}, "Correction": arena.Correction{}, "CorrectionRequest": correctionBody{}, "CorrectionResult": arena.CorrectionResult{},
	}
}

// Items that the wire types decode in more than one step, as they are written.
type (
	priceItem struct {
		Provider  wire.Opt[string]   `json:"provider,omitzero"`
		Symbol    string             `json:"symbol"`
		Price     float64            `json:"price"`
		Timestamp int64              `json:"timestamp"`
		Context   wire.MarketContext `json:"context,omitzero"`
	}
	tradeItem struct {
		Trade     wire.Trade         `json:"trade"`
		Remaining jsontext.Value     `json:"remaining,omitzero"`
		Equity    *wire.AccountTotal `json:"equity,omitzero"`
	}
)

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
			if member == "" || member == "-" {
				continue // what no field names, and what is not sent
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
		name, _ := schema["$ref"].(string)
		payload, ok := payloads()[refName(name)]
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
		if content[contentProblem] == nil {
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
