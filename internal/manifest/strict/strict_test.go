package strict

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// document has a field of each kind.
type inner struct {
	At
	Name  string   `yaml:"name,required"`
	Ports []uint16 `yaml:"ports"`
}

type document struct {
	At
	Text   string            `yaml:"text"`
	Number int               `yaml:"number"`
	Ratio  float64           `yaml:"ratio"`
	Yes    bool              `yaml:"yes"`
	Wait   time.Duration     `yaml:"wait"`
	Maybe  *int              `yaml:"maybe"`
	Table  map[string]string `yaml:"table"`
	Items  []inner           `yaml:"items"`
	Either either            `yaml:"either"`
}

// either is a number or a word.
type either struct {
	Number int
	Word   string
}

func (e *either) DecodeYAML(n Node) {
	switch {
	case n.IsNumber():
		n.Into(&e.Number)
	case n.IsText():
		n.Into(&e.Word)
	default:
		n.Problem("must be a number or a word")
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var d document
	err := Decode("f.yml", []byte(`
base: &base {name: shared, ports: [80]}
`), &d)
	if err == nil {
		t.Error("an unknown key was accepted")
	}
	err = Decode("f.yml", []byte(`
text: hello
number: -3
ratio: 1.5
yes: true
wait: 1m30s
maybe: 7
table: {a: b}
either: word
items:
  - &first {name: one, ports: [80, 443]}
  - {<<: *first, name: two}
`), &d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Text != "hello" || d.Number != -3 || d.Ratio != 1.5 || !d.Yes || d.Wait != 90*time.Second ||
		*d.Maybe != 7 || d.Table["a"] != "b" || d.Either.Word != "word" {
		t.Errorf("got %+v", d)
	}
	if len(d.Items) != 2 || d.Items[1].Name != "two" || len(d.Items[1].Ports) != 2 {
		t.Errorf("items: %+v", d.Items)
	}
	if place := d.Items[1].Of("name").String(); place != "f.yml:12:18" {
		t.Errorf("the second name is at %s", place)
	}
	if !d.Has("wait") || d.Has("empty") {
		t.Error("Has is wrong")
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"misspelled key":    {"txet: x", `f.yml:1:1: unknown key "txet"; did you mean "text"?`},
		"key in upper case": {"TEXT: x", `f.yml:1:1: unknown key "TEXT"; did you mean "text"?`},
		"key that a forum garbled": {
			"p_w_picpath: x",
			`f.yml:1:1: unknown key "p_w_picpath"; a web forum replaced "image"; use image`,
		},
		"unknown key":             {"colour: x", `f.yml:1:1: unknown key "colour"; valid keys: text, number,`},
		"number for a string":     {"text: 0644", `f.yml:1:7: text: must be a string; quote it: "0644"`},
		"word for a number":       {"number: ten", `f.yml:1:9: number: must be an integer, not "ten"`},
		"fraction for a number":   {"number: 1.5", `must be an integer, not "1.5"`},
		"word for a bool":         {"yes: maybe", `f.yml:1:6: yes: must be true or false, not "maybe"`},
		"duration without a unit": {"wait: 30", `f.yml:1:7: wait: must be a duration with a unit, such as 30s or 5m, not "30"`},
		"negative duration":       {"wait: -3s", `must be a duration with a unit`},
		"list for a mapping":      {"table: [a]", `f.yml:1:8: table: must be a mapping, not a list`},
		"mapping for a list":      {"items: {a: b}", `f.yml:1:8: items: must be a list, not a mapping`},
		"scalar for a mapping":    {"items: [x]", `items[0]: must be a mapping with the keys name, ports, not "x"`},
		"mapping for a string":    {"text: {}", `text: must be a string, not a mapping`},
		"missing key":             {"items:\n  - ports: [1]", `f.yml:2:5: items[0]: name is missing`},
		"error in a named item": {
			"items:\n  - {name: web, ports: [x]}",
			`f.yml:2:25: items[0] "web": ports[0]: must be an integer, not "x"`,
		},
		"number too large":      {"items: [{name: a, ports: [70000]}]", `must be an integer, not "70000"`},
		"duplicate key":         {"text: a\ntext: b", `f.yml:2:1: text: duplicate key; first set in line 1`},
		"neither notation":      {"either: []", `either: must be a number or a word`},
		"not YAML":              {"a: [b", `f.yml:1:1: not YAML: did not find expected`},
		"tab":                   {"text:\n\tx: 1", `f.yml:2:1: not YAML: found character that cannot start any token`},
		"empty":                 {"", `f.yml: is empty`},
		"second document":       {"text: a\n---\ntext: b", `a second document (---) starts here`},
		"list at the top level": {"- a", `f.yml:1:1: must be a mapping with the keys`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d document
			err := Decode("f.yml", []byte(tt.in), &d)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestDecodeReportsAllErrorsInOrder(t *testing.T) {
	t.Parallel()
	var d document
	err := Decode("f.yml", []byte("yes: 3\nnumber: x\ntxet: y\nitems: [{prots: 1}]\n"), &d)
	var all *Error
	if !errors.As(err, &all) || len(all.Problems) != 5 {
		t.Fatalf("got %v", err)
	}
	for i := 1; i < len(all.Problems); i++ {
		if all.Problems[i].Place.Line < all.Problems[i-1].Place.Line {
			t.Errorf("out of order:\n%v", err)
		}
	}
}

func TestNullLeavesTheDefault(t *testing.T) {
	t.Parallel()
	d := document{Text: "default"}
	if err := Decode("f.yml", []byte("text:\nitems: ~\ntable: null\n"), &d); err != nil || d.Text != "default" {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestHostileInputIsRejectedQuickly(t *testing.T) {
	t.Parallel()
	var nest strings.Builder
	nest.WriteString("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := 1; i < 12; i++ {
		nest.WriteString("x" + string(rune('0'+i)) + ": &x" + string(rune('0'+i)) + " [")
		for range 10 {
			nest.WriteString("*x" + string(rune('0'+i-1)) + ", ")
		}
		nest.WriteString("]\n")
	}
	for name, in := range map[string]string{
		"too large":       strings.Repeat("#", MaxBytes+1),
		"deeply nested":   "items: " + strings.Repeat("[", 5000),
		"alias bomb":      nest.String(),
		"recursive alias": "items: &a [*a]",
		"recursive merge": "table: &a {<<: *a}",
		"wide merge":      "table: &a {<<: [*a, *a, *a]}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d document
			begin := time.Now()
			err := Decode("f.yml", []byte(in), &d)
			if err == nil && !strings.HasSuffix(name, "merge") {
				t.Error("accepted")
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestReadRejectsLargeInput(t *testing.T) {
	t.Parallel()
	if _, err := Read("f.yml", strings.NewReader(strings.Repeat("#", MaxBytes+1))); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"image", "capabilities", "net", "uts", "maskedPaths"}
	for word, want := range map[string]string{
		"imgae": "image", "capability": "", "mask": "maskedPaths", "capabilitys": "capabilities",
		"masked_paths": "maskedPaths", "nett": "net", "xyz": "", "ne": "net", "": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("text: a\nitems:\n  - {name: x, ports: [1]}\n"))
	f.Add([]byte("items: &a [*a]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var d document
		if err := Decode("f.yml", in, &d); err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("unexpected kind of error: %v", err)
		}
	})
}
