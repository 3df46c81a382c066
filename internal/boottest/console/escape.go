package console

// escapeParser recognizes the control sequences of ECMA-48 in a stream of bytes. It
// abandons a sequence that does not end within maxSequence bytes, so that an unfinished
// one cannot hide the text behind it. The Splitter resets it at the end of a line.
type escapeParser struct {
	state  escapeState
	length int // bytes of the sequence so far
}

type escapeState byte

const (
	ground             escapeState = iota
	escape                         // after ESC
	escapeIntermediate             // ESC and intermediate bytes 0x20–0x2F, up to one other byte
	controlSequence                // CSI: ESC [ parameters, up to a byte of 0x40–0x7E
	controlString                  // OSC, DCS, SOS, PM, APC: up to BEL or ESC \
	controlStringEnd               // ESC within a control string
)

const (
	esc         = 0x1b
	bel         = 0x07
	maxSequence = 256
)

// consume reports whether b is part of a control sequence.
func (p *escapeParser) consume(b byte) bool {
	if p.state == ground && b != esc {
		return false
	}
	if p.length++; p.length > maxSequence {
		*p = escapeParser{}
		return false
	}
	p.state = p.next(b)
	if p.state == ground {
		p.length = 0
	}
	return true
}

func (p *escapeParser) next(b byte) escapeState {
	switch p.state {
	case escape, controlStringEnd:
		return afterEscape(b)
	case escapeIntermediate:
		if isIntermediate(b) {
			return escapeIntermediate
		}
		return ground
	case controlSequence:
		if b >= 0x40 && b <= 0x7e {
			return ground
		}
		return controlSequence
	case controlString:
		switch b {
		case bel:
			return ground
		case esc:
			return controlStringEnd
		}
		return controlString
	}
	return escape
}

func afterEscape(b byte) escapeState {
	switch {
	case b == esc:
		return escape
	case b == '[':
		return controlSequence
	case b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_':
		return controlString
	case isIntermediate(b):
		return escapeIntermediate
	}
	return ground
}

func isIntermediate(b byte) bool { return b >= 0x20 && b <= 0x2f }
