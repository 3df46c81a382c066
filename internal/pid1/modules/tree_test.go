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
	for form, tree := range trees(words) {
		for name, tt := range map[string]struct {
			key  string
			want []string
		}{
			"present":                   {"once", []string{"4"}},
			"present, prefix of others": {"on", []string{"3"}},
			"two values, in order":      {"one", []string{"5", "6"}},
			"empty value":               {"built", []string{""}},
			"long value":                {"long", []string{strings.Repeat("kernel/drivers/a.ko ", 500)}},
			"ends between two nodes":    {"a", nil},
			"ends inside a label":       {"onc", nil},
			"differs inside a label":    {"onze", nil},
			"longer than any key":       {"onceuponatime", nil},
			"no common prefix":          {"zoo", nil},
			"invalid UTF-8":             {"on\xff", nil},
			"zero byte":                 {"on\x00", nil},
			"wildcards are literal":     {"on?e", nil},
			"dash is not underscore":    {"crypto-twofish", nil},
			"empty key":                 {"", nil},
		} {
			if got := tree.get(tt.key); !slices.Equal(got, tt.want) {
				t.Errorf("%s, %s: %q has %.80q, want %.80q", form, name, tt.key, got, tt.want)
			}
		}
	}
}

func TestEmptyKey(t *testing.T) {
	t.Parallel()
	for form, tree := range trees([][2]string{{"", "all"}, {"a", "one"}}) {
		if got := tree.get(""); !slices.Equal(got, []string{"all"}) {
			t.Errorf("%s: %q", form, got)
		}
		if got := tree.matching(""); !slices.Equal(got, []string{"all"}) {
			t.Errorf("%s, as a pattern: %q", form, got)
		}
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		patterns, name string
		want           string
	}{
		"literal":                      {patterns: "fs_ext4 fs_ext3", name: "fs_ext4", want: "fs_ext4"},
		"name longer than pattern":     {patterns: "fs_ext", name: "fs_ext4"},
		"name shorter than pattern":    {patterns: "fs_ext4", name: "fs_ext"},
		"star in a label":              {patterns: "pci:v1d*sv*", name: "pci:v1d2sv3", want: "pci:v1d*sv*"},
		"mismatch before star":         {patterns: "pci:v1*", name: "pci:v2d1"},
		"name ends before star":        {patterns: "pci:v1*", name: "pci"},
		"star after a branch":          {patterns: "pci:v1d* pci:v2d*", name: "pci:v2d1", want: "pci:v2d*"},
		"star at a branch":             {patterns: "pci:v* pci:v1d2", name: "pci:v1d2", want: "pci:v* pci:v1d2"},
		"star at the root":             {patterns: "* a", name: "a", want: "* a"},
		"star matches empty":           {patterns: "a* a", name: "a", want: "a a*"},
		"mismatch after star":          {patterns: "a*c", name: "abd"},
		"several stars":                {patterns: "a*b*c a*b*d a*c", name: "aabbcc", want: "a*b*c a*c"},
		"question mark in a label":     {patterns: "usb:d?c", name: "usb:d1c", want: "usb:d?c"},
		"question mark at a branch":    {patterns: "d? d1 d2", name: "d1", want: "d1 d?"},
		"question mark at the root":    {patterns: "?b ab", name: "ab", want: "?b ab"},
		"question mark needs a byte":   {patterns: "a?", name: "a"},
		"set in a label":               {patterns: "d[0-2]*", name: "d1x", want: "d[0-2]*"},
		"set at a branch":              {patterns: "d[0-2] d[3-5] d1", name: "d1", want: "d1 d[0-2]"},
		"set at the root":              {patterns: "[ab]c dc", name: "bc", want: "[ab]c"},
		"set after a star":             {patterns: "v*d[0-2]* v*d[3-5]*", name: "v1d4x", want: "v*d[3-5]*"},
		"set split over nodes":         {patterns: "v*[0-2]a v*[0-2]b v*[0-1]a v*[3]a", name: "v2a", want: "v*[0-2]a"},
		"negated set":                  {patterns: "d[!0-2]", name: "d1"},
		"dash and underscore in a set": {patterns: "x*[+--]y", name: "xx,y", want: "x*[+--]y"},
		"one pattern, several modules": {patterns: "cpu:* cpu:* cpu:*", name: "cpu:x86", want: "cpu:* cpu:* cpu:*"},
		"empty name":                   {patterns: "* ** ? a", want: "* **"},
		"no patterns":                  {name: "a"},
	} {
		var pairs [][2]string
		for _, p := range strings.Fields(tt.patterns) {
			pairs = append(pairs, [2]string{p, p})
		}
		for form, tree := range trees(pairs) {
			got := tree.matching(tt.name)
			slices.Sort(got)
			if want := strings.Fields(tt.want); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q matches %q, want %q", form, name, tt.name, got, want)
			}
		}
	}
}

func TestSubtreesThatCannotMatchAreSkipped(t *testing.T) {
	t.Parallel()
	few := strings.Fields("of:N*T*Cacme,a of:N*T*Cacme,b of:N*T*Czoo")
	many := slices.Clone(few)
	for c := 'c'; c < 'z'; c++ {
		many = append(many, "of:N*T*Cacme,"+string(c)+"*")
	}
	far := strings.Fields("of:N*T*Cacme,a of:N*T*Cacme,z of:N*T*Czoo")
	for form := range trees(words) {
		want := steps(form, few, "of:NxTyCzoo")
		for what, patterns := range map[string][]string{"many others": many, "others far apart": far} {
			if got := steps(form, patterns, "of:NxTyCzoo"); got != want {
				t.Errorf("%s: %d steps with %s, want %d", form, got, what, want)
			}
		}
		near, apart := steps(form, []string{"*a", "*b"}, "x"), steps(form, []string{"*a", "*z"}, "x")
		if near != apart {
			t.Errorf("%s: bytes between two children take %d steps", form, apart-near)
		}
	}
}

// steps returns the number of steps of a search.
func steps(form string, patterns []string, name string) int {
	var pairs [][2]string
	for _, p := range patterns {
		pairs = append(pairs, [2]string{p, p})
	}
	s := search{tree: trees(pairs)[form], left: maxSteps}
	s.walk(name)
	return maxSteps - s.left
}
