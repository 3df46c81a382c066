package config

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// tree is a node, or one of yaml.v3, without its places: strings, []any, nil, and
// for mappings pairs, whose order counts.
type pair struct{ key, value any }

func tree(n node) any {
	switch n.kind {
	case null:
		return nil
	case scalar:
		return n.text
	}
	list := []any{}
	for i, item := range n.items {
		if n.kind == mapping {
			list = append(list, pair{tree(n.keys[i]), tree(item)})
		} else {
			list = append(list, tree(item))
		}
	}
	return list
}

func yamlTree(n *yaml.Node) any {
	switch {
	case n.Kind == yaml.DocumentNode:
		return yamlTree(n.Content[0])
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return nil
	case n.Kind == yaml.ScalarNode:
		return n.Value
	}
	list := []any{}
	for i := 0; i < len(n.Content); i++ {
		if n.Kind == yaml.MappingNode {
			list = append(list, pair{yamlTree(n.Content[i]), yamlTree(n.Content[i+1])})
			i++
		} else {
			list = append(list, yamlTree(n.Content[i]))
		}
	}
	return list
}

// standard reads text with yaml.v3. An empty file has no document.
func standard(text []byte) (any, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil || n.Kind == 0 {
		return nil, err
	}
	return yamlTree(&n), nil
}

// design is all that the file can hold.
const design = `log: {level: info}            # debug|info|warn|error
env: {TZ: UTC}                # into every service
mounts:                       # made before onboot
  - {type: tmpfs, target: /data, options: [size=64m]}
onboot: {onFailure: continue, timeout: 5m}
services:
  - name: web
    after: [network, dhcpcd]
    requires: [db]
    ready: {tcp: 80}
    readyTimeout: 30s
    restart: on-failure
    backoff: {initial: 200ms, max: 30s}
    startLimit: {burst: 5, interval: 60s}
    onFailure: log
    stop: {signal: SIGTERM, timeout: 10s}
    env: {DEBUG: "1"}
shutdown: {timeout: 30s}
watchdog: {device: /dev/watchdog, interval: 10s}
`

// seed is the example that the product was asked for with.
const seed = "services:\n  - name: dhcpcd\n    after: [network]\n"

// good are texts of the subset.
var good = []string{
	design, seed, "", "# nothing\n\n", "---\na: b\n", "a: b\r\nc: d\r\n", "a", "[]", "{}", "- a\n- b", "a:\n- b\n-  c: d\n   e: f\n-\n  g: h\n-\ni: j\n",
	"a:\n    b: 1\nc:\n d:\n  e", "- - - a\n    - b\n  - c\n-  - d", "a: 'it''s'  # c\nb: \"x\\\"\\\\\\n\\r\\t # y\"", `"a b" : c`, "'a:b': c\na#b: c#d", "a: {b: , c: [1, {d: e}, ], f: ~}",
	"a: null\nb: ~\nc:\nd: # nothing\ne: -1\nf: a:b\ng: http://1.2.3.4:80/x", "a: {b: http://x:1/y, \"c\": 'd'}", "a: a, b [c] {d} ? & * !", "- # c\n  a\n- a: # c\n    b", "  a: b\n  c: d\n",
	"true: yes\n1: 1.50\n2001-01-01: 0x10\n=: <<", "é: ü \U0001f600\n", "a: x - y\nb: -x\n- : c"[:15],
}

// bad are texts that are not; the text is what the problem says, with its line.
var bad = map[string]string{
	"a:\n\tb: c":             "line 2: a tab",
	"a: b\n---\nc: d":        "line 2: a second document",
	"a: b\n...\n":            "line 2: a second document",
	"a: &x b":                "line 1: a value cannot begin with &",
	"a: *x":                  "line 1: a value cannot begin with *",
	"a: !!str b":             "line 1: a value cannot begin with !",
	"a: |\n  b":              "line 1: a value cannot begin with |",
	"%a: b":                  "line 1: a value cannot begin with %",
	"? a\n: b":               "line 1: a value cannot begin with ?",
	"a: b\n  c":              "line 2: indented, but",
	"a:\n  b: c\n d: e":      "line 3: indented, but",
	"a: b\nc":                "line 2: no key",
	"a: b\n- c":              "line 2: an item where",
	"- a\nb: c":              "line 2: does not fit",
	"a\nb":                   "line 2: does not fit",
	"  a: b\nc: d":           "line 2: does not fit",
	"a: b: c":                "line 1: a colon in the middle",
	"a: - b":                 "line 1: a - in the middle",
	"a: [b":                  "line 1: a , or ] is missing",
	"a: [b\n  ]":             "line 1: a , or ] is missing",
	"a: {b}":                 "line 1: no key",
	"a: {b:c}":               "line 1: no key",
	"a: {\"b\":c}":           "line 1: no key",
	"a: [b, , c]":            "line 1: a value is missing",
	"a: [b: c]":              "line 1: a , or ] is missing",
	"a: [x?y]":               "line 1: a ? or # in brackets",
	"a: [b] c":               "line 1: something stands behind",
	"a: 'b' c":               "line 1: something stands behind",
	"a: 'b'#c":               "line 1: something stands behind",
	"a: 'b":                  "line 1: the quote is not closed",
	"a: \"\\x41\"":           "line 1: of the escapes",
	"a: \x01":                "line 1: a character that cannot be printed",
	"a: \xff":                "line 1: not UTF-8",
	"\ufeffa: b":             "line 1: a character that cannot be printed",
	"a: b\u2028c: d":         "line 1: a character that cannot be printed",
	"~: a":                   "line 1: an empty key",
	": a":                    "line 1: an empty key",
	"a: " + longer(maxLine):  "line 1: longer than",
	longer(maxKey+1) + ": a": "line 1: a key of more than",
	longer(MaxBytes + 1):     "larger than 64 KiB",
	"a: " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth): "line 1: nested more than 16",
	strings.Repeat("- ", maxDepth) + "a":                                  "line 1: nested more than 16",
}

func longer(n int) string { return strings.Repeat("x", n) }

func TestReadAsYAMLReads(t *testing.T) {
	t.Parallel()
	for _, text := range good {
		if _, err := parse([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		compare(t, []byte(text))
	}
}

func TestWhatIsNotOfTheSubsetIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range bad {
		if n, err := parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: %v, %v; want %s", text, tree(n), err, want)
		}
	}
}

func TestAsDeepAsAllowed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("- ", maxDepth-1) + "a", strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)} {
		if _, err := parse([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		compare(t, []byte(text))
	}
}

func compare(t *testing.T, text []byte) {
	t.Helper()
	n, err := parse(text)
	if err != nil {
		return
	}
	want, err := standard(text)
	if err != nil {
		t.Fatalf("%q: read as %v, which yaml.v3 refuses: %v", text, tree(n), err)
	}
	if got := tree(n); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: read as %#v, by yaml.v3 as %#v", text, got, want)
	}
}

// Random bytes are rarely YAML; random pieces of it often are.
func TestReadPiecesAsYAMLReads(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"a", "b: ", "c:", "- ", "-", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "[", "]", "{", "}", ", ", ",", ": ", ":", "'", "\"", "#", " #",
		" ", "?", "~", "<<", "---\n", "\\n", "''", "\r\n", "x: y", "[a, b]", "{a: b}", "'q'", "\"q\"",
	}
	random := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 50_000 {
		var text strings.Builder
		for range 1 + random.IntN(12) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		compare(t, []byte(text.String()))
		if _, err := parse([]byte(text.String())); err == nil {
			read++
		}
	}
	if read < 1000 {
		t.Errorf("only %d of the texts were read", read)
	}
}

func FuzzReadAsYAMLReads(f *testing.F) {
	for _, text := range good {
		f.Add([]byte(text))
	}
	for text := range bad {
		if len(text) < 100 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		compare(t, text)
	})
}
