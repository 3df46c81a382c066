package config

import (
	"strings"
	"unicode/utf8"
)

// line is a line that is neither empty nor a comment.
type line struct {
	number int
	indent int
	text   string // without the spaces around it
}

func (l line) wrong(text string) error { return Problem{Line: l.number, Text: text} }

// isItem reports whether the line begins an item of a block sequence.
func (l line) isItem() bool { return l.text == "-" || strings.HasPrefix(l.text, "- ") }

// split splits a file into lines, without empty lines, comments and the document marker.
func split(text []byte) ([]line, error) {
	if len(text) > MaxBytes {
		return nil, Problem{Text: "larger than 64 KiB"}
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
			return nil, l.wrong("second document; only one is allowed")
		default:
			begun = true
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// unreadable returns why a line is rejected, or "". It rejects all characters that a
// version of YAML does not allow or treats as a line break.
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
			return "tab character; use spaces"
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff:
			return "unprintable character"
		}
	}
	return ""
}
