package logs

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Matcher searches the output of one run of a container for a text.
type Matcher struct {
	text    []byte
	once    sync.Once
	matched chan struct{}
}

// NewMatcher returns a matcher for text up to its first newline: a match is within one line.
func NewMatcher(text string) *Matcher {
	line, _, _ := strings.Cut(text, "\n")
	return &Matcher{text: []byte(line), matched: make(chan struct{})}
}

// Matched is closed once the text was found.
func (m *Matcher) Matched() <-chan struct{} { return m.matched }

// matchWriter searches what is written to a stream. Of a line of any length it keeps only the last
// bytes, in which a match may begin.
type matchWriter struct {
	io.Writer
	matcher *Matcher
	rest    []byte
}

// Write implements io.Writer.
func (f *matchWriter) Write(p []byte) (int, error) {
	select {
	case <-f.matcher.matched:
	default:
		f.search(p)
	}
	return f.Writer.Write(p)
}

func (f *matchWriter) search(p []byte) {
	f.rest = append(f.rest, p...)
	if bytes.Contains(f.rest, f.matcher.text) {
		f.matcher.once.Do(func() { close(f.matcher.matched) })
	}
	keep := min(max(len(f.matcher.text)-1, 0), len(f.rest))
	f.rest = append(f.rest[:0], f.rest[len(f.rest)-keep:]...)
}
