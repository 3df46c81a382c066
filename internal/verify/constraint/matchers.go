package constraint

import (
	"slices"

	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// matchers are CUE's functions that match a value against a struct: matchN and matchIf of
// the language, list.MatchN, json.Validate, yaml.Validate and yaml.ValidatePartial. A
// value that lacks a field matches, unless the field is marked as required.
var matchers = []string{"matchN", "matchIf", "MatchN", "Validate", "ValidatePartial"}

// checkMatchers returns an error for the first field in an argument of a matcher that is
// not marked as required or optional.
func checkMatchers(file *ast.File) error {
	var found *ast.Field
	ast.Walk(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && found == nil && slices.Contains(matchers, calleeName(call)) {
			s := fieldSearch{visited: map[ast.Node]bool{}}
			for _, arg := range call.Args {
				s.walk(arg)
			}
			found = s.found
		}
		return found == nil
	}, nil)
	if found == nil {
		return nil
	}
	name, _, _ := ast.LabelName(found.Label)
	return cueerrors.Newf(found.Pos(), "%s: a value without this field would match; write %s!:", name, name)
}

// calleeName returns the name of a function, without its package.
func calleeName(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		name, _, _ := ast.LabelName(fun.Sel)
		return name
	}
	return ""
}

// fieldSearch finds a regular field without ! or ?, also behind references.
type fieldSearch struct {
	visited map[ast.Node]bool
	found   *ast.Field
}

func (s *fieldSearch) walk(node ast.Node) {
	ast.Walk(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if s.found == nil && isRegular(n) {
				s.found = n
			}
		case *ast.Ident:
			s.follow(n.Node)
		}
		return s.found == nil
	}, nil)
}

func (s *fieldSearch) follow(node ast.Node) {
	if node == nil || s.visited[node] {
		return
	}
	s.visited[node] = true
	switch node := node.(type) {
	case *ast.Field:
		s.walk(node.Value)
	case *ast.LetClause:
		s.walk(node.Expr)
	case ast.Expr:
		s.walk(node)
	}
}

// isRegular reports whether a field is neither a pattern, nor marked, hidden or a
// definition.
func isRegular(f *ast.Field) bool {
	if _, isPattern := f.Label.(*ast.ListLit); isPattern || f.Constraint != token.ILLEGAL {
		return false
	}
	name, isIdent, err := ast.LabelName(f.Label)
	return err != nil || !isIdent || name[0] != '_' && name[0] != '#'
}
