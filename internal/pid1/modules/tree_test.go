package modules

import (
	"slices"
	"strings"
	"testing"
)

var words = [][2]string{
	{"ask", "1"}, {"ate", "2"}, {"on", "3"}, {"once", "4"}, {"one", "5"}, {"one", "6"}, {"built", ""},
	{"crypto_twofish", "7"}, {"long", strings.Repeat("kernel/drivers/a.ko ", 500)},
}

func TestGet(t *testing.T) {
	t.Parallel()
	for form, tree := range forms(words) {
		for name, tt := range map[string]struct {
			key  string
			want []string
		}{
			"there":                        {"once", []string{"4"}},
			"there, and others go on":      {"on", []string{"3"}},
			"two values, in their order":   {"one", []string{"5", "6"}},
			"a value that is empty":        {"built", []string{""}},
			"a line with a lot to load":    {"long", []string{strings.Repeat("kernel/drivers/a.ko ", 500)}},
			"ends between two nodes":       {"a", nil},
			"ends within a label":          {"onc", nil},
			"leaves a label":               {"onze", nil},
			"longer than any key":          {"onceuponatime", nil},
			"begins like none":             {"zoo", nil},
			"a byte that is no character":  {"on\xff", nil},
			"a zero byte ends no key":      {"on\x00", nil},
			"a key is no pattern":          {"on?e", nil},
			"- is not _: the caller knows": {"crypto-twofish", nil},
			"the empty one":                {"", nil},
		} {
			if got := tree.get(tt.key); !slices.Equal(got, tt.want) {
				t.Errorf("%s, %s: %q has %.80q, want %.80q", form, name, tt.key, got, tt.want)
			}
		}
	}
}

func TestTheEmptyKey(t *testing.T) {
	t.Parallel()
	for form, tree := range forms([][2]string{{"", "all"}, {"a", "one"}}) {
		if got := tree.get(""); !slices.Equal(got, []string{"all"}) {
			t.Errorf("%s: %q", form, got)
		}
		if got := tree.answering(""); !slices.Equal(got, []string{"all"}) {
			t.Errorf("%s, as a pattern: %q", form, got)
		}
	}
}

func TestAnswering(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		patterns, asked string
		want            string
	}{
		"a name for itself":             {"fs_ext4 fs_ext3", "fs_ext4", "fs_ext4"},
		"a name that goes on":           {"fs_ext", "fs_ext4", ""},
		"a name that ends before":       {"fs_ext4", "fs_ext", ""},
		"a star in a label":             {"pci:v1d*sv*", "pci:v1d2sv3", "pci:v1d*sv*"},
		"no star in a label is reached": {"pci:v1*", "pci:v2d1", ""},
		"a name too short for one":      {"pci:v1*", "pci", ""},
		"a star after a branch":         {"pci:v1d* pci:v2d*", "pci:v2d1", "pci:v2d*"},
		"a star at a branch":            {"pci:v* pci:v1d2", "pci:v1d2", "pci:v* pci:v1d2"},
		"a star at the root":            {"* a", "a", "* a"},
		"a star is nothing too":         {"a* a", "a", "a a*"},
		"a star does not hide its end":  {"a*c", "abd", ""},
		"stars one after another":       {"a*b*c a*b*d a*c", "aabbcc", "a*b*c a*c"},
		"a question mark in a label":    {"usb:d?c", "usb:d1c", "usb:d?c"},
		"a question mark at a branch":   {"d? d1 d2", "d1", "d1 d?"},
		"a question mark at the root":   {"?b ab", "ab", "?b ab"},
		"a question mark is no end":     {"a?", "a", ""},
		"a set in a label":              {"d[0-2]*", "d1x", "d[0-2]*"},
		"a set at a branch":             {"d[0-2] d[3-5] d1", "d1", "d1 d[0-2]"},
		"a set at the root":             {"[ab]c dc", "bc", "[ab]c"},
		"a set behind a star":           {"v*d[0-2]* v*d[3-5]*", "v1d4x", "v*d[3-5]*"},
		"a set whose ends branch off":   {"v*[0-2]a v*[0-2]b v*[0-1]a v*[3]a", "v2a", "v*[0-2]a"},
		"what is not in a set":          {"d[!0-2]", "d1", ""},
		"- and _ in a set":              {"x*[+--]y", "xx,y", "x*[+--]y"},
		"one pattern, many modules":     {"cpu:* cpu:* cpu:*", "cpu:x86", "cpu:* cpu:* cpu:*"},
		"the empty name":                {"* ** ? a", "", "* **"},
		"no patterns":                   {"", "a", ""},
	} {
		var pairs [][2]string
		for _, p := range strings.Fields(tt.patterns) {
			pairs = append(pairs, [2]string{p, p})
		}
		for form, tree := range forms(pairs) {
			got := tree.answering(tt.asked)
			slices.Sort(got)
			if want := strings.Fields(tt.want); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q is answered by %q, want %q", form, name, tt.asked, got, want)
			}
		}
	}
}

func TestWhatCannotMeanTheNameCostsNothing(t *testing.T) {
	t.Parallel()
	few := strings.Fields("of:N*T*Cacme,a of:N*T*Cacme,b of:N*T*Czoo")
	many := slices.Clone(few)
	for c := 'c'; c < 'z'; c++ {
		many = append(many, "of:N*T*Cacme,"+string(c)+"*")
	}
	far := strings.Fields("of:N*T*Cacme,a of:N*T*Cacme,z of:N*T*Czoo")
	for form := range forms(words) {
		want := steps(form, few, "of:NxTyCzoo")
		for what, patterns := range map[string][]string{"many others": many, "others far apart": far} {
			if got := steps(form, patterns, "of:NxTyCzoo"); got != want {
				t.Errorf("%s: with %s it takes %d steps, else %d", form, what, got, want)
			}
		}
		near, apart := steps(form, []string{"*a", "*b"}, "x"), steps(form, []string{"*a", "*z"}, "x")
		if near != apart {
			t.Errorf("%s: what is not between two takes %d steps", form, apart-near)
		}
	}
}

// steps returns how many steps a search takes.
func steps(form string, patterns []string, name string) int {
	var pairs [][2]string
	for _, p := range patterns {
		pairs = append(pairs, [2]string{p, p})
	}
	s := search{tree: forms(pairs)[form], left: maxSteps}
	s.along(name)
	return maxSteps - s.left
}
