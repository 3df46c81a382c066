package json

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string (RFC 8259 §7). Bytes that are no UTF-8 and halves of
// surrogate pairs become U+FFFD, as in encoding/json.
func (p *parser) str() (string, error) {
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return b.String(), nil
		case c < ' ':
			return "", p.wrong()
		case c == '\\':
			if !p.escape(&b) {
				return "", p.wrong()
			}
		default:
			r, size := utf8.DecodeRuneInString(p.s[p.i:])
			b.WriteRune(r)
			p.i += size
		}
	}
	return "", p.wrong()
}

const (
	escaped = `"\/bfnrt`
	plain   = "\"\\/\b\f\n\r\t"
)

func (p *parser) escape(b *strings.Builder) bool {
	p.i++
	if p.i >= len(p.s) {
		return false
	}
	if at := strings.IndexByte(escaped, p.s[p.i]); at >= 0 {
		p.i++
		b.WriteByte(plain[at])
		return true
	}
	if p.s[p.i] != 'u' {
		return false
	}
	p.i--
	r, ok := p.unit()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(r) {
		r = p.pair(r)
	}
	b.WriteRune(r)
	return true
}

// pair joins a surrogate with the one behind it, and takes only the first where
// the two are no pair.
func (p *parser) pair(first rune) rune {
	before := p.i
	second, ok := p.unit()
	if r := utf16.DecodeRune(first, second); ok && r != utf8.RuneError {
		return r
	}
	p.i = before
	return utf8.RuneError
}

// unit reads \uXXXX.
func (p *parser) unit() (rune, bool) {
	if len(p.s)-p.i < 6 || p.s[p.i:p.i+2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.i+2:p.i+6], 16, 16)
	if err != nil {
		return 0, false
	}
	p.i += 6
	return rune(n), true
}
