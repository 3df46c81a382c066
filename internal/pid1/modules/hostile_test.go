package modules

import (
	"slices"
	"strings"
	"testing"
)

// circle is a file of one node, which is all its own children: bytes from first to last.
func circle(label string, first, last byte, values ...string) tree {
	const number = 12 | hasLabel | hasChildren | hasValues
	data := append(head(number), label+"\x00"...)
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

// hostile are files that nobody's depmod wrote.
var hostile = map[string]tree{
	"stars in a circle":           circle("", '*', '*', "a"),
	"stars, as a label too":       circle("***", '*', '*', "a"),
	"all bytes in a circle":       circle("", 0, 255, "a"),
	"a pattern that fails late":   circle("*a?", '*', 'b', "a"),
	"brackets that never close":   circle("[", 'a', 'z', "a"),
	"brackets that close or not":  circle("", '[', ']', "a"),
	"a label of a megabyte":       circle(strings.Repeat("*", 1<<20), '*', '?', "a"),
	"a label without an end":      tree(append(head(12|hasLabel|hasChildren|hasValues), strings.Repeat("*", 100)...)),
	"a value without an end":      tree(append(head(12|hasValues), "\x00\x00\x00\x01\x00\x00\x00\x00aaaa"...)),
	"more values than there are":  tree(append(head(12|hasValues), "\xff\xff\xff\xff\x00\x00\x00\x00a\x00"...)),
	"a great many empty values":   tree(append(head(12|hasValues), "\xff\xff\xff\xff"+strings.Repeat("\x00", 1<<20)...)),
	"many values in a circle":     circle("*", '*', '?', slices.Repeat([]string{"a"}, 100)...),
	"a node behind the end":       tree(head(1<<28 - 1 | hasLabel | hasChildren | hasValues)),
	"a node in the head":          tree(head(4 | hasLabel | hasChildren | hasValues)),
	"children behind the end":     tree(append(head(12|hasChildren|hasValues), "\x00\xff"...)),
	"the last child comes first":  tree(append(head(12|hasChildren|hasValues), "z*\x00\x00\x00\x01"...)),
	"ends within the first byte":  tree(append(head(12|hasChildren), '*')),
	"ends within a child":         tree(append(head(12|hasChildren), "**\xe0"...)),
	"ends within the root number": tree(head(12)[:10]),
	"ends behind the root number": tree(head(12 | hasLabel | hasChildren | hasValues)),
}

// names are asked for of hostile files.
var names = []string{"", "a", "[", "a*?[b", strings.Repeat("a", maxAlias), strings.Repeat("*", maxAlias), strings.Repeat("ab", 150) + "c"}

func TestHostileTreesEnd(t *testing.T) {
	t.Parallel()
	for what, file := range hostile {
		for _, name := range names {
			checkBounds(t, what, file, name)
		}
	}
}

// checkBounds asks a file for a name, and counts what is found and how many steps it took.
func checkBounds(t *testing.T, what string, file tree, name string) {
	t.Helper()
	s := search{tree: file, left: maxSteps}
	s.along(name)
	if last := (maxPattern + 3*min(len(file), maxText)) * (len(name) + 1); s.left < -last {
		t.Errorf("%s: %.20q takes %d steps more than it may", what, name, -s.left)
	}
	for way, found := range map[string][]string{"key": file.get(name), "name": s.found} {
		if len(found) > maxFound {
			t.Errorf("%s: there are %d values of the %s %.20q, want at most %d", what, len(found), way, name, maxFound)
		}
		for _, value := range found {
			if len(value) > maxText || strings.Contains(value, "\x00") {
				t.Errorf("%s: a value of the %s %.20q has %d bytes: %.20q", what, way, name, len(value), value)
			}
		}
	}
}

func TestAPatternIsNoLongerThanItsBound(t *testing.T) {
	t.Parallel()
	s := search{tree: circle("", '*', '*'), left: maxSteps}
	s.along("")
	if most := (maxPattern + 1) * (maxPattern + 4) / 2; maxSteps-s.left > most {
		t.Errorf("it takes %d steps, want at most %d: one more byte each time", maxSteps-s.left, most)
	}
}

func TestWhatIsOutOfBoundsIsNotThere(t *testing.T) {
	t.Parallel()
	leaf := append(numbers(1, 0), "x\x00"...)
	inB := tree(slices.Concat(head(12+uint32(len(leaf))|hasChildren), leaf, []byte("bb"), slices.Repeat(numbers(12|hasValues), 256)))
	for name, tt := range map[string]struct {
		file tree
		key  string
		want []string
	}{
		"a child":                       {inB, "b", []string{"x"}},
		"a byte before the first child": {inB, "a", nil},
		"a byte behind the last child":  {inB, "c", nil},
		"a child behind the end":        {inB[:25], "b", nil},
		"values behind the end":         {hostile["more values than there are"], "", []string{"a"}},
		"a value behind the end":        {tree(slices.Concat(head(12|hasValues), numbers(1, 0))), "", nil},
		"no root":                       {tree(head(0)), "", nil},
	} {
		if got := tt.file.get(tt.key); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func FuzzTree(f *testing.F) {
	for _, file := range hostile {
		if len(file) < 1<<12 {
			f.Add(string(file), "a*?[b")
		}
	}
	for _, pairs := range [][][2]string{words, entries("modules.dep", kernel["modules.dep"]), entries("modules.alias", processor["modules.alias"])} {
		for _, file := range forms(pairs) {
			f.Add(string(file), "once")
		}
	}
	f.Fuzz(func(t *testing.T, file, name string) {
		if len(name) > maxAlias {
			return
		}
		checkBounds(t, "foreign", tree(file), name)
		x := &Index{"", tree(file).get, tree(file).answering, tree(file).get, nil}
		l := NewLoader(x)
		l.insert = func(string) error { return nil }
		_ = l.Load(name)
	})
}
