package modules

import (
	"encoding/binary"
	"strings"
)

// tree is an index file with the ending ".bin", in which kmod's depmod keeps what it writes
// as text too, to be searched in place (kmod, libkmod/libkmod-index.c). Numbers are
// big-endian and have 32 bits:
//
//	file: magic, version, root node
//	node: the rest of the label, to a zero byte, if it has one;
//	      the first and the last byte of its children, and a node for each between, if it has any;
//	      how many values, and for each its priority and its text, to a zero byte, if it has any
//
// A node's number is where it begins; the upper bits say which of the three parts it has. The
// path to a node spells a key. What is out of bounds is a part that is not there.
type tree string

const (
	treeMagic   = 0xb007f457
	treeVersion = 2 // the major one; a minor one adds
	treeRoot    = 8

	hasLabel    = 1 << 31
	hasValues   = 1 << 30
	hasChildren = 1 << 29
	placeMask   = 1<<28 - 1
)

// Bounds, for a file whose nodes go round in circles.
const (
	maxText    = 1 << 14 // bytes of a label or a value; a line of modules.dep has a thousand
	maxPattern = 4096    // bytes: PATH_MAX, where depmod cuts a pattern off
	maxSteps   = 1 << 26 // of a search: bytes of patterns times bytes of the name
	maxFound   = 1 << 10 // values
)

// valid reports whether it is a file of a known version.
func (t tree) valid() bool { return t.number(0) == treeMagic && t.number(4)>>16 == treeVersion }

func (t tree) number(at int) uint32 {
	if at < 0 || at+4 > len(t) {
		return 0
	}
	return binary.BigEndian.Uint32([]byte(t[at : at+4]))
}

// text returns what is there, to a zero byte. It is not behind the end.
func (t tree) text(at int) string {
	text, _, _ := strings.Cut(string(t[at:min(at+maxText, len(t))]), "\x00")
	return text
}

// node is a node, taken apart.
type node struct {
	label       string
	first, last byte
	children    int // where the numbers of the children are, or 0
	values      int // where the values are, or 0
}

// node returns the node of a number. 0 is the number of none.
func (t tree) node(number uint32) (n node, found bool) {
	at := int(number & placeMask)
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

// appendValues adds the values of a node.
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

// get returns the values of a key.
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

// answering returns the values of all keys that are patterns of a name.
func (t tree) answering(name string) []string {
	s := search{tree: t, left: maxSteps}
	s.along(name)
	return s.found
}

// search is what a search for patterns has found, and how many steps it may still take.
type search struct {
	tree  tree
	found []string
	left  int
}

// along goes the way that the name spells, and below each wildcard beside it.
func (s *search) along(name string) {
	n, found := s.tree.node(s.tree.number(treeRoot))
	for found && s.left > 0 {
		wild := strings.IndexAny(n.label, wildcards)
		if wild >= 0 {
			if strings.HasPrefix(name, n.label[:wild]) {
				s.below(n, n.label[wild:], name[wild:])
			}
			return
		}
		if !strings.HasPrefix(name, n.label) {
			return
		}
		name = name[len(n.label):]
		for _, c := range []byte(wildcards) {
			if child, ok := s.tree.child(n, c); ok {
				s.below(child, string(rune(c))+child.label, name)
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

// below adds the values of a node and of all below it whose pattern means name. The pattern
// of the node itself is given. Where no pattern of the name can begin so, nothing below is
// looked at: a distribution's kernel has 6000 patterns for "of:".
func (s *search) below(n node, pattern, name string) {
	s.left -= (len(pattern) + 1) * (len(name) + 1)
	if len(pattern) > maxPattern || !begins(pattern, name) {
		return
	}
	if n.values != 0 && match(pattern, name) {
		s.found = s.tree.appendValues(s.found, n)
	}
	for c := int(n.first); n.children != 0 && c <= int(n.last) && s.left > 0; c++ {
		if child, ok := s.tree.child(n, byte(c)); ok {
			s.below(child, pattern+string([]byte{byte(c)})+child.label, name)
		}
	}
}

// begins reports whether a pattern of a name may begin so. What an open bracket means is not
// known before it is closed.
func begins(pattern, name string) bool {
	return strings.LastIndexByte(pattern, '[') > strings.LastIndexByte(pattern, ']') || match(pattern+"*", name)
}
