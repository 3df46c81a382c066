package modules

import (
	"encoding/binary"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// branch is a node of a tree that a test grows, with a label or without.
type branch struct {
	label    string
	children map[byte]*branch
	values   []string
}

// add makes key a path of nodes, one a byte, and adds a value at its end.
func (b *branch) add(key, value string) {
	for _, c := range []byte(key) {
		if b.children == nil {
			b.children = map[byte]*branch{}
		}
		if b.children[c] == nil {
			b.children[c] = &branch{}
		}
		b = b.children[c]
	}
	b.values = append(b.values, value)
}

// join makes labels of nodes between which nothing branches off and nothing ends, as depmod
// does it, but at the root as well.
func (b *branch) join() {
	for c, child := range b.children {
		child.join()
		if len(b.children) == 1 && len(b.values) == 0 {
			b.label += string([]byte{c}) + child.label
			b.children, b.values = child.children, child.values
		}
	}
}

// write appends a node behind all that are below it, and returns its number.
func (b *branch) write(to []byte) (all []byte, number uint32) {
	below := map[byte]uint32{}
	for c, child := range b.children {
		to, below[c] = child.write(to)
	}
	number = uint32(len(to))
	if b.label != "" {
		number |= hasLabel
		to = append(to, b.label+"\x00"...)
	}
	if len(below) > 0 {
		number |= hasChildren
		bytes := slices.Sorted(maps.Keys(below))
		first, last := bytes[0], bytes[len(bytes)-1]
		to = append(to, first, last)
		for c := int(first); c <= int(last); c++ {
			to = binary.BigEndian.AppendUint32(to, below[byte(c)])
		}
	}
	if len(b.values) > 0 {
		number |= hasValues
		to = binary.BigEndian.AppendUint32(to, uint32(len(b.values)))
	}
	for priority, value := range b.values {
		to = binary.BigEndian.AppendUint32(to, uint32(priority))
		to = append(to, value+"\x00"...)
	}
	return to, number
}

// file returns the file whose root is b.
func (b *branch) file() tree {
	data, root := b.write(head(0))
	binary.BigEndian.PutUint32(data[treeRoot:], root)
	return tree(data)
}

// head returns what a file begins with.
func head(root uint32) []byte {
	return numbers(treeMagic, treeVersion<<16|1, root)
}

func numbers(all ...uint32) (data []byte) {
	for _, n := range all {
		data = binary.BigEndian.AppendUint32(data, n)
	}
	return data
}

// forms are the trees that say the same: a node for each byte, and as depmod writes them.
func forms(pairs [][2]string) map[string]tree {
	plain, joined := &branch{}, &branch{}
	for _, p := range pairs {
		plain.add(p[0], p[1])
		joined.add(p[0], p[1])
	}
	joined.join()
	return map[string]tree{"plain": plain.file(), "joined": joined.file()}
}

// kinds returns the index files as busybox's depmod writes them, and with trees in place of
// the texts that kmod's depmod makes trees of.
func kinds(texts map[string]string) map[string]map[string]string {
	trees := map[string]string{}
	for name, text := range texts {
		if pairs := entries(name, text); pairs != nil {
			trees[name+".bin"] = string(forms(pairs)["joined"])
		} else {
			trees[name] = text
		}
	}
	return map[string]map[string]string{"text": texts, "tree": trees}
}

// dashes are those of a pattern, and its sets.
var dashes = regexp.MustCompile(`-|\[[^]]*\]`)

func withoutDash(part string) string {
	if part == "-" {
		return "_"
	}
	return part
}

// entries returns the keys and values of one index file, as depmod writes them into its tree.
func entries(name, text string) (pairs [][2]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch fields := strings.Fields(line); {
		case name == "modules.dep":
			pairs = append(pairs, [2]string{Name(strings.TrimSuffix(fields[0], ":")), line})
		case name == "modules.alias" && fields[0] == "alias":
			pairs = append(pairs, [2]string{dashes.ReplaceAllStringFunc(fields[1], withoutDash), fields[2]})
		case name == "modules.builtin":
			pairs = append(pairs, [2]string{Name(line), ""})
		}
	}
	return pairs
}
