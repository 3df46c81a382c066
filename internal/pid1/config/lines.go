package config

import (
	"strings"
	"unicode/utf8"
)

// line is a line with something on it.
type line struct {
	number int
	indent int
	text   string // without the blanks around it
}

func (l line) wrong(text string) error { return Problem{l.number, text} }

// isItem reports whether the line begins an item of a block sequence.
func (l line) isItem() bool { return l.text == "-" || strings.HasPrefix(l.text, "- ") }

// split returns the lines that say something.
func split(text []byte) ([]line, error) {
	if len(text) > MaxBytes {
		return nil, Problem{0, "larger than 64 KiB"}
	}
	var lines []line
	number, begun := 0, false
	for s := range strings.Lines(string(text)) {
		number++
		s = strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
		l := line{number: number, text: strings.Trim(s, " ")}
		l.indent = len(strings.TrimRight(s, " ")) - len(l.text)
		switch {
		case unreadable(s) != "":
			return nil, l.wrong(unreadable(s))
		case l.text == "" || l.text[0] == '#':
		case s == "---" && !begun:
			begun = true
		case l.indent == 0 && (strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...")):
			return nil, l.wrong("a second document; there can be only one")
		default:
			begun = true
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// unreadable says why a line cannot be read, or "". Among what is refused is all
// that some version of YAML takes for a line break or does not allow.
func unreadable(s string) string {
	if len(s) > maxLine {
		return "longer than 4096 bytes"
	}
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	for _, r := range s {
		switch {
		case r == '\t':
			return "a tab; write blanks"
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff:
			return "a character that cannot be printed"
		}
	}
	return ""
}
