package config

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// pair is an entry of a mapping.
type pair struct{ key, value any }

// tree converts a node to a string, nil, or []any, which contains a pair for each entry of a
// mapping, in order.
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

// yamlTree is tree for a node of yaml.v3.
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

// parseYAML parses text with yaml.v3. An empty file has no document.
func parseYAML(text []byte) (any, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil || n.Kind == 0 {
		return nil, err
	}
	return yamlTree(&n), nil
}

// fullExample has every key.
const fullExample = `log: {level: info}            # debug|info|warn|error
env: {TZ: UTC}                # into every service
mounts:                       # mounted before onboot
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

// minimalExample is the smallest useful file.
const minimalExample = "services:\n  - name: dhcpcd\n    after: [network]\n"

// validTexts are in the subset.
var validTexts = []string{
	fullExample, minimalExample, "", "# nothing\n\n", "---\na: b\n", "a: b\r\nc: d\r\n", "a", "[]", "{}", "- a\n- b",
	"a:\n- b\n-  c: d\n   e: f\n-\n  g: h\n-\ni: j\n",
	"a:\n    b: 1\nc:\n d:\n  e", "- - - a\n    - b\n  - c\n-  - d", "a: 'it''s'  # c\nb: \"x\\\"\\\\\\n\\r\\t # y\"",
	`"a b" : c`, "'a:b': c\na#b: c#d", "a: {b: , c: [1, {d: e}, ], f: ~}",
	"a: null\nb: ~\nc:\nd: # nothing\ne: -1\nf: a:b\ng: http://1.2.3.4:80/x", "a: {b: http://x:1/y, \"c\": 'd'}",
	"a: a, b [c] {d} ? & * !", "- # c\n  a\n- a: # c\n    b", "  a: b\n  c: d\n",
	"true: yes\n1: 1.50\n2001-01-01: 0x10\n=: <<", "é: ü \U0001f600\n", "a: x - y\nb: -x\n- : c"[:15],
}

// invalidTexts are not in the subset; the value is the beginning of the problem.
var invalidTexts = map[string]string{
	"a:\n\tb: c":             "line 2: tab character",
	"a: b\n---\nc: d":        "line 2: second document",
	"a: b\n...\n":            "line 2: second document",
	"a: &x b":                "line 1: value begins with &",
	"a: *x":                  "line 1: value begins with *",
	"a: !!str b":             "line 1: value begins with !",
	"a: |\n  b":              "line 1: value begins with |",
	"%a: b":                  "line 1: value begins with %",
	"? a\n: b":               "line 1: value begins with ?",
	"a: b\n  c":              "line 2: indented, but",
	"a:\n  b: c\n d: e":      "line 3: indented, but",
	"a: b\nc":                "line 2: missing key",
	"a: b\n- c":              "line 2: list item where",
	"- a\nb: c":              "line 2: does not continue",
	"a\nb":                   "line 2: does not continue",
	"  a: b\nc: d":           "line 2: does not continue",
	"a: b: c":                "line 1: colon inside",
	"a: - b":                 "line 1: - inside",
	"a: [b":                  "line 1: missing , or ]",
	"a: [b\n  ]":             "line 1: missing , or ]",
	"a: {b}":                 "line 1: missing key",
	"a: {b:c}":               "line 1: missing key",
	"a: {\"b\":c}":           "line 1: missing key",
	"a: [b, , c]":            "line 1: missing value",
	"a: [b: c]":              "line 1: missing , or ]",
	"a: [x?y]":               "line 1: ? or # in brackets",
	"a: [b] c":               "line 1: text after the value",
	"a: 'b' c":               "line 1: text after the value",
	"a: 'b'#c":               "line 1: text after the value",
	"a: 'b":                  "line 1: quote is not closed",
	"a: \"\\x41\"":           "line 1: unsupported escape",
	"a: \x01":                "line 1: unprintable character",
	"a: \xff":                "line 1: not UTF-8",
	"\ufeffa: b":             "line 1: unprintable character",
	"a: b\u2028c: d":         "line 1: unprintable character",
	"~: a":                   "line 1: empty key",
	": a":                    "line 1: empty key",
	"a: " + longer(maxLine):  "line 1: longer than",
	longer(maxKey+1) + ": a": "line 1: key longer than",
	longer(MaxBytes + 1):     "larger than 64 KiB",
	"a: " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth): "line 1: nested deeper than 16",
	strings.Repeat("- ", maxDepth) + "a":                                  "line 1: nested deeper than 16",
}

func longer(n int) string { return strings.Repeat("x", n) }

func TestParsesAsYAML(t *testing.T) {
	t.Parallel()
	for _, text := range validTexts {
		if _, err := parse([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		compare(t, []byte(text))
	}
}

func TestRejectsTextsOutsideTheSubset(t *testing.T) {
	t.Parallel()
	for text, want := range invalidTexts {
		if n, err := parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: %v, %v; want %s", text, tree(n), err, want)
		}
	}
}

func TestMaximalNesting(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("- ", maxDepth-1) + "a",
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
	} {
		if _, err := parse([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		compare(t, []byte(text))
	}
}

// compare checks that a text of the subset has the same meaning to yaml.v3.
func compare(t *testing.T, text []byte) {
	t.Helper()
	n, err := parse(text)
	if err != nil {
		return
	}
	want, err := parseYAML(text)
	if err != nil {
		t.Fatalf("%q: parsed as %v, rejected by yaml.v3: %v", text, tree(n), err)
	}
	if got := tree(n); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: parsed as %#v, by yaml.v3 as %#v", text, got, want)
	}
}

// Random bytes are rarely YAML; random tokens often are.
func TestParsesRandomTokensAsYAML(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"a", "b: ", "c:", "- ", "-", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "[", "]", "{", "}", ", ", ",", ": ", ":", "'",
		"\"", "#", " #",
		" ", "?", "~", "<<", "---\n", "\\n", "''", "\r\n", "x: y", "[a, b]", "{a: b}", "'q'", "\"q\"",
	}
	random := rand.New(rand.NewPCG(1, 2))
	parsed := 0
	for range 50_000 {
		var text strings.Builder
		for range 1 + random.IntN(12) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		compare(t, []byte(text.String()))
		if _, err := parse([]byte(text.String())); err == nil {
			parsed++
		}
	}
	if parsed < 1000 {
		t.Errorf("only %d of the texts were parsed", parsed)
	}
}

func FuzzParsesAsYAML(f *testing.F) {
	for _, text := range validTexts {
		f.Add([]byte(text))
	}
	for text := range invalidTexts {
		if len(text) < 100 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		compare(t, text)
	})
}
