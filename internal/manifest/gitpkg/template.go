package gitpkg

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxTag bounds the text of a tag, in bytes. The tag of an image has at most 128.
const maxTag = 256

// errTemplate is the error for a tag that uses more of Go's templates than it needs. A few
// bytes with variables or nested calls can take gigabytes of memory.
var errTemplate = errors.New("only .Hash, slice and printf with one value are supported")

// expand executes the tag, a Go template with the variable Hash.
func expand(tag, hash string) (string, error) {
	if len(tag) > maxTag {
		return "", fmt.Errorf("has %d bytes; the limit is %d", len(tag), maxTag)
	}
	t, err := template.New("").Option("missingkey=error").Parse(tag)
	if err != nil {
		return "", err
	}
	if len(t.Templates()) > 1 {
		return "", errTemplate
	}
	if t.Tree != nil {
		for _, node := range t.Root.Nodes {
			if err := checkNode(node); err != nil {
				return "", err
			}
		}
	}
	var out strings.Builder
	err = t.Execute(&out, map[string]string{"Hash": hash})
	return out.String(), err
}

// checkNode accepts text, comments, and actions whose commands are linear in their input.
func checkNode(node parse.Node) error {
	switch n := node.(type) {
	case *parse.TextNode, *parse.CommentNode:
		return nil
	case *parse.ActionNode:
		if len(n.Pipe.Decl) > 0 {
			return errTemplate
		}
		for _, command := range n.Pipe.Cmds {
			if err := checkCommand(command); err != nil {
				return err
			}
		}
		return nil
	}
	return errTemplate
}

// oneValue is a format that uses its value once.
var oneValue = regexp.MustCompile(`^[^%]*%(\.?[0-9]{1,3})?[sv][^%]*$`)

// checkCommand accepts .Hash, slice and printf. None of their arguments is a call.
func checkCommand(command *parse.CommandNode) error {
	for i, argument := range command.Args {
		switch a := argument.(type) {
		case *parse.FieldNode, *parse.NumberNode:
		case *parse.IdentifierNode:
			if i > 0 || a.Ident != "printf" && a.Ident != "slice" {
				return errTemplate
			}
		case *parse.StringNode:
			if !oneValue.MatchString(a.Text) {
				return errTemplate
			}
		default:
			return errTemplate
		}
	}
	return nil
}
