package handlers

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

var update = flag.Bool("update", false, "write what is generated")

type object = map[string]any

// TestOpenAPIIsGenerated holds the document to what the catalogue, the types of
// the payloads and the table of failures make; with -update it writes it. Examples
// are files.
func TestOpenAPIIsGenerated(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(newGenerator(t).document()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(text.Bytes(), openAPIDocument) {
		t.Error("openapi.json is not what is generated now; run make generate")
	}
}

// answers are the payloads of the views.
func answers() map[catalogue.ViewName]reflect.Type {
	return map[catalogue.ViewName]reflect.Type{
		catalogue.ViewCryptoPrices:   reflect.TypeFor[wire.CryptoPrices](),
		catalogue.ViewAccountTotals:  reflect.TypeFor[wire.AccountTotals](),
		catalogue.ViewTrades:         reflect.TypeFor[wire.Trades](),
		catalogue.ViewSinceInception: reflect.TypeFor[wire.SinceInceptionValues](),
		catalogue.ViewLeaderboard:    reflect.TypeFor[wire.Leaderboard](),
		catalogue.ViewAnalytics:      reflect.TypeFor[wire.Analytics](),
		catalogue.ViewAnalyticsOf:    reflect.TypeFor[wire.Analytics](),
		catalogue.ViewPositions:      reflect.TypeFor[wire.Positions](),
		catalogue.ViewConversations:  reflect.TypeFor[wire.Conversations](),
		catalogue.ViewEquity:         reflect.TypeFor[wire.EquityCurves](),
		catalogue.ViewPositionsOf:    reflect.TypeFor[wire.PositionHistory](),
		catalogue.ViewModels:         reflect.TypeFor[wire.Models](),
		catalogue.ViewModel:          reflect.TypeFor[wire.ModelDetail](),
		catalogue.ViewSymbol:         reflect.TypeFor[wire.SymbolDetail](),
		catalogue.ViewSymbols:        reflect.TypeFor[wire.Symbols](),
		catalogue.ViewPrices:         reflect.TypeFor[wire.PriceHistory](),
		catalogue.ViewDecisions:      reflect.TypeFor[wire.Decisions](),
		catalogue.ViewSearch:         reflect.TypeFor[wire.SearchResults](),
		catalogue.ViewDecision:       reflect.TypeFor[wire.DecisionAudit](),
		catalogue.ViewDecisionDiff:   reflect.TypeFor[wire.PromptDiff](),
		catalogue.ViewCompetitions:   reflect.TypeFor[wire.Competitions](),
	}
}

// items are the payloads of the items of writes; a kind may have several forms.
func items() map[catalogue.WriteKind][]reflect.Type {
	return map[catalogue.WriteKind][]reflect.Type{
		catalogue.WritePrices:        {reflect.TypeFor[priceItem]()},
		catalogue.WritePositions:     {reflect.TypeFor[wire.PositionItem]()},
		catalogue.WriteTrades:        {reflect.TypeFor[tradeItem](), reflect.TypeFor[wire.Trade]()},
		catalogue.WriteEquity:        {reflect.TypeFor[wire.AccountTotal]()},
		catalogue.WriteConversations: {reflect.TypeFor[wire.Thread]()},
		catalogue.WriteDecisions:     {reflect.TypeFor[wire.Decision]()},
		catalogue.WriteAnalytics:     {reflect.TypeFor[wire.AnalyticsDoc]()},
		catalogue.WriteTraderState:   {reflect.TypeFor[wire.TraderState]()},
		catalogue.WriteMarketAssets:  {reflect.TypeFor[wire.MarketAsset]()},
		catalogue.WriteModels:        {reflect.TypeFor[wire.Model]()},
		catalogue.WriteSymbols:       {reflect.TypeFor[wire.Symbol]()},
		catalogue.WriteCompetitions:  {reflect.TypeFor[wire.Competition]()},
	}
}

// operation is what an endpoint beside views and writes takes and answers.
type operation struct {
	body reflect.Type
	says string // of its body
	// answer is the payload of its JSON, and others what else it may send.
	answer  reflect.Type
	gives   string
	others  []string
	fails   []string // names of shared responses
	headers bool     // those of a cached document
}

func operationsOf() map[string]operation {
	text := []string{"NotModified", "NotAcceptable"}
	ofSystem := []string{"Unauthorized", "Internal", "Unavailable"}
	return map[string]operation{
		"streamEvents": {
			gives: "The stream; never compressed.", others: []string{contentEvents},
			fails: []string{"InvalidParameter", "UnknownCompetition", "Gone", "Internal", "TooManyStreams"},
		},
		"listParityRuns": {
			answer: reflect.TypeFor[wire.ParityRuns](), gives: "The reports.",
			fails: []string{"InvalidParameter", "Unauthorized", "Internal", "Unavailable"},
		},
		"runParity": {
			answer: reflect.TypeFor[wire.ParityRuns](), gives: "The reports.",
			fails: []string{"InvalidParameter", "Unauthorized", "Internal", "Unavailable"},
		},
		"listDomains": {
			answer: reflect.TypeFor[arena.RolloutState](), gives: "The switches.",
			fails: []string{"Unauthorized", "Internal", "Unavailable"},
		},
		"setDomain": {
			body: reflect.TypeFor[flip](), says: "The modes to set, and why.",
			answer: reflect.TypeFor[arena.DomainState](), gives: "Where the domain is now.",
			fails: []string{
				"Malformed", "Unauthorized", "UnknownDomain", "SlowBody", "Refused", "TooLarge", "Unsupported",
				"InvalidModes", "Internal", "Busy",
			},
		},
		"listCorrections": {
			answer: reflect.TypeFor[arena.Corrections](), gives: "The corrections.",
			fails: []string{"InvalidParameter", "Unauthorized", "Internal", "Unavailable"},
		},
		"correctFact": {
			body: reflect.TypeFor[correctionBody](), says: "Which fact, what to do with it, and why.",
			answer: reflect.TypeFor[arena.CorrectionResult](), gives: "What became of it.",
			fails: []string{
				"Malformed", "Unauthorized", "UnknownFact", "SlowBody", "Refused", "TooLarge", "Unsupported",
				"InvalidCorrection", "Internal", "Busy",
			},
		},
		"setLogLevel": {
			body: reflect.TypeFor[wire.LogLevel](), says: "The level.",
			answer: reflect.TypeFor[wire.LogLevel](), gives: "The level from now on.",
			fails: []string{"Malformed", "Unauthorized", "SlowBody", "TooLarge", "Unsupported", "InvalidLevel", "Internal", "Unavailable"},
		},
		"getSystem":        {answer: reflect.TypeFor[wire.SystemState](), gives: "The state.", fails: ofSystem},
		"getCache":         {answer: reflect.TypeFor[wire.CacheState](), gives: "The counts.", fails: ofSystem},
		"getOutbox":        {answer: reflect.TypeFor[wire.OutboxState](), gives: "The events.", fails: ofSystem},
		"getJobs":          {answer: reflect.TypeFor[wire.JobStates](), gives: "The jobs.", fails: ofSystem},
		"getMigrations":    {answer: reflect.TypeFor[wire.MigrationStates](), gives: "The migrations.", fails: ofSystem},
		"getTables":        {answer: reflect.TypeFor[wire.TableStates](), gives: "The sizes.", fails: ofSystem},
		"getStatements":    {answer: reflect.TypeFor[wire.StatementStates](), gives: "The calls.", fails: ofSystem},
		"getConfiguration": {answer: reflect.TypeFor[wire.Settings](), gives: "The settings.", fails: ofSystem},
		"getIngest":        {answer: reflect.TypeFor[wire.IngestState](), gives: "The items.", fails: ofSystem},
		"getLogLevel":      {answer: reflect.TypeFor[wire.LogLevel](), gives: "The level.", fails: ofSystem},
		"getHome": {
			answer: reflect.TypeFor[linkList](), gives: "The page or the links.", others: []string{"text/html"},
			fails: append([]string{"Internal", "PartUnavailable"}, text...), headers: true,
		},
		"getHealth":    {answer: reflect.TypeFor[status](), gives: "The process is alive."},
		"getReadiness": {answer: reflect.TypeFor[status](), gives: "Requests are answered.", fails: []string{"NotReady"}},
		"getMetrics": {
			gives: "Metrics in the Prometheus text format.", others: []string{"text/plain"}, fails: []string{"Internal"},
		},
		"getOpenAPI": {answer: reflect.TypeFor[object](), gives: "The document.", fails: text, headers: true},
		"getDocs":    {gives: "The page.", others: []string{"text/html"}, fails: text, headers: true},
	}
}

// sharedResponse is an answer that several endpoints have.
type sharedResponse struct {
	status int
	says   string
	kind   problemType // of its problem document; "" is none
	faults wire.Faults // of its example
	at     string      // where its example happened
	sent   reflect.Type
	header string
}

func sharedResponses() map[string]sharedResponse {
	writes := reflect.TypeFor[results]()
	const intake = "/api/ingest/trades"
	all := map[string]sharedResponse{
		"NotModified": {status: http.StatusNotModified, says: "The client has this content already, by If-None-Match or, without it, If-Modified-Since."},
		"InvalidParameter": {
			says: "A known parameter has a wrong value, or different values at once.", kind: problemInvalidParameter,
			faults: wire.Faults{{Path: "/lastHourlyMarker", Reason: "is not an integer of 64 bits from -1 on"}}, at: "/api/account-totals",
		},
		"UnknownModel":  {says: "There is no such model.", kind: problemUnknownModel, at: "/api/analytics/hal-9000"},
		"UnknownSymbol": {says: "There is no such symbol.", kind: problemUnknownSymbol, at: "/api/prices/DOGE9"},
		"UnknownDecision": {
			says: "The model has no such decision.",
			kind: problemUnknownDecision, at: "/api/decisions/gpt-5/nothing",
		},
		"NotInFiles": {says: "The domain, which detail names, is read from the JSON files, and these cannot hold this.", kind: problemNotInFiles, at: "/api/positions/gpt-5"},
		"UnknownCompetition": {
			says: "There is no such competition.",
			kind: problemUnknownCompetition, at: "/api/trades",
		},
		"UnknownDomain": {says: "There is no such domain.", kind: problemUnknownRoute, at: "/admin/rollout/nothing"},
		"NotAcceptable": {says: "The request refuses identity and every coding that there is.", kind: problemNotAcceptable, at: "/api/trades"},
		"Internal":      {says: "A fault of the service.", kind: problemInternal, at: "/api/trades"},
		"Unavailable": {
			says: "A store that is needed cannot be reached, or answering took too long.", kind: problemUnavailable, at: "/api/trades",
		},
		"NotReady":     {says: "The service cannot answer yet.", kind: problemNotReady, at: "/readyz"},
		"Unauthorized": {says: "The token is missing or wrong.", kind: problemUnauthorized, at: intake},
		"Forbidden":    {says: "The token has another scope.", kind: problemForbidden, at: intake},
		"TooManyRequests": {
			says: "More came from this address, or with this token, than may; nothing was done.", kind: problemTooManyRequests, at: "/api/trades",
		},
		"Malformed": {
			says: "The body is not JSON, with the byte at which it stops being; or a parameter has a wrong value.", kind: problemMalformed,
			faults: wire.Faults{{Reason: "is not JSON at byte 17: ends in the middle"}}, at: intake,
		},
		"SlowBody": {says: "The body did not arrive in time.", kind: problemSlowBody, at: intake},
		"TooLarge": {says: "More than 1,000 items or 8 MiB; nothing was done.", kind: problemTooLarge, at: intake},
		"Unsupported": {
			says: "The body is no application/json in UTF-8, or it is compressed (type /problems/unsupported-content-coding).",
			kind: problemMediaType, at: intake,
		},
		"Busy": {
			says: "Nothing was done: too many writers are at work, the database cannot be reached (type /problems/unavailable), " +
				"or the write took too long (type /problems/timeout). Or it is not known whether anything was done, since the " +
				"database went away in the commit (type /problems/uncertain): the same request again does it once. Without Retry-After, the surface is off (types " +
				"/problems/no-token and /problems/not-configured).",
			kind: problemBusy, at: intake,
		},
		"Refused": {says: "The state of things does not allow it: detail says what is in the way. Nothing was changed.", kind: problemRefused, at: "/admin/rollout/trades"},
		"InvalidModes": {
			says: "A mode that does not exist, or force without a reason.", kind: problemInvalidContent,
			faults: wire.Faults{{Reason: "force needs a reason"}}, at: "/admin/rollout/trades",
		},
		"InvalidLevel": {
			says: "There is no such level.", kind: problemInvalidContent,
			faults: wire.Faults{{Path: "/level", Reason: "is none of debug, info, warn, error"}}, at: pathLogLevel,
		},
		"UnknownFact": {says: "There is no such fact, and none was corrected.", kind: problemUnknownFact, at: pathCorrections},
		"InvalidCorrection": {
			says: "The request, or what takes the place of the fact, is invalid; or the Idempotency-Key came with another request before.",
			kind: problemInvalidContent, faults: wire.Faults{{Path: "/reason", Reason: "is empty; say why"}}, at: pathCorrections,
		},
		"Gone": {says: "The events to resume from are no longer kept.", kind: problemGone, at: "/api/stream"},
		"TooManyStreams": {
			says: "As many streams are open as there may be, or the events cannot be reached (type /problems/unavailable). " +
				"Without Retry-After, this instance has none (type /problems/not-configured).",
			kind: problemTooManyStreams, at: "/api/stream",
		},
		"Taken": {status: http.StatusOK, says: "The item was taken; or, of a batch that is not atomic, what became of each.", sent: writes},
		"Conflict": {
			status: http.StatusConflict, sent: writes,
			says: "The single item, or the first failure of an atomic batch, contradicts what is stored.",
		},
		"Rejected": {
			says: "The single item, or the first failure of an atomic batch, is invalid. A problem document where the request " +
				"itself is: items is empty or no array, or the Idempotency-Key came with another request before (type /problems/key-reused).",
			kind: problemInvalidContent, sent: writes,
			faults: wire.Faults{{Path: "/items", Reason: "is empty; at least one item is expected"}}, at: intake,
		},
		"PartUnavailable": {status: http.StatusServiceUnavailable, says: "A part of the page cannot be read now, and says so."},
	}
	for name, r := range all {
		if r.kind != "" {
			r.status = failureOf(r.kind).status
			r.header = failureOf(r.kind).header[0]
			all[name] = r
		}
	}
	return all
}

// generator puts the document together.
type generator struct {
	t       *testing.T
	schemas *schemaMaker
	shared  map[string]sharedResponse
	joined  object // responses that are one of several
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	return &generator{t: t, schemas: newSchemaMaker(t), shared: sharedResponses(), joined: object{}}
}

// document is the whole document.
func (g *generator) document() object {
	paths := object{}
	add := func(path, method string, op object) {
		path = documented(path)
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(method)] = op
	}
	for _, v := range catalogue.Views() {
		add("/api"+v.Path, http.MethodGet, g.view(v))
	}
	for _, w := range catalogue.Writes() {
		add(pathIngest+string(w.Kind), http.MethodPost, g.write(w))
	}
	for _, e := range catalogue.Endpoints() {
		add(e.Path, e.Method, g.endpoint(e))
	}
	parameters := object{}
	for _, p := range catalogue.WriteParameters() {
		parameters[p.Name] = g.parameter(p)
	}
	responses := maps.Clone(g.joined)
	for name, r := range g.shared {
		responses[name] = g.sharedResponse(name, r)
	}
	_ = g.payload(reflect.TypeFor[eventData]())
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "nof0 arena API", "version": "1.0.0", "description": g.text("info.md")},
		"servers": []object{{"url": "/"}},
		"tags": []object{
			{"name": catalogue.TagArena, "description": "The views that clients poll."},
			{"name": catalogue.TagEvents, "description": "What happens, as it happens."},
			{"name": catalogue.TagIngest, "description": "The write surface. It needs a bearer token; where none is configured, it is off."},
			{"name": catalogue.TagAdmin, "description": "The surface of those who run the service. It needs a bearer token of its own; where none is configured, it is off."},
			{"name": catalogue.TagSystem, "description": "The service itself."},
		},
		"paths": paths,
		"components": object{
			"securitySchemes": object{
				"ingestToken": object{"type": "http", "scheme": "bearer", "description": "NOF0_INGEST_TOKEN of the service."},
				"adminToken":  object{"type": "http", "scheme": "bearer", "description": "NOF0_ADMIN_TOKEN of the service."},
			},
			"parameters": parameters, "responses": responses, "headers": responseHeaders(), "schemas": g.schemas.components(),
		},
	}
}

// documented turns a route of the router into a path of the document.
func documented(route string) string {
	parts := strings.Split(route, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func (g *generator) view(v catalogue.View) object {
	payload := answers()[v.Name]
	if payload == nil {
		g.t.Fatalf("nothing says what %s answers", v.Name)
	}
	fails := []string{"NotModified", "NotAcceptable", "Internal", "Unavailable"}
	headers := documentHeaders
	if v.Paged {
		headers = append(slices.Clone(headers), "Link")
	}
	if v.NotInFiles {
		fails = append(fails, "NotInFiles")
	}
	for _, p := range v.Parameters {
		switch p.Name {
		case "model", "model_id":
			fails = append(fails, "UnknownModel")
		case "symbol":
			fails = append(fails, "UnknownSymbol")
		case "decision":
			fails = append(fails, "UnknownDecision")
		case "competition":
			fails = append(fails, "UnknownCompetition", "InvalidParameter")
		default:
			fails = append(fails, "InvalidParameter")
		}
	}
	ok := object{"description": "The view.", "headers": refs("headers", headers...)}
	content := object{contentJSON: g.content(payload, v.Operation+".json")}
	if slices.ContainsFunc(v.Parameters, func(p catalogue.Parameter) bool { return p.Name == "format" }) {
		for _, media := range downloadTypes {
			content[media] = object{"schema": object{"type": "string"}}
		}
	}
	ok["content"] = content
	return g.operation(catalogue.TagArena, v.Operation, v.Summary, v.Description, v.Parameters, g.responses(ok, fails))
}

func (g *generator) write(w catalogue.Write) object {
	var forms []any
	for _, form := range items()[w.Kind] {
		forms = append(forms, g.payload(form))
	}
	if len(forms) == 0 {
		g.t.Fatalf("nothing says what an item of %s is", w.Kind)
	}
	item := forms[0]
	if len(forms) > 1 {
		item = object{"oneOf": forms}
	}
	batch := object{
		"type": "object", "required": []string{itemsMember},
		"properties": object{itemsMember: object{
			"description": "Items", "type": "array", "minItems": 1, "maxItems": arena.MaxBatch, "items": item,
		}},
	}
	var id strings.Builder
	for word := range strings.SplitSeq(string(w.Kind), "-") {
		id.WriteString(sentence(word))
	}
	op := g.operation(catalogue.TagIngest, "ingest"+id.String(), w.Summary,
		w.Does+" The same fact again is unchanged; the same identity with other content is rejected and changes nothing. "+
			"What is acknowledged is durable.", catalogue.WriteParameters(),
		g.responses(nil, []string{
			"Taken", "Malformed", "Unauthorized", "SlowBody", "Conflict", "TooLarge", "Unsupported", "Rejected", "Internal", "Busy",
		}))
	op["requestBody"] = object{
		"required":    true,
		"description": "One item, or up to 1,000 as {items: […]} with no other member; at most 8 MiB, not compressed.",
		"content": object{contentJSON: object{
			"schema": object{"oneOf": append(forms, batch)}, "example": g.example("ingest" + id.String() + ".body.json"),
		}},
	}
	return op
}

func (g *generator) endpoint(e catalogue.Endpoint) object {
	o, known := operationsOf()[e.Operation]
	if !known {
		g.t.Fatalf("nothing says what %s answers", e.Operation)
	}
	content := object{}
	if o.answer == reflect.TypeFor[object]() {
		content[contentJSON] = object{"schema": object{"type": "object"}}
	} else if o.answer != nil {
		content[contentJSON] = g.content(o.answer, e.Operation+".json")
	}
	for _, media := range o.others {
		content[media] = object{"schema": object{"type": "string"}}
	}
	if e.Operation == "streamEvents" {
		content[contentEvents] = object{
			"schema": object{
				"type": "string", "description": "Frames, whose data is an Event each",
				"contentSchema": ref("schemas", "Event"),
			},
			"example": g.text("streamEvents.txt"),
		}
	}
	headers := []string{"X-Request-Id"}
	if o.headers {
		headers = slices.DeleteFunc(slices.Clone(documentHeaders), func(h string) bool { return h == "Last-Modified" || h == headerSource })
	}
	ok := object{"description": o.gives, "headers": refs("headers", headers...), "content": content}
	op := g.operation(e.Tag, e.Operation, e.Summary, e.Description, e.Parameters, g.responses(ok, o.fails))
	if o.body != nil {
		op["requestBody"] = object{
			"required": true, "description": o.says,
			"content": object{contentJSON: g.content(o.body, e.Operation+".body.json")},
		}
	}
	return op
}

func (g *generator) operation(
	tag catalogue.Tag, id, summary, description string, parameters []catalogue.Parameter, responses object,
) object {
	if tag != catalogue.TagSystem {
		responses["429"] = ref("responses", "TooManyRequests")
	}
	op := object{"tags": []any{tag}, "operationId": id, "summary": summary, "responses": responses, "security": []any{}}
	if token, ok := map[catalogue.Tag]string{catalogue.TagIngest: "ingestToken", catalogue.TagAdmin: "adminToken"}[tag]; ok {
		op["security"] = []any{object{token: []any{}}}
	}
	if description != "" {
		op["description"] = description
	}
	var list []any
	for _, p := range parameters {
		if slices.Contains(catalogue.WriteParameters(), p) {
			list = append(list, ref("parameters", p.Name))
			continue
		}
		list = append(list, g.parameter(p))
	}
	if list != nil {
		op["parameters"] = list
	}
	return op
}

func (g *generator) parameter(p catalogue.Parameter) object {
	schema := object{"type": "string"}
	switch p.Type {
	case catalogue.Integer:
		schema = object{"type": "integer", "format": "int64", "minimum": p.Min}
		if p.Max > 0 {
			schema["maximum"] = p.Max
		}
		if p.Default > 0 {
			schema["default"] = p.Default
		}
	case catalogue.Seconds:
		schema = object{"type": "number", "minimum": 0}
	case catalogue.ID:
		schema["minLength"], schema["maxLength"] = 1, wire.MaxID
	case catalogue.FactKind:
		schema["enum"] = arena.CorrectionKinds()
	case catalogue.EventID:
		schema["pattern"] = "^[0-9]+(-[0-9a-f]+)?$"
	case catalogue.Choice:
		schema["enum"] = strings.Split(strings.TrimPrefix(p.Choices, ","), ",")
		if !strings.HasPrefix(p.Choices, ",") {
			schema["default"], _, _ = strings.Cut(p.Choices, ",")
		}
	case catalogue.Boolean:
		schema["type"] = "boolean"
	case catalogue.DomainName:
		schema["enum"] = arena.Domains()
	case catalogue.Text:
		if p.Max > 0 {
			schema["minLength"], schema["maxLength"] = p.Min, p.Max
		}
	default:
		g.t.Fatalf("%s is of no known type", p.Name)
	}
	out := object{"name": p.Name, "in": p.In, "description": p.Description, "schema": schema}
	if p.In == catalogue.InPath || p.Required {
		out["required"] = true
	}
	return out
}

// responses refers to shared ones by their statuses.
func (g *generator) responses(ok object, names []string) object {
	if slices.Contains(names, "Unauthorized") {
		names = append(names, "Forbidden")
	}
	all := object{}
	if ok != nil {
		all["200"] = ok
	}
	byStatus := map[int][]string{}
	for _, name := range names {
		if status := g.shared[name].status; !slices.Contains(byStatus[status], name) {
			byStatus[status] = append(byStatus[status], name)
		}
	}
	for status, names := range byStatus {
		all[strconv.Itoa(status)] = ref("responses", g.oneOf(names))
	}
	return all
}

// oneOf is the name of the response that any of those of the given names is: problems of
// one status, each with its example.
func (g *generator) oneOf(names []string) string {
	name := strings.Join(names, "Or")
	if len(names) == 1 || g.joined[name] != nil {
		return name
	}
	var says []string
	examples := object{}
	headers := []string{"X-Request-Id"}
	for _, one := range names {
		r := g.shared[one]
		if r.kind == "" {
			g.t.Fatalf("%s and %v are of one status, and only problems can be told apart", one, names)
		}
		says = append(says, fmt.Sprintf("%s (type %s)", strings.TrimSuffix(r.says, "."), r.kind))
		examples[one] = object{"value": g.problem(r)}
		if responseHeaders()[r.header] != nil && !slices.Contains(headers, r.header) {
			headers = append(headers, r.header)
		}
	}
	g.joined[name] = object{
		"description": strings.Join(says, "; or: ") + ".", "headers": refs("headers", headers...),
		"content": object{contentProblem: object{"schema": g.payload(reflect.TypeFor[problem]()), "examples": examples}},
	}
	return name
}

// problem is the example of a response that is a problem document.
func (g *generator) problem(r sharedResponse) problem {
	p := newProblem(r.kind)
	p.Instance, p.RequestID, p.Errors = r.at, exampleID, r.faults
	return p
}

const exampleID = "4f9a6d0c1b7e48b2a3c5d6e7f8091a2b"

func (g *generator) sharedResponse(name string, r sharedResponse) object {
	headers := []string{"X-Request-Id"}
	switch {
	case name == "NotModified":
		headers = documentHeaders
	case responseHeaders()[r.header] != nil:
		headers = append(headers, r.header)
	}
	out := object{"description": r.says, "headers": refs("headers", headers...)}
	content := object{}
	if r.sent != nil {
		content[contentJSON] = g.content(r.sent, name+".json")
	}
	if r.kind != "" {
		content[contentProblem] = object{"schema": g.payload(reflect.TypeFor[problem]()), "example": g.problem(r)}
	}
	if name == "PartUnavailable" {
		content["text/html"] = object{"schema": object{"type": "string"}}
	}
	if len(content) > 0 {
		out["content"] = content
	}
	return out
}

// documentHeaders are those of a document that clients may keep.
var documentHeaders = []string{"ETag", "Last-Modified", "Cache-Control", "Vary", headerSource, "X-Request-Id"}

func responseHeaders() object {
	header := func(says string, schema object) object { return object{"description": says, "schema": schema} }
	text := object{"type": "string"}
	return object{
		"ETag":          header("Weak entity tag of the content without serverTime; the same for every content coding.", text),
		"Last-Modified": header("The second after which nobody sends what this content has replaced.", text),
		"Cache-Control": header("public, with the max-age of the view.", text),
		"Vary":          header("Accept-Encoding, and Origin where that decides.", text),
		headerSource:    header("Which source answered.", object{"type": "string", "enum": []string{"json", "store", "stale"}}),
		"X-Request-Id": header("The id that the request came with, if it is 1 to 128 visible ASCII characters, or a new one.",
			text),
		"Link":             header("The next page, as a relation next; absent on the last.", text),
		"Retry-After":      header("Seconds to wait.", object{"type": "integer"}),
		"WWW-Authenticate": header("Bearer.", text),
	}
}

func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func refs(kind string, names ...string) object {
	all := object{}
	for _, name := range names {
		all[name] = ref(kind, name)
	}
	return all
}

func (g *generator) payload(of reflect.Type) any { return g.schemas.schema(of) }

func (g *generator) content(of reflect.Type, example string) object {
	return object{"schema": g.payload(of), "example": g.example(example)}
}

// example reads an example, as it stands.
func (g *generator) example(name string) json.RawMessage {
	return json.RawMessage(g.text(filepath.Join("examples", name)))
}

func (g *generator) text(name string) string {
	g.t.Helper()
	if name == "streamEvents.txt" {
		name = filepath.Join("examples", name)
	}
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(raw)
}

// TestOpenAPIKnowsNothingElse holds the tables above to the catalogue.
func TestOpenAPIKnowsNothingElse(t *testing.T) {
	t.Parallel()
	for name := range answers() {
		if catalogue.ViewOf(name).Name == "" {
			t.Errorf("there is no view %s", name)
		}
	}
	known := map[string]bool{}
	for _, e := range catalogue.Endpoints() {
		known[e.Operation] = true
	}
	for _, id := range slices.Sorted(maps.Keys(operationsOf())) {
		if !known[id] {
			t.Errorf("there is no endpoint %s", id)
		}
	}
}
