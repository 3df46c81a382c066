package config

import "strings"

// scanner scans the values on one line.
type scanner struct {
	line line
	text string
	i    int
}

func (s *scanner) wrong(text string) error { return s.line.wrong(text) }

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.i >= len(s.text) {
		return 0
	}
	return s.text[s.i]
}

// skip skips spaces.
func (s *scanner) skip() {
	for s.peek() == ' ' {
		s.i++
	}
}

// inline scans a value that fills the rest of a line.
func inline(l line, text string, depth int) (node, error) {
	s := &scanner{line: l, text: text}
	var n node
	var err error
	switch s.peek() {
	case '[', '{':
		n, err = s.flow(depth)
	case '"', '\'':
		n, err = s.quoted()
	default:
		text, _, _ = strings.Cut(text, " #")
		return s.plain(text)
	}
	if rest := text[s.i:]; err == nil && (content(rest) != "" || strings.HasPrefix(rest, "#")) {
		err = s.wrong("text after the value; quote the whole value or nothing")
	}
	return n, err
}

// hasKey reports whether the line begins with KEY:, as an entry of a mapping.
func (l line) hasKey() bool {
	switch l.text[0] {
	case '[', '{':
		return false
	case '"', '\'':
		_, _, err := l.key()
		return err == nil
	}
	text, _, _ := strings.Cut(l.text, " #")
	return colon(text) < len(text)
}

// key scans the key of a line, and returns it with the text after its colon.
func (l line) key() (node, string, error) {
	s := &scanner{line: l, text: l.text}
	var n node
	var err error
	switch {
	case l.isItem():
		return n, "", l.wrong("list item where a key is expected")
	case s.peek() == '"' || s.peek() == '\'':
		n, err = s.quoted()
	default:
		text, _, _ := strings.Cut(l.text, " #")
		s.i = colon(text)
		n, err = s.plain(text[:s.i])
	}
	if err != nil {
		return n, "", err
	}
	if s.skip(); s.peek() != ':' || s.i+1 < len(l.text) && l.text[s.i+1] != ' ' {
		return n, "", l.wrong("missing key; write KEY: VALUE")
	}
	return n, content(l.text[s.i+1:]), s.checkKey(n)
}

func (s *scanner) checkKey(n node) error {
	switch {
	case n.kind == null:
		return s.wrong("empty key")
	case len(n.text) > maxKey:
		return s.wrong("key longer than 256 bytes")
	}
	return nil
}

// colon returns the index of the colon that ends a plain key, or the length of text.
func colon(text string) int {
	if at := strings.Index(text, ": "); at >= 0 {
		return at
	}
	return len(strings.TrimSuffix(text, ":"))
}

// plain scans a scalar without quotes (YAML 1.2.2 §7.3.3).
func (s *scanner) plain(text string) (node, error) {
	text = strings.TrimRight(text, " ")
	n := node{kind: scalar, line: s.line.number, text: text}
	switch text {
	case "", "~", "null", "Null", "NULL":
		n.kind = null
	}
	switch {
	case text == "-" || strings.HasPrefix(text, "- "):
		return n, s.wrong("- inside a line; start a new line")
	case text != "" && strings.IndexByte("?:,[]{}#&*!|>'\"%@`", text[0]) >= 0:
		return n, s.wrong("value begins with " + text[:1] + "; quote it")
	case strings.Contains(text, ": ") || strings.HasSuffix(text, ":"):
		return n, s.wrong("colon inside a value; quote the value")
	}
	return n, nil
}

// escapes are the supported escape sequences of a double-quoted scalar.
var escapes = map[byte]byte{'"': '"', '\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}

// quoted scans a quoted scalar (YAML 1.2.2 §7.3.1, §7.3.2).
func (s *scanner) quoted() (node, error) {
	n := node{kind: scalar, line: s.line.number}
	quote := s.peek()
	var text strings.Builder
	for s.i++; s.i < len(s.text); s.i++ {
		c := s.text[s.i]
		switch {
		case c == quote && quote == '\'' && strings.HasPrefix(s.text[s.i:], "''"):
			s.i++
		case c == quote:
			s.i++
			n.text = text.String()
			return n, nil
		case c == '\\' && quote == '"':
			s.i++
			if c = escapes[s.peek()]; c == 0 {
				return n, s.wrong(`unsupported escape sequence; use \" \\ \n \r or \t`)
			}
		}
		text.WriteByte(c)
	}
	return n, s.wrong("quote is not closed on its line")
}
