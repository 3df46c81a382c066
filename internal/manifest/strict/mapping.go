package strict

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// pair is one key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// pairs returns the keys of a mapping, then those of merged mappings (<<) that it does not
// set. It reports duplicate keys. Merges are followed up to maxDepth, because a mapping can
// merge itself.
func (d *decoder) pairs(n *yaml.Node, path string, depth int) []pair {
	if n.Kind != yaml.MappingNode {
		d.problem(n, path, "must be a mapping, not %s", describe(n))
		return nil
	}
	if !d.visit(n, path, len(n.Content)/2, depth) { // merges repeat mappings
		return nil
	}
	var out []pair
	var merged []*yaml.Node
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch line, duplicate := seen[key.Value]; {
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode:
			d.problem(key, path, "a key must be a scalar")
		case duplicate:
			d.problem(key, join(path, key.Value), "duplicate key; first set in line %d", line)
		default:
			seen[key.Value] = key.Line
			out = append(out, pair{key, value})
		}
	}
	for _, m := range merged {
		out = d.mergeInto(out, seen, m, path, depth+1)
	}
	return out
}

func (d *decoder) mergeInto(out []pair, seen map[string]int, n *yaml.Node, path string, depth int) []pair {
	if !d.visit(n, path, 1, depth) {
		return out
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.mergeInto(out, seen, n.Alias, path, depth)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			out = d.mergeInto(out, seen, item, path, depth)
		}
		return out
	}
	for _, p := range d.pairs(n, path, depth) {
		if _, given := seen[p.key.Value]; !given {
			seen[p.key.Value] = p.key.Line
			out = append(out, p)
		}
	}
	return out
}

// field is a struct field with the key that sets it.
type field struct {
	name     string
	required bool
	anyCase  bool // of an OCI struct; LinuxKit accepts its keys in lower case too
	index    []int
}

func (f field) matches(key string) bool {
	return f.name == key || f.anyCase && strings.EqualFold(f.name, key)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, path, "must be a mapping with the keys %s, not %s", list(fieldsOf(v.Type())), describe(n))
		return
	}
	pairs := d.pairs(n, path, depth)
	at := At{Place: d.place(n), Path: path, keys: map[string]Place{}}
	fields := fieldsOf(v.Type())
	for _, p := range pairs {
		i := slices.IndexFunc(fields, func(f field) bool { return f.matches(p.key.Value) })
		if i < 0 {
			d.unknown(p.key, path, fields)
			continue
		}
		if !isNull(p.value) {
			at.keys[fields[i].name] = d.place(p.key)
		}
		d.value(p.value, v.FieldByIndex(fields[i].index), join(path, p.key.Value), depth+1)
	}
	for _, f := range fields {
		if f.required && !at.Has(f.name) {
			d.problem(n, path, "%s is missing", f.name)
		}
	}
	if embedded := v.FieldByName("At"); embedded.IsValid() && embedded.Type() == reflect.TypeFor[At]() {
		embedded.Set(reflect.ValueOf(at))
	}
	if c, ok := v.Addr().Interface().(Checked); ok {
		d.problems = append(d.problems, c.Check()...)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// fieldsOf lists the fields of a struct, including those of embedded structs.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		tag, hasYAML := f.Tag.Lookup("yaml")
		if !hasYAML {
			tag = f.Tag.Get("json")
		}
		name, option, _ := strings.Cut(tag, ",")
		if name != "" && name != "-" && f.IsExported() {
			fields = append(fields, field{name: name, required: option == "required", anyCase: !hasYAML, index: f.Index})
		}
	}
	return fields
}

// maxSuggestions bounds the searches for similar keys in one document.
const maxSuggestions = 100

// garbledKeys maps keys that the word filters of web forums change to the original keys.
var garbledKeys = map[string]string{"p_w_picpath": "image"}

func (d *decoder) unknown(key *yaml.Node, path string, fields []field) {
	if original, ok := garbledKeys[key.Value]; ok {
		d.problem(key, path, "unknown key %s; a web forum replaced %q; use %[2]s", quote(key.Value), original)
		return
	}
	if len(d.problems) >= maxSuggestions {
		d.problem(key, path, "unknown key %s", quote(key.Value))
		return
	}
	if near := Nearest(key.Value, names(fields)); near != "" {
		d.problem(key, path, "unknown key %s; did you mean %q?", quote(key.Value), near)
		return
	}
	d.problem(key, path, "unknown key %s; valid keys: %s", quote(key.Value), list(fields))
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

func list(fields []field) string { return strings.Join(names(fields), ", ") }
