package internal

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The measures of style. A reader of the field expects functions that fit on a screen,
// lines that fit a diff view, and struct literals that name their fields.
const (
	maxFunctionLines = 60
	maxLineLength    = 140 // characters
	minKeyedFields   = 3   // a struct literal of as many values names its fields
)

// source is one parsed Go file of the repository.
type source struct {
	Path string // relative to the repository
	Text []byte
	File *ast.File
	Set  *token.FileSet
}

// sources parses every Go file that git tracks: code, tests, testdata, nested modules.
func sources(t *testing.T) []source {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.go")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []source
	for name := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		text, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) { // removed, and not yet committed
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{Path: name, Text: text, File: file, Set: set})
	}
	return all
}

func (s source) line(n ast.Node) int { return s.Set.Position(n.Pos()).Line }

func TestLinesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for i, line := range bytes.Split(s.Text, []byte("\n")) {
			if n := utf8.RuneCount(line); n > maxLineLength {
				t.Errorf("%s:%d: line of %d characters; wrap it at %d", s.Path, i+1, n, maxLineLength)
			}
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			f, ok := n.(*ast.FuncDecl)
			if !ok {
				return true
			}
			if lines := s.Set.Position(f.End()).Line - s.line(f) + 1; lines > maxFunctionLines {
				t.Errorf("%s:%d: %s has %d lines; split it at %d", s.Path, s.line(f), f.Name.Name, lines, maxFunctionLines)
			}
			return true
		})
	}
}

func TestNoContextInStruct(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			structure, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range structure.Fields.List {
				if selector, ok := field.Type.(*ast.SelectorExpr); ok && fmt.Sprint(selector.X, ".", selector.Sel) == "context.Context" {
					t.Errorf("%s:%d: a struct keeps a context; pass it as the first argument", s.Path, s.line(field))
				}
			}
			return true
		})
	}
}

func TestStructLiteralsNameTheirFields(t *testing.T) {
	t.Parallel()
	all := sources(t)
	types := namedTypes(all)
	for _, s := range all {
		literals{source: s, types: types, report: func(n ast.Node, fields int) {
			t.Errorf("%s:%d: struct literal of %d values without field names", s.Path, s.line(n), fields)
		}}.check()
	}
}

// namedTypes maps "folder.Name" to the type that a package of this repository declares.
// The folder is the last element of the package's path, as an importer writes it.
func namedTypes(all []source) map[string]ast.Expr {
	types := map[string]ast.Expr{}
	for _, s := range all {
		ast.Inspect(s.File, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				types[path.Dir(s.Path)+"."+spec.Name.Name] = spec.Type
				types[s.File.Name.Name+"/"+spec.Name.Name] = spec.Type
			}
			return true
		})
	}
	return types
}

// literals finds struct literals without field names in one file. It resolves types by
// name, without the type checker: a type of this repository, or one written in place.
type literals struct {
	source
	types  map[string]ast.Expr
	report func(n ast.Node, fields int)
}

func (l literals) check() {
	ast.Inspect(l.File, func(n ast.Node) bool {
		if literal, ok := n.(*ast.CompositeLit); ok && literal.Type != nil {
			l.literal(literal, literal.Type)
		}
		return true
	})
}

// literal checks a composite literal of type t, and those within whose type is elided.
func (l literals) literal(c *ast.CompositeLit, t ast.Expr) {
	switch t := l.underlying(t).(type) {
	case *ast.StructType:
		keyed := slices.ContainsFunc(c.Elts, func(e ast.Expr) bool { _, ok := e.(*ast.KeyValueExpr); return ok })
		if !keyed && len(c.Elts) >= minKeyedFields {
			l.report(c, len(c.Elts))
		}
	case *ast.ArrayType:
		l.elements(c, t.Elt)
	case *ast.MapType:
		l.elements(c, t.Value)
	}
}

func (l literals) elements(c *ast.CompositeLit, t ast.Expr) {
	if pointer, ok := t.(*ast.StarExpr); ok {
		t = pointer.X
	}
	for _, e := range c.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			e = pair.Value
		}
		if inner, ok := e.(*ast.CompositeLit); ok && inner.Type == nil {
			l.literal(inner, t)
		}
	}
}

// underlying follows names of types to what they stand for.
func (l literals) underlying(t ast.Expr) ast.Expr {
	for range 8 { // no chain of names is longer
		var name string
		switch named := t.(type) {
		case *ast.Ident:
			name = path.Dir(l.Path) + "." + named.Name
		case *ast.SelectorExpr:
			name = fmt.Sprint(named.X) + "/" + named.Sel.Name
		default:
			return t
		}
		next, ok := l.types[name]
		if !ok {
			return t
		}
		t = next
	}
	return t
}
