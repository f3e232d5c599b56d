package handlers

import (
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/invopop/jsonschema"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// Items that the wire types decode in more than one step, as they are written.
type (
	priceItem struct {
		Provider  wire.Opt[string]    `json:"provider,omitzero" jsonschema_description:"Venue of the price; hyperliquid where it is absent"`
		Symbol    string              `json:"symbol" jsonschema_description:"Coin"`
		Price     float64             `json:"price" jsonschema_description:"USD"`
		Timestamp int64               `json:"timestamp" jsonschema_description:"Unix milliseconds"`
		Context   *wire.MarketContext `json:"context,omitzero"`
	}
	tradeItem struct {
		Trade     wire.Trade     `json:"trade"`
		Remaining jsontext.Value `json:"remaining,omitzero" is:"Position,null" jsonschema_description:"What is left of the position: null where it is closed; absent where the trade's quantity is to be taken off the open one"`
		Equity    jsontext.Value `json:"equity,omitzero" is:"AccountTotal,null" jsonschema_description:"Equity snapshot that comes along"`
	}
	exitPlan struct {
		ProfitTarget wire.Opt[float64] `json:"profit_target,omitzero" jsonschema_description:"USD"`
		StopLoss     wire.Opt[float64] `json:"stop_loss,omitzero" jsonschema_description:"USD"`
		Invalidation wire.Opt[string]  `json:"invalidation_condition,omitzero" jsonschema_description:"In words"`
	}
	waitingPosition struct {
		Symbol      wire.Opt[string] `json:"symbol,omitzero" jsonschema_description:"Coin"`
		WaitForFill bool             `json:"wait_for_fill" jsonschema_description:"True: it has been ordered and is not open yet"`
	}
	status struct {
		Status   string `json:"status" enum:"ok,ready" jsonschema_description:"State"`
		Degraded string `json:"degraded,omitzero" jsonschema_description:"Why answers are slower than they could be, though right"`
	}
)

// described are the types whose comments are not read: what they are.
func described() map[string]string {
	return map[string]string{
		"PriceItem":         "A price as it is written: the row of the view, and the market around it where it is known.",
		"TradeItem":         "A fill that closes, with what comes along. A bare trade is taken as well.",
		"ExitPlan":          "When the model means to leave the position: an object, as a rule. Anything else that is said in its place, such as \"N/A\" of a benchmark, is kept as it is.",
		"WaitingPosition":   "A position that waits for its fill. It has no price or no size yet; whatever else is said of it comes as it was said.",
		"Status":            "The state of the service.",
		"Problem":           "An RFC 9457 problem document. Its type is stable and meant for programs; nothing is served under it.",
		"Results":           "What became of the items of a write.",
		"Result":            "What became of one item.",
		"ResultError":       "Why an item was rejected.",
		"Event":             "The data of an event: one committed fact. An event may come twice, with the same id.",
		"Flip":              "The modes that a domain shall have; what is left out stays as it is.",
		"CorrectionRequest": "A fact to void or to replace.",
		"Links":             "What can be read.",
		"Link":              "A document that can be read.",
	}
}

// schemaName is what a type is called in the document.
func schemaName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[wire.AnalyticsDoc]():
		return "AnalyticsDocument"
	case reflect.TypeFor[eventData]():
		return "Event"
	case reflect.TypeFor[correctionBody]():
		return "CorrectionRequest"
	case reflect.TypeFor[linkList]():
		return "Links"
	}
	first, size := utf8.DecodeRuneInString(t.Name())
	return string(unicode.ToUpper(first)) + t.Name()[size:]
}

// byName are the types that the tag is refers to.
func byName() map[string]reflect.Type {
	return map[string]reflect.Type{
		"Position": reflect.TypeFor[wire.Position](), "SinceInception": reflect.TypeFor[wire.SinceInception](),
		"AnalyticsDoc": reflect.TypeFor[wire.AnalyticsDoc](), "ExitPlan": reflect.TypeFor[exitPlan](),
		"AccountTotal": reflect.TypeFor[wire.AccountTotal](), "WaitingPosition": reflect.TypeFor[waitingPosition](),
	}
}

// schemaMaker makes schemas of Go types. Every struct of ours becomes a component,
// to which others refer. What a member means stands in its comment, and what JSON
// holds that Go keeps raw in its tag is: alternatives by commas, each the name of a
// type, {T} an object of T by name, {T|U} one of T and U, [T] an array of T; enum lists
// the values.
type schemaMaker struct {
	reflector jsonschema.Reflector
	root      reflect.Type
	types     map[string]reflect.Type
	queue     []reflect.Type
}

func newSchemaMaker(t *testing.T) *schemaMaker {
	t.Helper()
	m := &schemaMaker{types: map[string]reflect.Type{}}
	m.reflector = jsonschema.Reflector{
		Anonymous: true, AllowAdditionalProperties: true, DoNotReference: true, ExpandedStruct: true, Mapper: m.special,
	}
	for _, dir := range []string{"internal/wire", "internal/arena"} {
		if err := m.reflector.AddGoComments("nof0/handlers", path.Join("..", dir), jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// schema is what a place of the document says of a type.
func (m *schemaMaker) schema(of reflect.Type) *jsonschema.Schema {
	m.root = nil
	if s := m.special(of); s != nil {
		return s
	}
	return m.reflector.ReflectFromType(of)
}

// components makes the schemas of every type that was referred to.
func (m *schemaMaker) components() map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{}
	for len(m.queue) > 0 {
		m.root, m.queue = m.queue[0], m.queue[1:]
		s := m.reflector.ReflectFromType(m.root)
		s.Version = ""
		m.complete(m.root, s)
		all[schemaName(m.root)] = s
	}
	return all
}

// special maps the types of which reflection alone knows too little.
func (m *schemaMaker) special(t reflect.Type) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == m.root:
		return nil
	case t == reflect.TypeFor[jsontext.Value]():
		return &jsonschema.Schema{}
	case t == reflect.TypeFor[wire.Document]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			m.refer(reflect.TypeFor[wire.Decision]()), m.refer(reflect.TypeFor[wire.Thread]()),
		}}
	case strings.HasPrefix(t.Name(), "Opt["):
		get, _ := t.MethodByName("Get")
		root := m.root
		value := m.schema(get.Type.Out(0))
		m.root = root
		return nullable(value)
	case t.Kind() == reflect.Struct && strings.HasPrefix(t.PkgPath(), "nof0/"):
		return m.refer(t)
	case t == reflect.TypeFor[arena.Domain]():
		return &jsonschema.Schema{Type: "string", Enum: values(arena.Domains())}
	case t == reflect.TypeFor[arena.ReadMode]():
		return &jsonschema.Schema{Type: "string", Enum: values([]arena.ReadMode{arena.ReadJSON, arena.ReadShadow, arena.ReadStore})}
	case t == reflect.TypeFor[arena.WriteMode]():
		return &jsonschema.Schema{Type: "string", Enum: values([]arena.WriteMode{arena.WriteJSON, arena.WriteBoth, arena.WriteStore})}
	case t == reflect.TypeFor[problemType]():
		return &jsonschema.Schema{Type: "string", Enum: values(problemTypes())}
	case t.Kind() == reflect.Int64:
		return &jsonschema.Schema{Type: "integer", Format: "int64"}
	}
	return nil
}

func values[T any](of []T) []any {
	list := make([]any, len(of))
	for i, v := range of {
		list[i] = v
	}
	return list
}

// nullable is a schema that takes null besides.
func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	if s.Type == "" {
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{s, {Type: "null"}}}
	}
	s.Extras = map[string]any{"type": []string{s.Type, "null"}}
	s.Type, s.Version = "", ""
	return s
}

// refer makes a component of a type.
func (m *schemaMaker) refer(t reflect.Type) *jsonschema.Schema {
	name := schemaName(t)
	if m.types[name] == nil {
		m.types[name] = t
		m.queue = append(m.queue, t)
	}
	return &jsonschema.Schema{Ref: "#/components/schemas/" + name}
}

// complete adds what tags and comments say to the schema of a struct.
func (m *schemaMaker) complete(t reflect.Type, s *jsonschema.Schema) {
	s.Description = sentence(withoutName(t.Name(), s.Description))
	if s.Description == "" {
		s.Description = described()[schemaName(t)]
	}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "embed" {
			s.Properties.Delete(field.Name)
			s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return name == field.Name })
			continue
		}
		p, ok := s.Properties.Get(name)
		if !ok {
			continue
		}
		if is := field.Tag.Get("is"); is != "" {
			raw := m.tagged(is)
			raw.Description, raw.Format = p.Description, p.Format
			p = raw
		}
		if listed := field.Tag.Get("enum"); listed != "" {
			p.Enum = values(strings.Split(listed, ","))
			if p.Type == "" {
				p.Enum = append(p.Enum, nil)
			}
		}
		switch {
		case name == "domain" && p.Type == "string" && p.Enum == nil:
			p.Enum = values(arena.Domains())
		case t == reflect.TypeFor[eventData]() && name == "type":
			p.Enum = values(catalogue.EventTypes())
		case t == reflect.TypeFor[resultError]() && name == "status":
			p.Enum = statuses()
		case name == "serverTime":
			p.Description = "Unix milliseconds at which the answer was rendered. It is not part of the ETag."
		}
		p.Description = sentence(withoutName(field.Name, p.Description))
		s.Properties.Set(name, p)
	}
	switch t {
	case reflect.TypeFor[exitPlan]():
		s.Type = "" // anything else is kept as it is
	case reflect.TypeFor[waitingPosition]():
		waits, _ := s.Properties.Get("wait_for_fill")
		waits.Const = true
		s.Extras = map[string]any{"additionalProperties": map[string]any{}}
	case reflect.TypeFor[wire.AnalyticsDoc]():
		s.Extras = map[string]any{"additionalProperties": map[string]any{}}
	}
}

// statuses are those of rejected items.
func statuses() []any {
	var all []int
	for _, status := range rejections {
		all = append(all, status)
	}
	slices.Sort(all)
	return values(slices.Compact(all))
}

// tagged is the schema of a raw member by its tag.
func (m *schemaMaker) tagged(is string) *jsonschema.Schema {
	var of []*jsonschema.Schema
	var types []string
	for one := range strings.SplitSeq(is, ",") {
		var known []*jsonschema.Schema
		for name := range strings.SplitSeq(strings.Trim(one, "{}[]"), "|") {
			if t := byName()[name]; t != nil {
				known = append(known, m.refer(t))
			}
		}
		if len(known) == 0 {
			types = append(types, one)
			continue
		}
		value := known[0]
		if len(known) > 1 {
			value = &jsonschema.Schema{AnyOf: known}
		}
		switch one[0] {
		case '{':
			value = &jsonschema.Schema{Type: "object", AdditionalProperties: value}
		case '[':
			value = &jsonschema.Schema{Type: "array", Items: value}
		}
		of = append(of, value)
	}
	switch {
	case len(of) == 0:
		return &jsonschema.Schema{Extras: map[string]any{"type": types}}
	case len(types) > 0:
		return nullable(of[0])
	}
	return of[0]
}

// withoutName drops the name in Go, which a comment begins with.
func withoutName(name, comment string) string {
	for _, verb := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(comment, name+verb); ok {
			return rest
		}
	}
	return comment
}

// sentence makes one line of a comment, which begins with a capital.
func sentence(comment string) string {
	line := strings.Join(strings.Fields(comment), " ")
	first, size := utf8.DecodeRuneInString(line)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + line[size:]
}
