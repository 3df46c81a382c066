package config

import "strings"

// Bounds of a file.
const (
	MaxBytes = 64 << 10
	maxLine  = 4096 // bytes
	maxKey   = 256  // bytes; YAML allows 1024
	maxDepth = 16
)

// kind is the kind of a node.
type kind int

const (
	null kind = iota
	scalar
	sequence
	mapping
)

// node is one value of the file, with its children.
type node struct {
	kind  kind
	line  int
	text  string // of a scalar; of a null as it was written
	keys  []node // of a mapping
	items []node // of a sequence; of a mapping, the values of keys
}

// parser parses the block structure of a file, which its indentation gives. A scalar ends
// on its line, so the remaining lines are all the state.
//
// The subset of YAML 1.2 (https://yaml.org/spec/1.2.2) is: block mappings and sequences;
// flow mappings and sequences on one line; plain, 'single' and "double" quoted scalars on
// one line, with the escapes \" \\ \n \r \t; comments; one "---" at the beginning. Tabs,
// anchors, aliases, tags, directives, block scalars and further documents are rejected,
// and so are ambiguous texts.
type parser struct{ lines []line }

// parse parses a file into a tree. The error is a Problem.
func parse(text []byte) (node, error) {
	lines, err := split(text)
	if err != nil || len(lines) == 0 {
		return node{}, err
	}
	p := &parser{lines: lines}
	n, err := p.block(1)
	if err == nil && len(p.lines) > 0 {
		err = p.lines[0].wrong("does not continue the lines above; check the indentation")
	}
	return n, err
}

// block parses the value that begins at the next line.
func (p *parser) block(depth int) (node, error) {
	first := p.lines[0]
	switch {
	case depth > maxDepth:
		return node{}, first.wrong("nested deeper than 16 levels")
	case first.isItem():
		return p.sequence(depth)
	case first.hasKey():
		return p.mapping(depth)
	}
	p.lines = p.lines[1:]
	return inline(first, first.text, depth)
}

func (p *parser) sequence(depth int) (node, error) {
	first := p.lines[0]
	n := node{kind: sequence, line: first.number}
	for p.at(first.indent) && p.lines[0].isItem() {
		item, err := p.item(depth)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
	return n, p.noDeeper(first.indent)
}

// item parses one item. The text after the dash is parsed as a line of its own, with its
// column as indentation.
func (p *parser) item(depth int) (node, error) {
	l := p.lines[0]
	rest := content(l.text[1:])
	if rest == "" {
		p.lines = p.lines[1:]
		if len(p.lines) > 0 && p.lines[0].indent > l.indent {
			return p.block(depth + 1)
		}
		return node{line: l.number}, nil
	}
	p.lines[0].indent, p.lines[0].text = l.indent+len(l.text)-len(rest), rest
	return p.block(depth + 1)
}

func (p *parser) mapping(depth int) (node, error) {
	first := p.lines[0]
	n := node{kind: mapping, line: first.number}
	for p.at(first.indent) {
		l := p.lines[0]
		key, rest, err := l.key()
		if err != nil {
			return n, err
		}
		p.lines = p.lines[1:]
		value, err := p.value(l, rest, depth)
		if err != nil {
			return n, err
		}
		n.keys, n.items = append(n.keys, key), append(n.items, value)
	}
	return n, p.noDeeper(first.indent)
}

// value parses the value of the key on l: the rest of that line, or a block below it. A
// sequence may have the same indentation as its key.
func (p *parser) value(l line, rest string, depth int) (node, error) {
	switch {
	case rest != "":
		return inline(l, rest, depth+1)
	case len(p.lines) > 0 && p.lines[0].indent > l.indent, p.at(l.indent) && p.lines[0].isItem():
		return p.block(depth + 1)
	}
	return node{line: l.number}, nil
}

// at reports whether the next line has this indentation.
func (p *parser) at(indent int) bool { return len(p.lines) > 0 && p.lines[0].indent == indent }

// noDeeper rejects a next line with more indentation: YAML would parse it as a
// continuation of the value above.
func (p *parser) noDeeper(indent int) error {
	if len(p.lines) > 0 && p.lines[0].indent > indent {
		return p.lines[0].wrong("indented, but the value above is complete")
	}
	return nil
}

// content returns the rest of a line without leading spaces, or "" if it is a comment.
func content(rest string) string {
	rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(rest, "#") {
		return ""
	}
	return rest
}
