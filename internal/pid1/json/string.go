package json

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str parses a string (RFC 8259 §7). Invalid UTF-8 and unpaired surrogates become U+FFFD,
// as in encoding/json.
func (p *parser) str() (string, error) {
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return b.String(), nil
		case c < ' ':
			return "", p.syntaxError()
		case c == '\\':
			if !p.escape(&b) {
				return "", p.syntaxError()
			}
		default:
			r, size := utf8.DecodeRuneInString(p.s[p.i:])
			b.WriteRune(r)
			p.i += size
		}
	}
	return "", p.syntaxError()
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
	r, ok := p.codeUnit()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(r) {
		r = p.pair(r)
	}
	b.WriteRune(r)
	return true
}

// pair decodes a surrogate pair whose first half has been parsed. If no valid second half
// follows, it consumes nothing and returns U+FFFD.
func (p *parser) pair(first rune) rune {
	before := p.i
	second, ok := p.codeUnit()
	if r := utf16.DecodeRune(first, second); ok && r != utf8.RuneError {
		return r
	}
	p.i = before
	return utf8.RuneError
}

// codeUnit parses \uXXXX.
func (p *parser) codeUnit() (rune, bool) {
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
