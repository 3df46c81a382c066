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
		"plain":                          {"quiet init=/bin/sh", "init", "/bin/sh", true},
		"without a value":                {"quiet init=/bin/sh", "quiet", "", true},
		"absent":                         {"quietly", "quiet", "", false},
		"the last one counts":            {"init=/a init=/b", "init", "/b", true},
		"a value with =":                 {"x=a=b", "x", "a=b", true},
		"quotes around the value":        {`x="a b" y=1`, "x", "a b", true},
		"quotes around all":              {`"x=a b" y=1`, "x", "a b", true},
		"behind quotes":                  {`x="a b" y=1`, "y", "1", true},
		"quotes within a value stay":     {`x=a"b c"d`, "x", `a"b c"d`, true},
		"a quote that never closes":      {`x="a b y=1`, "x", "a b y=1", true},
		"newline at the end":             {"debug\n", "debug", "", true},
		"for init, not for the kernel":   {"a=1 -- debug", "debug", "", false},
		"-- is a word, not a beginning":  {"--debug debug", "debug", "", true},
		"an empty value":                 {"x= y=1", "x", "", true},
		"empty line":                     {"", "x", "", false},
		"several blanks and tabs":        {"  a \t b=2  ", "b", "2", true},
		"another parameter's last bytes": {"myinit=/x", "init", "", false},
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
				t.Errorf("%q: made up %q=%q", text, p.key, p.value)
			}
		}
		if total > len(text) {
			t.Errorf("%q: more out than in", text)
		}
	})
}
