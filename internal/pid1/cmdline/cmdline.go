// Package cmdline parses the kernel command line as the kernel does (lib/cmdline.c,
// next_arg): parameters are separated by white space, except within double quotes, and
// those after "--" are arguments of init.
package cmdline

import "strings"

// MaxLen bounds /proc/cmdline, in bytes. COMMAND_LINE_SIZE is 2048 on x86 and arm64; a boot
// configuration (bootconfig) can add to it.
const MaxLen = 64 << 10

// Line is a parsed command line.
type Line struct{ params []param }

type param struct{ key, value string }

// Parse parses a command line. Every text is valid.
func Parse(text string) Line {
	var l Line
	for {
		text = strings.TrimLeft(text, blanks)
		if text == "" {
			return l
		}
		var word string
		word, text = next(text)
		if word == "--" {
			return l
		}
		key, value, _ := strings.Cut(word, "=")
		l.params = append(l.params, param{key, unquote(value)})
	}
}

const blanks = " \t\n\v\f\r"

// next returns the first parameter of text, and the rest. A quote can begin anywhere in a
// parameter.
func next(text string) (word, rest string) {
	quoted, end := false, len(text)
	for i := range len(text) {
		if text[i] == '"' {
			quoted = !quoted
		}
		if !quoted && strings.IndexByte(blanks, text[i]) >= 0 {
			end = i
			break
		}
	}
	word, rest = text[:end], text[end:]
	if strings.HasPrefix(word, `"`) {
		word = unquote(word)
	}
	return word, rest
}

// unquote removes an opening quote, and a closing one at the end.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	return strings.TrimSuffix(s[1:], `"`)
}

// Value returns the value of the last parameter with a name, and whether there is one. A
// parameter without "=" has the value "".
func (l Line) Value(key string) (string, bool) {
	for i := len(l.params) - 1; i >= 0; i-- {
		if l.params[i].key == key {
			return l.params[i].value, true
		}
	}
	return "", false
}

// Has reports whether there is a parameter with a name.
func (l Line) Has(key string) bool {
	_, ok := l.Value(key)
	return ok
}
