package verify

import (
	"slices"

	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// matchers are CUE's functions that try a struct on a value: matchN and matchIf of the
// language, list.MatchN, json.Validate, yaml.Validate and yaml.ValidatePartial. For them a
// field which is not there agrees, unless it is marked as required.
var matchers = []string{"matchN", "matchIf", "MatchN", "Validate", "ValidatePartial"}

// unmarked returns an error for the first field that such a function would not miss.
func unmarked(file *ast.File) error {
	var found *ast.Field
	ast.Walk(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && found == nil && slices.Contains(matchers, function(call)) {
			s := search{seen: map[ast.Node]bool{}}
			for _, arg := range call.Args {
				s.in(arg)
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

// function returns the name of what is called, without its package.
func function(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		name, _, _ := ast.LabelName(fun.Sel)
		return name
	}
	return ""
}

// search looks for a regular field that is not marked with ! or ?, also behind names.
type search struct {
	seen  map[ast.Node]bool
	found *ast.Field
}

func (s *search) in(node ast.Node) {
	ast.Walk(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if s.found == nil && regular(n) {
				s.found = n
			}
		case *ast.Ident:
			s.follow(n.Node)
		}
		return s.found == nil
	}, nil)
}

func (s *search) follow(node ast.Node) {
	if node == nil || s.seen[node] {
		return
	}
	s.seen[node] = true
	switch node := node.(type) {
	case *ast.Field:
		s.in(node.Value)
	case *ast.LetClause:
		s.in(node.Expr)
	case ast.Expr:
		s.in(node)
	}
}

func regular(f *ast.Field) bool {
	if _, ok := f.Label.(*ast.ListLit); ok || f.Constraint != token.ILLEGAL {
		return false // a pattern, or marked
	}
	name, isIdent, err := ast.LabelName(f.Label)
	return err != nil || !isIdent || name[0] != '_' && name[0] != '#'
}
