// Package console reads what a guest writes on its serial line: bytes in, lines out,
// and a table of what must never appear among them.
//
// Whatever the guest sends, a line is short, valid UTF-8 and printable: escape
// sequences are taken out even when a read splits them, and everything else that
// could move a cursor, hide text or end a line becomes U+FFFD. The log file alone
// keeps the bytes as they came.
package console

import (
	"bytes"
	"strings"
	"time"
	"unicode"
)

// Bounds of a line, in bytes.
const (
	MaxLine = 4 << 10
	// overlap is repeated when a line is too long and is cut, so that a record
	// (960 bytes at most) or a kernel message across the cut is whole in one part.
	overlap = 1 << 10
)

// Line is one line of the console, or a part of one that was too long.
type Line struct {
	Number int           // from 1
	At     time.Duration // host time of its last byte, since power-on
	Kernel time.Duration // the kernel's stamp in it, since the kernel's start; see Stamped
	// Stamped says that a kernel message is in it.
	Stamped bool
	Text    string
}

// Reader makes lines out of bytes. The zero value is ready.
type Reader struct {
	escape escape
	buf    []byte
	fresh  int // bytes at the start of buf that the line before has shown
	count  int
	at     time.Duration
}

// Feed takes bytes that arrived at a time since power-on, and returns the lines they
// end. A lone carriage return ends a line as well; empty lines are left out.
func (r *Reader) Feed(p []byte, at time.Duration) []Line {
	var lines []Line
	r.at = at
	for _, b := range p {
		switch {
		case b == '\n' || b == '\r':
			r.escape = escape{}
			lines = append(lines, r.Flush()...)
		case r.escape.swallow(b):
		default:
			r.buf = append(r.buf, b)
			if len(r.buf) == MaxLine {
				lines = append(lines, r.line())
				r.buf = append(r.buf[:0], r.buf[MaxLine-overlap:]...)
				r.fresh = overlap
			}
		}
	}
	return lines
}

// Flush ends the unfinished line, if there is one.
func (r *Reader) Flush() []Line {
	var lines []Line
	if len(r.buf) > r.fresh {
		lines = append(lines, r.line())
	}
	r.buf, r.fresh = r.buf[:0], 0
	return lines
}

// Pending returns the unfinished line as it would be if it ended now: a prompt has
// no line end. Its Number is the one the finished line will have.
func (r *Reader) Pending() (Line, bool) {
	if len(r.buf) <= r.fresh {
		return Line{}, false
	}
	l := newLine(r.buf, r.at)
	l.Number = r.count + 1
	return l, true
}

func (r *Reader) line() Line {
	r.count++
	l := newLine(r.buf, r.at)
	l.Number = r.count
	return l
}

func newLine(raw []byte, at time.Duration) Line {
	l := Line{At: at, Text: Clean(string(bytes.Trim(raw, "\x00")))}
	l.Kernel, l.Stamped = stamp(l.Text)
	return l
}

// Clean makes text that is safe to show: it is valid UTF-8 and has nothing that a
// terminal would obey. What it takes out shows as U+FFFD.
func Clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
