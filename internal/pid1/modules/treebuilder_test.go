package modules

import (
	"encoding/binary"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// trieNode is a node of an index tree that a test builds.
type trieNode struct {
	label    string
	children map[byte]*trieNode
	values   []string
}

// add adds a value at the end of the path of key, which has one node for each byte.
func (b *trieNode) add(key, value string) {
	for _, c := range []byte(key) {
		if b.children == nil {
			b.children = map[byte]*trieNode{}
		}
		if b.children[c] == nil {
			b.children[c] = &trieNode{}
		}
		b = b.children[c]
	}
	b.values = append(b.values, value)
}

// compress merges each node without values into its only child, as depmod does, but at the
// root as well.
func (b *trieNode) compress() {
	for c, child := range b.children {
		child.compress()
		if len(b.children) == 1 && len(b.values) == 0 {
			b.label += string([]byte{c}) + child.label
			b.children, b.values = child.children, child.values
		}
	}
}

// write appends the subtree of a node, the children first, and returns the node's number.
func (b *trieNode) write(to []byte) (all []byte, number uint32) {
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

// file returns the index file whose root is b.
func (b *trieNode) file() tree {
	data, root := b.write(header(0))
	binary.BigEndian.PutUint32(data[treeRoot:], root)
	return tree(data)
}

// header returns the header of an index file.
func header(root uint32) []byte {
	return numbers(treeMagic, treeVersion<<16|1, root)
}

func numbers(all ...uint32) (data []byte) {
	for _, n := range all {
		data = binary.BigEndian.AppendUint32(data, n)
	}
	return data
}

// trees returns two index files with the same keys and values: one with a node for each
// byte, and one compressed as by depmod.
func trees(pairs [][2]string) map[string]tree {
	plain, compressed := &trieNode{}, &trieNode{}
	for _, p := range pairs {
		plain.add(p[0], p[1])
		compressed.add(p[0], p[1])
	}
	compressed.compress()
	return map[string]tree{"plain": plain.file(), "compressed": compressed.file()}
}

// indexFormats returns the index files in both formats: text, as of busybox's depmod, and
// trees where kmod's depmod writes them.
func indexFormats(texts map[string]string) map[string]map[string]string {
	binary := map[string]string{}
	for name, text := range texts {
		if pairs := entries(name, text); pairs != nil {
			binary[name+".bin"] = string(trees(pairs)["compressed"])
		} else {
			binary[name] = text
		}
	}
	return map[string]map[string]string{"text": texts, "tree": binary}
}

// dashOrSet matches a dash or a whole set of a pattern.
var dashOrSet = regexp.MustCompile(`-|\[[^]]*\]`)

func dashToUnderscore(part string) string {
	if part == "-" {
		return "_"
	}
	return part
}

// entries returns the keys and values of the tree that depmod writes for one text file.
func entries(name, text string) (pairs [][2]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch fields := strings.Fields(line); {
		case name == "modules.dep":
			pairs = append(pairs, [2]string{Name(strings.TrimSuffix(fields[0], ":")), line})
		case name == "modules.alias" && fields[0] == "alias":
			pairs = append(pairs, [2]string{dashOrSet.ReplaceAllStringFunc(fields[1], dashToUnderscore), fields[2]})
		case name == "modules.builtin":
			pairs = append(pairs, [2]string{Name(line), ""})
		}
	}
	return pairs
}
