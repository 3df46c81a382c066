package json

import "strings"

// Parse reads one JSON text.
func Parse(text []byte) (Value, error) {
	if len(text) > MaxBytes {
		return Value{}, ErrTooLarge
	}
	p := &parser{s: string(text)}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.blank(); p.i < len(p.s) {
		return Value{}, p.wrong()
	}
	return v, nil
}

type parser struct {
	s      string
	i      int
	values int
}

func (p *parser) wrong() error { return &SyntaxError{Offset: p.i} }

func (p *parser) blank() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// take moves over c and returns true, if c is next.
func (p *parser) take(c byte) bool {
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
	p.blank()
	if p.i >= len(p.s) {
		return Value{}, p.wrong()
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
		return Value{}, p.wrong()
	}
	p.i += len(word)
	return Value{Kind: kind, text: word}, nil
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: Array}
	p.i++
	if p.blank(); p.take(']') {
		return v, nil
	}
	for {
		e, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.list = append(v.list, e)
		p.blank()
		if p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return Value{}, p.wrong()
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{Kind: Object}
	p.i++
	if p.blank(); p.take('}') {
		return v, nil
	}
	for {
		m, err := p.member(depth)
		if err != nil {
			return Value{}, err
		}
		v.members = append(v.members, m)
		p.blank()
		if p.take('}') {
			return v, nil
		}
		if !p.take(',') {
			return Value{}, p.wrong()
		}
	}
}

func (p *parser) member(depth int) (member, error) {
	p.blank()
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return member{}, p.wrong()
	}
	name, err := p.str()
	if err != nil {
		return member{}, err
	}
	p.blank()
	if !p.take(':') {
		return member{}, p.wrong()
	}
	v, err := p.value(depth + 1)
	return member{name, v}, err
}

// number checks the grammar of RFC 8259 §6 and keeps the text.
func (p *parser) number() (Value, error) {
	start := p.i
	p.take('-')
	if !p.take('0') && !p.digits() {
		return Value{}, p.wrong()
	}
	if p.take('.') && !p.digits() {
		return Value{}, p.wrong()
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return Value{}, p.wrong()
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
