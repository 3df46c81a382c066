// Package console reads the serial console of a guest: it splits the bytes into lines
// and detects messages that must not appear among them.
//
// The guest is not trusted. A line has a bounded length and is valid, printable UTF-8:
// control sequences are removed, and every other character that could move a cursor,
// hide text or end a line is replaced by U+FFFD. Only the log file has the bytes
// unchanged.
package console

import (
	"bytes"
	"strings"
	"time"
	"unicode"
)

// Sizes in bytes.
const (
	// MaxLine is the length at which a line is cut.
	MaxLine = 4 << 10
	// overlap is the length of the text that both parts of a cut line have, so that a
	// record (960 bytes at most) or a kernel message across the cut is complete in one.
	overlap = 1 << 10
)

// Line is one line of the console, or a part of a line longer than MaxLine.
type Line struct {
	Number    int           // from 1
	At        time.Duration // host time of the last byte, since power-on
	HasKernel bool          // the line contains a kernel message with a time stamp
	KernelAt  time.Duration // that time stamp, since the start of the kernel
	Text      string
}

// Splitter splits a stream of bytes into lines. The zero value is ready for use.
type Splitter struct {
	escapes  escapeParser
	buf      []byte
	repeated int // bytes at the start of buf that the line before contains as well
	count    int // lines returned so far
	at       time.Duration
}

// Append adds bytes that arrived at a time since power-on, and returns the lines that
// they complete. A carriage return ends a line as well. Empty lines are omitted.
func (s *Splitter) Append(p []byte, at time.Duration) []Line {
	var lines []Line
	s.at = at
	for _, b := range p {
		switch {
		case b == '\n' || b == '\r':
			s.escapes = escapeParser{}
			lines = append(lines, s.Flush()...)
		case s.escapes.consume(b):
		default:
			s.buf = append(s.buf, b)
			if len(s.buf) == MaxLine {
				lines = append(lines, s.next())
				s.buf = append(s.buf[:0], s.buf[MaxLine-overlap:]...)
				s.repeated = overlap
			}
		}
	}
	return lines
}

// Flush returns the partial line, if there is one, as a complete line.
func (s *Splitter) Flush() []Line {
	var lines []Line
	if len(s.buf) > s.repeated {
		lines = append(lines, s.next())
	}
	s.buf, s.repeated = s.buf[:0], 0
	return lines
}

// Partial returns the line that is not complete yet, such as a prompt, under the number
// of the complete one. It reports false if there is none.
func (s *Splitter) Partial() (Line, bool) {
	if len(s.buf) <= s.repeated {
		return Line{}, false
	}
	return s.line(s.count + 1), true
}

func (s *Splitter) next() Line {
	s.count++
	return s.line(s.count)
}

func (s *Splitter) line(number int) Line {
	l := Line{Number: number, At: s.at, Text: Sanitize(string(bytes.Trim(s.buf, "\x00")))}
	l.KernelAt, l.HasKernel = timestamp(l.Text)
	return l
}

// Sanitize returns text that is valid UTF-8 and contains no control characters. U+FFFD
// replaces what is not printable.
func Sanitize(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// EscapeCommands returns text that GitHub's runner does not take for a workflow command
// when it is printed behind other text in a line: "##[" has that meaning anywhere in a
// line, "::" only at its start.
func EscapeCommands(text string) string { return strings.ReplaceAll(text, "##[", "# #[") }
