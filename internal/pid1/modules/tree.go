package modules

import (
	"encoding/binary"
	"strings"
)

// tree is an index file with the extension ".bin": a radix tree with the content of the
// text file of the same name, written by kmod's depmod and searched in place (kmod,
// libkmod/libkmod-index.c). Numbers are big-endian and have 32 bits:
//
//	file: magic, version, root node
//	node: hasLabel:    the label, zero-terminated
//	      hasChildren: the first and the last byte of its children; a node for each byte between
//	      hasValues:   number of values; for each its priority, and its text, zero-terminated
//
// The number of a node is its offset, with the flags hasLabel, hasChildren and hasValues
// in the upper bits; 0 is no node. The labels and child bytes on the path to a node form a
// key. A part of a node that is out of bounds is treated as absent.
type tree string

const (
	treeMagic   = 0xb007f457
	treeVersion = 2 // major version; minor versions are compatible
	treeRoot    = 8 // offset of the root node's number

	hasLabel    = 1 << 31
	hasValues   = 1 << 30
	hasChildren = 1 << 29
	offsetMask  = 1<<28 - 1
)

// Bounds, for a hostile file whose nodes form a cycle.
const (
	maxText    = 1 << 14 // bytes of a label or a value; a line of modules.dep has about a thousand
	maxPattern = 4096    // bytes: PATH_MAX, where depmod truncates a pattern
	maxSteps   = 1 << 26 // steps of a search: bytes of patterns times bytes of the name
	maxFound   = 1 << 10 // values of one search
)

// valid reports whether t has the magic number and a supported version.
func (t tree) valid() bool { return t.number(0) == treeMagic && t.number(4)>>16 == treeVersion }

// number returns the number at an offset, or 0 if that is out of bounds.
func (t tree) number(at int) uint32 {
	if at < 0 || at+4 > len(t) {
		return 0
	}
	return binary.BigEndian.Uint32([]byte(t[at : at+4]))
}

// text returns the zero-terminated text at an offset, at most maxText bytes of it. The
// offset must not be beyond the end.
func (t tree) text(at int) string {
	text, _, _ := strings.Cut(string(t[at:min(at+maxText, len(t))]), "\x00")
	return text
}

// node is a decoded node.
type node struct {
	label       string
	first, last byte
	children    int // offset of the children's numbers, or 0
	values      int // offset of the values, or 0
}

// node decodes the node with a number.
func (t tree) node(number uint32) (n node, found bool) {
	at := int(number & offsetMask)
	if at == 0 || at >= len(t) {
		return node{}, false
	}
	if number&hasLabel != 0 {
		n.label = t.text(at)
		at += len(n.label) + 1
	}
	if number&hasChildren != 0 && at+2 <= len(t) {
		n.first, n.last, n.children = t[at], t[at+1], at+2
		at += 2 + 4*(int(n.last)-int(n.first)+1)
	}
	if number&hasValues != 0 {
		n.values = at
	}
	return n, true
}

// child returns the child of a node for a byte.
func (t tree) child(n node, c byte) (node, bool) {
	if n.children == 0 || c < n.first || c > n.last {
		return node{}, false
	}
	return t.node(t.number(n.children + 4*int(c-n.first)))
}

// appendValues appends the values of a node, up to maxFound.
func (t tree) appendValues(to []string, n node) []string {
	if n.values == 0 {
		return to
	}
	at := n.values + 4
	for range t.number(n.values) {
		if at+4 >= len(t) || len(to) >= maxFound {
			break
		}
		value := t.text(at + 4)
		to, at = append(to, value), at+4+len(value)+1
	}
	return to
}

// get returns the values of the key.
func (t tree) get(key string) []string {
	n, found := t.node(t.number(treeRoot))
	for found && strings.HasPrefix(key, n.label) {
		key = key[len(n.label):]
		if key == "" {
			return t.appendValues(nil, n)
		}
		n, found = t.child(n, key[0])
		key = key[1:]
	}
	return nil
}

// matching returns the values of all keys that are patterns which match a name.
func (t tree) matching(name string) []string {
	s := search{tree: t, left: maxSteps}
	s.walk(name)
	return s.found
}

// search is a search for patterns: its results, and how many steps are left.
type search struct {
	tree  tree
	found []string
	left  int
}

// walk follows the path of the name through the tree, and collects the patterns below each
// wildcard on the way.
func (s *search) walk(name string) {
	n, found := s.tree.node(s.tree.number(treeRoot))
	for found && s.left > 0 {
		wild := strings.IndexAny(n.label, wildcards)
		if wild >= 0 {
			if strings.HasPrefix(name, n.label[:wild]) {
				s.collect(n, n.label[wild:], name[wild:])
			}
			return
		}
		if !strings.HasPrefix(name, n.label) {
			return
		}
		name = name[len(n.label):]
		for _, c := range []byte(wildcards) {
			if child, ok := s.tree.child(n, c); ok {
				s.collect(child, string(rune(c))+child.label, name)
			}
		}
		if name == "" {
			s.found = s.tree.appendValues(s.found, n)
			return
		}
		n, found = s.tree.child(n, name[0])
		name = name[1:]
	}
}

// collect appends the values of all nodes in the subtree of n whose pattern matches name.
// pattern is that of n. A subtree whose patterns cannot match is skipped: a distribution's
// kernel has 6000 patterns for "of:".
func (s *search) collect(n node, pattern, name string) {
	s.left -= (len(pattern) + 1) * (len(name) + 1)
	if len(pattern) > maxPattern || !prefixMatches(pattern, name) {
		return
	}
	if n.values != 0 && match(pattern, name) {
		s.found = s.tree.appendValues(s.found, n)
	}
	for c := int(n.first); n.children != 0 && c <= int(n.last) && s.left > 0; c++ {
		if child, ok := s.tree.child(n, byte(c)); ok {
			s.collect(child, pattern+string([]byte{byte(c)})+child.label, name)
		}
	}
}

// prefixMatches reports whether a pattern that begins with this prefix can match the name.
// An unclosed bracket can: its set is incomplete.
func prefixMatches(pattern, name string) bool {
	return strings.LastIndexByte(pattern, '[') > strings.LastIndexByte(pattern, ']') || match(pattern+"*", name)
}
