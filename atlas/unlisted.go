package atlas

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"slices"
	"strings"
)

// UnlistedError names the entities that are in no list.
type UnlistedError struct{ Names []string }

func (e *UnlistedError) Error() string {
	return fmt.Sprintf("%s: in package entities, with a table of its own, and not in All() of entities/doc.go, so that no migration makes it: add &%s{} there",
		strings.Join(e.Names, ", "), e.Names[0])
}

// Unlisted returns an *UnlistedError for the structs in the sources of a package
// that are tables and not among its models: those with a method TableName, or
// with a field that is a primary key.
func Unlisted(sources fs.FS, models []any) error {
	listed := map[string]bool{}
	for _, model := range models {
		listed[reflect.TypeOf(model).Elem().Name()] = true
	}
	names, err := fs.Glob(sources, "*.go")
	if err != nil {
		return fmt.Errorf("error listing the entities: %w", err)
	}
	var unlisted []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := fs.ReadFile(sources, name)
		if err != nil {
			return fmt.Errorf("error reading the entities: %w", err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("error reading the entities: %w", err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if table := tableIn(node); table != "" && !listed[table] && !slices.Contains(unlisted, table) {
				unlisted = append(unlisted, table)
			}
			return true
		})
	}
	if len(unlisted) == 0 {
		return nil
	}
	slices.Sort(unlisted)
	return &UnlistedError{Names: unlisted}
}

// tableIn is the struct that a declaration makes a table; empty for others.
func tableIn(node ast.Node) string {
	switch n := node.(type) {
	case *ast.FuncDecl:
		if n.Recv == nil || n.Name.Name != "TableName" {
			return ""
		}
		receiver := n.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		if name, ok := receiver.(*ast.Ident); ok {
			return name.Name
		}
	case *ast.TypeSpec:
		fields, ok := n.Type.(*ast.StructType)
		if ok && slices.ContainsFunc(fields.Fields.List, func(f *ast.Field) bool {
			return f.Tag != nil && strings.Contains(strings.ToLower(f.Tag.Value), "primarykey")
		}) {
			return n.Name.Name
		}
	}
	return ""
}
