package cmdline

import (
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		line, key, value string
		has              bool
	}{
		"plain":                          {line: "quiet init=/bin/sh", key: "init", value: "/bin/sh", has: true},
		"without a value":                {line: "quiet init=/bin/sh", key: "quiet", has: true},
		"absent":                         {line: "quietly", key: "quiet"},
		"last of two":                    {line: "init=/a init=/b", key: "init", value: "/b", has: true},
		"equals sign in the value":       {line: "x=a=b", key: "x", value: "a=b", has: true},
		"quoted value":                   {line: `x="a b" y=1`, key: "x", value: "a b", has: true},
		"quoted parameter":               {line: `"x=a b" y=1`, key: "x", value: "a b", has: true},
		"after quotes":                   {line: `x="a b" y=1`, key: "y", value: "1", has: true},
		"quotes inside a value are kept": {line: `x=a"b c"d`, key: "x", value: `a"b c"d`, has: true},
		"unclosed quote":                 {line: `x="a b y=1`, key: "x", value: "a b y=1", has: true},
		"trailing newline":               {line: "debug\n", key: "debug", has: true},
		"argument of init":               {line: "a=1 -- debug", key: "debug"},
		"dashes as prefix":               {line: "--debug debug", key: "debug", has: true},
		"empty value":                    {line: "x= y=1", key: "x", has: true},
		"empty line":                     {key: "x"},
		"spaces and tabs":                {line: "  a \t b=2  ", key: "b", value: "2", has: true},
		"suffix of another name":         {line: "myinit=/x", key: "init"},
	} {
		value, has := Parse(tt.line).Value(tt.key)
		if value != tt.value || has != tt.has {
			t.Errorf("%s: %q has %q = %q, %v", name, tt.line, tt.key, value, has)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`console=ttyS0 "a b" x="c d" -- y`)
	f.Fuzz(func(t *testing.T, text string) {
		total := 0
		for _, p := range Parse(text).params {
			total += len(p.key) + len(p.value)
			if !strings.Contains(text, p.key) || !strings.Contains(text, p.value) {
				t.Errorf("%q: %q=%q is not in the text", text, p.key, p.value)
			}
		}
		if total > len(text) {
			t.Errorf("%q: parameters are longer than the text", text)
		}
	})
}
