package strict

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder decodes one document. It continues after a problem, to find the others.
type decoder struct {
	file     string
	problems []Problem
	visited  int
	bytes    int // of the values so far
}

// Custom is a type with its own notation. Decode calls DecodeYAML with the node.
type Custom interface{ DecodeYAML(n Node) }

// Checked is a struct with rules between its fields. Decode calls Check after all fields
// are set, and reports the problems that it returns.
type Checked interface{ Check() []Problem }

// Node is one value of the document, the argument of Custom.
type Node struct {
	d     *decoder
	node  *yaml.Node
	path  string
	depth int
}

// IsMap reports whether the value is a mapping.
func (n Node) IsMap() bool { return n.node.Kind == yaml.MappingNode }

// IsText reports whether the value is a string.
func (n Node) IsText() bool { return n.node.Kind == yaml.ScalarNode && n.node.Tag == "!!str" }

// IsNumber reports whether the value is an integer.
func (n Node) IsNumber() bool { return n.node.Kind == yaml.ScalarNode && n.node.Tag == "!!int" }

// IsBlock reports whether the value is a literal block (|).
func (n Node) IsBlock() bool { return n.IsText() && n.node.Style&yaml.LiteralStyle != 0 }

// Items returns the items of a list. It reports a problem if the value is no list.
func (n Node) Items() []Node {
	if n.node.Kind != yaml.SequenceNode {
		n.Problem("must be a list, not %s", describe(n.node))
		return nil
	}
	items := make([]Node, len(n.node.Content))
	for i, item := range n.node.Content {
		items[i] = Node{d: n.d, node: item, path: itemPath(n.path, i, item), depth: n.depth + 1}
	}
	return items
}

// Place returns the place of the value.
func (n Node) Place() Place { return n.d.place(n.node) }

// Path returns the path of the value in the document.
func (n Node) Path() string { return n.path }

// Into decodes the value into the variable that pointer points to.
func (n Node) Into(pointer any) {
	n.d.value(n.node, reflect.ValueOf(pointer).Elem(), n.path, n.depth+1)
}

// Problem reports a problem at the value.
func (n Node) Problem(format string, args ...any) { n.d.problem(n.node, n.path, format, args...) }

func (d *decoder) place(n *yaml.Node) Place {
	return Place{File: d.file, Line: n.Line, Column: n.Column}
}

func (d *decoder) problem(n *yaml.Node, path, format string, args ...any) {
	switch {
	case len(d.problems) < maxProblems:
		d.problems = append(d.problems, Problem{Place: d.place(n), Path: path, Text: fmt.Sprintf(format, args...)})
	case len(d.problems) == maxProblems:
		d.problems = append(d.problems, Problem{Place: d.place(n), Text: "more problems follow; correct these first"})
	}
}

// value decodes n into v. A null leaves v unchanged, like a missing key.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, depth int) {
	if !d.visit(n, path, 1, depth) {
		return
	}
	if n.Kind == yaml.AliasNode {
		d.value(n.Alias, v, path, depth+1)
		return
	}
	if !d.countText(n, path) {
		return
	}
	if isNull(n) {
		return
	}
	if c, ok := v.Addr().Interface().(Custom); ok {
		c.DecodeYAML(Node{d: d, node: n, path: path, depth: depth})
		return
	}
	d.plain(n, v, path, depth)
}

// visit counts nodes, and reports whether they are within the bounds.
func (d *decoder) visit(n *yaml.Node, path string, nodes, depth int) bool {
	if len(d.problems) > maxProblems {
		return false
	}
	if d.visited += nodes; d.visited <= maxNodes && depth <= maxDepth {
		return true
	}
	if d.visited < 2*maxNodes {
		d.problem(n, path, "nested too deep, or too many aliases; expand the aliases")
		d.visited = 2 * maxNodes
	}
	return false
}

// countText counts the bytes of a value, and reports whether they are within maxText.
func (d *decoder) countText(n *yaml.Node, path string) bool {
	before := d.bytes <= maxText
	d.bytes += len(n.Value)
	if d.bytes <= maxText {
		return true
	}
	if before {
		d.problem(n, path, "the values have more than %d MiB in total, aliases expanded; use fewer aliases", maxText>>20)
	}
	return false
}

var durationType = reflect.TypeFor[time.Duration]()

func (d *decoder) plain(n *yaml.Node, v reflect.Value, path string, depth int) {
	switch {
	case v.Type() == durationType:
		d.duration(n, v, path)
	case v.Kind() == reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.value(n, fresh.Elem(), path, depth+1)
		v.Set(fresh)
	case v.Kind() == reflect.Struct:
		d.mapping(n, v, path, depth)
	case v.Kind() == reflect.Slice:
		d.sequence(n, v, path, depth)
	case v.Kind() == reflect.Map:
		d.table(n, v, path, depth)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, path, "must be a list, not %s", describe(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, min(len(n.Content), 1024))
	for i, item := range n.Content {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(item, element, itemPath(path, i, item), depth+1)
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// itemPath returns the path of an item: its index, and its name if it has one.
func itemPath(path string, i int, item *yaml.Node) string {
	label := fmt.Sprintf("%s[%d]", path, i)
	if item.Kind != yaml.MappingNode {
		return label
	}
	for k := 0; k+1 < len(item.Content); k += 2 {
		if item.Content[k].Value == "name" && item.Content[k+1].Kind == yaml.ScalarNode {
			return fmt.Sprintf("%s %s", label, quote(item.Content[k+1].Value))
		}
	}
	return label
}

// table decodes a map with string keys.
func (d *decoder) table(n *yaml.Node, v reflect.Value, path string, depth int) {
	out := reflect.MakeMap(v.Type())
	for _, p := range d.pairs(n, path, depth) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(p.value, element, join(path, p.key.Value), depth+1)
		out.SetMapIndex(reflect.ValueOf(p.key.Value).Convert(v.Type().Key()), element)
	}
	v.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, path, "must be %s, not %s", kindName(v.Kind()), describe(n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.text(n, v, path)
	case reflect.Bool:
		if b, err := strconv.ParseBool(n.Value); n.Tag == "!!bool" && err == nil {
			v.SetBool(b)
			return
		}
		d.problem(n, path, "must be true or false, not %s", quote(n.Value))
	default:
		d.number(n, v, path)
	}
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string) {
	switch n.Tag {
	case "!!str", "!!timestamp", "!!binary":
		v.SetString(n.Value)
	default:
		d.problem(n, path, "must be a string; quote it: %q", n.Value)
	}
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, path string) {
	var err error
	switch v.Kind() {
	case reflect.Float64:
		var f float64
		err = n.Decode(&f)
		v.SetFloat(f)
	case reflect.Uint64, reflect.Uint32, reflect.Uint16:
		var u uint64
		if err = n.Decode(&u); err == nil && v.OverflowUint(u) {
			err = strconv.ErrRange
		}
		v.SetUint(u)
	default:
		var i int64
		if err = n.Decode(&i); err == nil && v.OverflowInt(i) {
			err = strconv.ErrRange
		}
		v.SetInt(i)
	}
	integer := v.Kind() != reflect.Float64 // the YAML library truncates 1.5 to 1
	if err != nil || !(n.Tag == "!!int" || n.Tag == "!!float" && !integer) {
		d.problem(n, path, "must be %s, not %s", kindName(v.Kind()), quote(n.Value))
	}
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path string) {
	t, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || t < 0 {
		d.problem(n, path, "must be a duration with a unit, such as 30s or 5m, not %s", describe(n))
		return
	}
	v.SetInt(int64(t))
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	}
	return "an integer"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return quote(n.Value)
}

// maxQuoted bounds a key or a value in a path or a problem, in bytes.
const maxQuoted = 60

// quote quotes untrusted text, truncated to maxQuoted.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = strings.ToValidUTF8(s[:maxQuoted], "") + "…"
	}
	return strconv.Quote(s)
}

func join(path, key string) string {
	if len(key) > maxQuoted {
		key = strings.ToValidUTF8(key[:maxQuoted], "") + "…"
	}
	if path == "" {
		return key
	}
	return path + ": " + key
}
