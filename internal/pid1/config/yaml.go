package config

import "strings"

// Bounds of a file.
const (
	MaxBytes = 64 << 10
	maxLine  = 4096 // bytes
	maxKey   = 256  // bytes; YAML allows 1024
	maxDepth = 16
)

// kind is what a node is.
type kind int

const (
	null kind = iota
	scalar
	sequence
	mapping
)

// node is one value of the file, with all below it.
type node struct {
	kind  kind
	line  int
	text  string // of a scalar, and of a null as it was written
	keys  []node // of a mapping
	items []node // of a sequence; of a mapping the values of keys
}

// parser reads the block structure of a file: which lines belong to what, by
// their indentation. A value stands on one line, so the lines that are left are all
// the state there is.
//
// The subset of YAML 1.2 (https://yaml.org/spec/1.2.2) is: block mappings and
// sequences; flow ones within a line; plain, 'single' and "double" quoted scalars
// within a line, with the escapes \" \\ \n \r \t; comments; one "---" ahead of all.
// Tabs, anchors, aliases, tags, directives, block scalars and further documents are
// refused, and so is what YAML would read otherwise than its looks suggest.
type parser struct{ lines []line }

// parse reads a file into a tree. The error is a Problem.
func parse(text []byte) (node, error) {
	lines, err := split(text)
	if err != nil || len(lines) == 0 {
		return node{}, err
	}
	p := &parser{lines: lines}
	n, err := p.block(1)
	if err == nil && len(p.lines) > 0 {
		err = p.lines[0].wrong("does not fit the lines above it; is its indentation right?")
	}
	return n, err
}

// block reads the value that begins at the next line.
func (p *parser) block(depth int) (node, error) {
	first := p.lines[0]
	switch {
	case depth > maxDepth:
		return node{}, first.wrong("nested more than 16 deep")
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

// item reads one item. What stands behind the dash is a line of its own, indented
// up to there.
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

// value reads the value of the key on l: the rest of that line, or a block below
// it. A sequence may be as little indented as its key.
func (p *parser) value(l line, rest string, depth int) (node, error) {
	switch {
	case rest != "":
		return inline(l, rest, depth+1)
	case len(p.lines) > 0 && p.lines[0].indent > l.indent, p.at(l.indent) && p.lines[0].isItem():
		return p.block(depth + 1)
	}
	return node{line: l.number}, nil
}

// at reports whether the next line has that indentation.
func (p *parser) at(indent int) bool { return len(p.lines) > 0 && p.lines[0].indent == indent }

// noDeeper refuses a next line that is indented more: YAML would read it as the end
// of the value above it.
func (p *parser) noDeeper(indent int) error {
	if len(p.lines) > 0 && p.lines[0].indent > indent {
		return p.lines[0].wrong("indented, but what stands above it is complete")
	}
	return nil
}

// content returns what of a line's rest is left without blanks ahead, and "" where
// that is a comment.
func content(rest string) string {
	rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(rest, "#") {
		return ""
	}
	return rest
}
