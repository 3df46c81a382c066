package modules

import (
	"slices"
	"strings"
	"testing"
)

// cyclic returns a file of one node that is its own child for every byte from first to last.
func cyclic(label string, first, last byte, values ...string) tree {
	const number = 12 | hasLabel | hasChildren | hasValues
	data := append(header(number), label+"\x00"...)
	data = append(data, first, last)
	for range int(last) - int(first) + 1 {
		data = append(data, numbers(number)...)
	}
	data = append(data, numbers(uint32(len(values)))...)
	for _, value := range values {
		data = append(append(data, numbers(0)...), value+"\x00"...)
	}
	return tree(data)
}

// hostileTrees are damaged and hostile index files.
var hostileTrees = map[string]tree{
	"cycle of stars":              cyclic("", '*', '*', "a"),
	"cycle of stars with a label": cyclic("***", '*', '*', "a"),
	"cycle of all bytes":          cyclic("", 0, 255, "a"),
	"pattern that fails late":     cyclic("*a?", '*', 'b', "a"),
	"unclosed brackets":           cyclic("[", 'a', 'z', "a"),
	"open and closed brackets":    cyclic("", '[', ']', "a"),
	"label of a megabyte":         cyclic(strings.Repeat("*", 1<<20), '*', '?', "a"),
	"unterminated label":          tree(append(header(12|hasLabel|hasChildren|hasValues), strings.Repeat("*", 100)...)),
	"unterminated value":          tree(append(header(12|hasValues), "\x00\x00\x00\x01\x00\x00\x00\x00aaaa"...)),
	"value count too high":        tree(append(header(12|hasValues), "\xff\xff\xff\xff\x00\x00\x00\x00a\x00"...)),
	"a million empty values":      tree(append(header(12|hasValues), "\xff\xff\xff\xff"+strings.Repeat("\x00", 1<<20)...)),
	"cycle with many values":      cyclic("*", '*', '?', slices.Repeat([]string{"a"}, 100)...),
	"node beyond the end":         tree(header(1<<28 - 1 | hasLabel | hasChildren | hasValues)),
	"node inside the header":      tree(header(4 | hasLabel | hasChildren | hasValues)),
	"children beyond the end":     tree(append(header(12|hasChildren|hasValues), "\x00\xff"...)),
	"last child before the first": tree(append(header(12|hasChildren|hasValues), "z*\x00\x00\x00\x01"...)),
	"truncated child range":       tree(append(header(12|hasChildren), '*')),
	"truncated child number":      tree(append(header(12|hasChildren), "**\xe0"...)),
	"truncated root number":       tree(header(12)[:10]),
	"ends after the root number":  tree(header(12 | hasLabel | hasChildren | hasValues)),
}

// hostileNames are looked up in hostile files.
var hostileNames = []string{
	"", "a", "[", "a*?[b", strings.Repeat("a", maxAlias), strings.Repeat("*", maxAlias), strings.Repeat("ab", 150) + "c",
}

func TestSearchOfHostileTreeIsBounded(t *testing.T) {
	t.Parallel()
	for what, file := range hostileTrees {
		for _, name := range hostileNames {
			checkBounds(t, what, file, name)
		}
	}
}

// checkBounds looks up a name in a file, and checks the number of steps, and the number and
// size of the values.
func checkBounds(t *testing.T, what string, file tree, name string) {
	t.Helper()
	s := search{tree: file, left: maxSteps}
	s.walk(name)
	if last := (maxPattern + 3*min(len(file), maxText)) * (len(name) + 1); s.left < -last {
		t.Errorf("%s: %.20q takes %d steps too many", what, name, -s.left)
	}
	for method, found := range map[string][]string{"get": file.get(name), "matching": s.found} {
		if len(found) > maxFound {
			t.Errorf("%s: %s(%.20q) returns %d values, want at most %d", what, method, name, len(found), maxFound)
		}
		for _, value := range found {
			if len(value) > maxText || strings.Contains(value, "\x00") {
				t.Errorf("%s: %s(%.20q) returns a value of %d bytes: %.20q", what, method, name, len(value), value)
			}
		}
	}
}

func TestPatternLengthIsBounded(t *testing.T) {
	t.Parallel()
	s := search{tree: cyclic("", '*', '*'), left: maxSteps}
	s.walk("")
	if most := (maxPattern + 1) * (maxPattern + 4) / 2; maxSteps-s.left > most {
		t.Errorf("%d steps, want at most %d: one more byte each time", maxSteps-s.left, most)
	}
}

func TestPartsOutOfBoundsAreAbsent(t *testing.T) {
	t.Parallel()
	leaf := append(numbers(1, 0), "x\x00"...)
	childB := tree(slices.Concat(
		header(12+uint32(len(leaf))|hasChildren), leaf, []byte("bb"), slices.Repeat(numbers(12|hasValues), 256)))
	for name, tt := range map[string]struct {
		file tree
		key  string
		want []string
	}{
		"child":                   {file: childB, key: "b", want: []string{"x"}},
		"byte before first child": {file: childB, key: "a"},
		"byte after last child":   {file: childB, key: "c"},
		"child beyond the end":    {file: childB[:25], key: "b"},
		"values beyond the end":   {file: hostileTrees["value count too high"], want: []string{"a"}},
		"value beyond the end":    {file: tree(slices.Concat(header(12|hasValues), numbers(1, 0)))},
		"no root":                 {file: tree(header(0))},
	} {
		if got := tt.file.get(tt.key); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func FuzzTree(f *testing.F) {
	for _, file := range hostileTrees {
		if len(file) < 1<<12 {
			f.Add(string(file), "a*?[b")
		}
	}
	for _, pairs := range [][][2]string{
		words, entries("modules.dep", kernelIndex["modules.dep"]), entries("modules.alias", processorIndex["modules.alias"]),
	} {
		for _, file := range trees(pairs) {
			f.Add(string(file), "once")
		}
	}
	f.Fuzz(func(t *testing.T, file, name string) {
		if len(name) > maxAlias {
			return
		}
		checkBounds(t, "fuzz", tree(file), name)
		x := &Index{deps: tree(file).get, aliases: tree(file).matching, builtin: tree(file).get}
		l := NewLoader(x)
		l.insert = func(string) error { return nil }
		_ = l.Load(name)
	})
}
