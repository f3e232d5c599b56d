package repository

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"

	"nof0/entities"
)

// TestTextIsOrderedByItsBytes reads every ORDER BY of the package, and every
// comparison of a page with its last row: text without COLLATE "C" is ordered by
// the collation of the database, which neither Go nor the files know.
func TestTextIsOrderedByItsBytes(t *testing.T) {
	t.Parallel()
	text := map[string]bool{}
	for _, e := range entities.All() {
		s, err := schema.Parse(e, &sync.Map{}, schema.NamingStrategy{SingularTable: true})
		require.NoError(t, err)
		for _, f := range s.Fields {
			if f.TagSettings["TYPE"] == "text" {
				text[f.DBName] = true
			}
		}
	}
	require.Contains(t, text, "model_id")
	require.NotContains(t, text, "exit_time")
	// Orders that no list is in.
	allowed := map[string]string{
		"outbox.go: model_id":         "walks the index from one model to the next",
		"outbox.go: id":               "is a number",
		"audit.go: provider":          "walks the index from one symbol to the next",
		"audit.go: symbol":            "walks the index from one symbol to the next",
		"bookrows.go: competition_id": "walks the index to a key",
		"bookrows.go: model_id":       "walks the index to a key",
		"bookrows.go: provider":       "walks the index to a key",
		"bookrows.go: symbol":         "walks the index to a key",
		"bookrows.go: position_id":    "walks the index to a key",
		"facts.go: competition_id":    "walks the index to a key",
		"parity.go: id":               "is a number",
		"rollout.go: id":              "is a number",
		"corrections.go: id":          "is a number",
		"order.go: conversation_id":   "brings those of a conversation together",
	}
	seen := 0
	orderBy := regexp.MustCompile(`(?s)ORDER BY\s+(.*?)(?:LIMIT|OFFSET|\)|$)`)
	page := regexp.MustCompile(`(?:\(([^()?]*)\)|(\S+(?: COLLATE "C")?)) [<>]=? \(?\?`)
	column := regexp.MustCompile(`^(?:\w+\.)?(\w+)( COLLATE "C")?(?: ASC| DESC)?(?: NULLS (?:FIRST|LAST))?$`)
	var unsaid []string
	check := func(file, list string) {
		for one := range strings.SplitSeq(list, ",") {
			m := column.FindStringSubmatch(strings.TrimSpace(one))
			if m == nil || !text[m[1]] {
				continue
			}
			seen++
			if at := file + ": " + m[1]; m[2] == "" && allowed[at] == "" {
				unsaid = append(unsaid, at+" in "+strings.TrimSpace(list))
			}
		}
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files, fs.ErrNotExist)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ordering := map[ast.Node]bool{}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Order" {
					ast.Inspect(call.Args[0], func(n ast.Node) bool { ordering[n] = true; return true })
				}
			}
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			value, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			if ordering[literal] || file == "order.go" {
				check(file, value)
			}
			for _, m := range orderBy.FindAllStringSubmatch(value, -1) {
				check(file, m[1])
			}
			for _, m := range page.FindAllStringSubmatch(value, -1) {
				check(file, m[1]+m[2])
			}
			return true
		})
	}
	assert.Empty(t, unsaid)
	assert.Greater(t, seen, 30)
}
