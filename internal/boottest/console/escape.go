package console

// escape takes the control sequences of ECMA-48 out of a stream, byte by byte. A
// sequence that does not end within maxSequence bytes is given up, so an unfinished
// one cannot hide what follows; the reader resets it at a line's end as well.
type escape struct {
	state  escapeState
	length int
}

type escapeState byte

const (
	text       escapeState = iota
	introduced             // after ESC
	control                // CSI: ESC [ parameters, up to a byte of 0x40–0x7E
	command                // OSC, DCS, SOS, PM, APC: up to BEL or ESC \
	commandEnd             // ESC seen in a command
	shifted                // ESC and intermediate bytes 0x20–0x2F, up to one other byte
)

const (
	esc         = 0x1b
	maxSequence = 256
)

// swallow reports whether b belongs to a control sequence.
func (e *escape) swallow(b byte) bool {
	if e.state == text && b != esc {
		return false
	}
	if e.length++; e.length > maxSequence {
		*e = escape{}
		return false
	}
	e.state = e.next(b)
	if e.state == text {
		e.length = 0
	}
	return true
}

func (e *escape) next(b byte) escapeState {
	switch e.state {
	case introduced:
		return afterEscape(b)
	case control:
		if b >= 0x40 && b <= 0x7e {
			return text
		}
		return control
	case command:
		switch b {
		case 0x07:
			return text
		case esc:
			return commandEnd
		}
		return command
	case commandEnd:
		return afterEscape(b)
	case shifted:
		if b >= 0x20 && b <= 0x2f {
			return shifted
		}
		return text
	}
	return introduced
}

func afterEscape(b byte) escapeState {
	switch {
	case b == esc:
		return introduced
	case b == '[':
		return control
	case b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_':
		return command
	case b >= 0x20 && b <= 0x2f:
		return shifted
	}
	return text
}
