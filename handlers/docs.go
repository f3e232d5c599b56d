package handlers

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/wire"
)

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle string

// The parts of an OpenAPI document that the page shows.
type (
	apiDocument struct {
		Info struct {
			Title       string `json:"title"`
			Version     string `json:"version"`
			Description string `json:"description"`
		} `json:"info"`
		Tags       []apiTag                           `json:"tags"`
		Paths      map[string]map[string]apiOperation `json:"paths"`
		Components struct {
			Schemas    map[string]apiSchema    `json:"schemas"`
			Parameters map[string]apiParameter `json:"parameters"`
			Responses  map[string]apiResponse  `json:"responses"`
		} `json:"components"`
	}
	apiTag struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	apiOperation struct {
		Summary     string                 `json:"summary"`
		Description string                 `json:"description"`
		Tags        []string               `json:"tags"`
		Parameters  []apiParameter         `json:"parameters"`
		Body        apiBody                `json:"requestBody"`
		Responses   map[string]apiResponse `json:"responses"`
		Security    []map[string][]string  `json:"security"`
	}
	apiParameter struct {
		Ref         string    `json:"$ref"`
		Name        string    `json:"name"`
		In          string    `json:"in"`
		Description string    `json:"description"`
		Schema      apiSchema `json:"schema"`
	}
	apiBody struct {
		Description string                `json:"description"`
		Content     map[string]apiContent `json:"content"`
	}
	apiResponse struct {
		Ref         string                `json:"$ref"`
		Description string                `json:"description"`
		Content     map[string]apiContent `json:"content"`
	}
	apiContent struct {
		Schema  apiSchema      `json:"schema"`
		Example jsontext.Value `json:"example"`
	}
	apiSchema struct {
		Ref         string               `json:"$ref"`
		Type        jsontext.Value       `json:"type"`
		Description string               `json:"description"`
		Properties  map[string]apiSchema `json:"properties"`
		Items       *apiSchema           `json:"items"`
		Values      *apiSchema           `json:"additionalProperties"`
		OneOf       []apiSchema          `json:"oneOf"`
		Required    []string             `json:"required"`
	}
)

// renderDocs renders the document as one page that asks for nothing else, and
// the content security policy that holds it to that.
func renderDocs(document []byte) (html []byte, policy string, err error) {
	var api apiDocument
	if err := wire.Unmarshal(document, &api); err != nil {
		return nil, "", fmt.Errorf("error reading the OpenAPI document: %w", err)
	}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"operations": api.operations,
		"type":       typeName,
		"has":        slices.Contains[[]string],
		"paragraphs": func(s string) []string { return strings.Split(s, "\n\n") },
	}).Parse(docsTemplate)
	if err != nil {
		return nil, "", fmt.Errorf("error in the template of the manual: %w", err)
	}
	var out bytes.Buffer
	data := struct {
		API   apiDocument
		Style template.CSS
	}{API: api, Style: template.CSS(docsStyle)} //nolint:gosec // our own file
	if err := page.Execute(&out, data); err != nil {
		return nil, "", fmt.Errorf("error rendering the manual: %w", err)
	}
	digest := sha256.Sum256([]byte(docsStyle))
	policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return out.Bytes(), policy, nil
}

// shownOperation is an operation with its references followed.
type shownOperation struct {
	Method, Path, Anchor string
	apiOperation
	Examples []shownExample
}

type shownExample struct{ Of, Text string }

// operations returns the operations of a tag by path.
func (api apiDocument) operations(tag string) []shownOperation {
	var shown []shownOperation
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			op := api.Paths[path][method]
			if slices.Contains(op.Tags, tag) {
				shown = append(shown, api.show(strings.ToUpper(method), path, op))
			}
		}
	}
	return shown
}

func (api apiDocument) show(method, path string, op apiOperation) shownOperation {
	shown := shownOperation{Method: method, Path: path, Anchor: anchor(method, path), apiOperation: op}
	shown.Parameters = slices.Clone(op.Parameters)
	for i, p := range shown.Parameters {
		if p.Ref != "" {
			shown.Parameters[i] = api.Components.Parameters[refName(p.Ref)]
		}
	}
	shown.addExamples("the body", op.Body.Content)
	shown.Responses = maps.Clone(op.Responses)
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if r.Ref != "" {
			r = api.Components.Responses[refName(r.Ref)]
			shown.Responses[status] = r
			continue // a shared response has its example with its schema
		}
		shown.addExamples(status, r.Content)
	}
	return shown
}

func (s *shownOperation) addExamples(of string, contents map[string]apiContent) {
	for _, mediaType := range slices.Sorted(maps.Keys(contents)) {
		if example := contents[mediaType].Example; example != nil {
			s.Examples = append(s.Examples, shownExample{Of: of, Text: indent(example)})
		}
	}
}

// anchor names an operation by what needs no escape in a link.
func anchor(method, path string) string {
	return strings.NewReplacer("/", "-", "{", "", "}", "").Replace(method + path)
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// typeName says in words what a schema takes.
func typeName(s apiSchema) string {
	switch {
	case s.Ref != "":
		return refName(s.Ref)
	case s.Items != nil:
		return "array of " + typeName(*s.Items)
	case s.Values != nil:
		return "object of " + typeName(*s.Values)
	case len(s.OneOf) > 0:
		names := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
			names[i] = typeName(one)
		}
		return strings.Join(names, " or ")
	case len(s.Properties) > 0:
		members := make([]string, 0, len(s.Properties))
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			members = append(members, name+": "+typeName(s.Properties[name]))
		}
		return "{" + strings.Join(members, ", ") + "}"
	case s.Type == nil:
		return "any"
	}
	return strings.NewReplacer(`"`, "", "[", "", "]", "", ",", " or ").Replace(s.Type.String())
}

// indent formats JSON for people. A string is a text of another kind.
func indent(v jsontext.Value) string {
	if v.Kind() == '"' {
		if text, err := jsontext.AppendUnquote(nil, v); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	v = v.Clone()
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return v.String()
	}
	return v.String()
}
