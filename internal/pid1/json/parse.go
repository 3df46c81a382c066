package json

import "strings"

// Parse parses one JSON text.
func Parse(text []byte) (Value, error) {
	if len(text) > MaxBytes {
		return Value{}, ErrTooLarge
	}
	p := &parser{s: string(text)}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.skipSpace(); p.i < len(p.s) {
		return Value{}, p.syntaxError()
	}
	return v, nil
}

type parser struct {
	s      string
	i      int
	values int
}

func (p *parser) syntaxError() error { return &SyntaxError{Offset: p.i} }

func (p *parser) skipSpace() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// accept consumes c and returns true if it is the next byte.
func (p *parser) accept(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) value(depth int) (Value, error) {
	if p.values++; p.values > MaxValues || depth > MaxDepth {
		return Value{}, ErrTooLarge
	}
	p.skipSpace()
	if p.i >= len(p.s) {
		return Value{}, p.syntaxError()
	}
	switch p.s[p.i] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		text, err := p.str()
		return Value{Kind: String, text: text}, err
	case 't':
		return p.literal("true", Bool)
	case 'f':
		return p.literal("false", Bool)
	case 'n':
		return p.literal("null", Null)
	}
	return p.number()
}

func (p *parser) literal(word string, kind Kind) (Value, error) {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return Value{}, p.syntaxError()
	}
	p.i += len(word)
	return Value{Kind: kind, text: word}, nil
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: Array}
	p.i++
	if p.skipSpace(); p.accept(']') {
		return v, nil
	}
	for {
		e, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.list = append(v.list, e)
		p.skipSpace()
		if p.accept(']') {
			return v, nil
		}
		if !p.accept(',') {
			return Value{}, p.syntaxError()
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{Kind: Object}
	p.i++
	if p.skipSpace(); p.accept('}') {
		return v, nil
	}
	for {
		m, err := p.member(depth)
		if err != nil {
			return Value{}, err
		}
		v.members = append(v.members, m)
		p.skipSpace()
		if p.accept('}') {
			return v, nil
		}
		if !p.accept(',') {
			return Value{}, p.syntaxError()
		}
	}
}

func (p *parser) member(depth int) (member, error) {
	p.skipSpace()
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return member{}, p.syntaxError()
	}
	name, err := p.str()
	if err != nil {
		return member{}, err
	}
	p.skipSpace()
	if !p.accept(':') {
		return member{}, p.syntaxError()
	}
	v, err := p.value(depth + 1)
	return member{name, v}, err
}

// number parses a number (RFC 8259 §6), and keeps its text.
func (p *parser) number() (Value, error) {
	start := p.i
	p.accept('-')
	if !p.accept('0') && !p.digits() {
		return Value{}, p.syntaxError()
	}
	if p.accept('.') && !p.digits() {
		return Value{}, p.syntaxError()
	}
	if p.accept('e') || p.accept('E') {
		if !p.accept('+') {
			p.accept('-')
		}
		if !p.digits() {
			return Value{}, p.syntaxError()
		}
	}
	return Value{Kind: Number, text: p.s[start:p.i]}, nil
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}
