// Package cmdline reads the kernel's command line the way the kernel does
// (lib/cmdline.c, next_arg): parameters stand apart by white space, double
// quotes keep it together, and "--" ends what is meant for the kernel.
package cmdline

import "strings"

// MaxLen bounds /proc/cmdline, in bytes; COMMAND_LINE_SIZE of Linux is 2048 on
// x86 and arm64, boot configuration may add to it.
const MaxLen = 64 << 10

// Line is a parsed command line.
type Line struct{ params []param }

type param struct{ key, value string }

// Parse reads a command line. Every text is one.
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

// next takes one parameter off text. As in the kernel a quote may open at the
// start of it, or anywhere within.
func next(text string) (word, rest string) {
	quoted, end := false, len(text)
	for i := 0; i < len(text); i++ {
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

// unquote takes off an opening quote and the closing one that ends the text.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	return strings.TrimSuffix(s[1:], `"`)
}

// Value returns the value of the last parameter of that name, and whether there
// is one. A parameter without "=" has the value "".
func (l Line) Value(key string) (string, bool) {
	for i := len(l.params) - 1; i >= 0; i-- {
		if l.params[i].key == key {
			return l.params[i].value, true
		}
	}
	return "", false
}

// Has reports whether there is a parameter of that name.
func (l Line) Has(key string) bool {
	_, ok := l.Value(key)
	return ok
}
