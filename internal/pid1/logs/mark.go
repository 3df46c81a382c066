package logs

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Mark is a text that is looked for in what one run of a container prints.
type Mark struct {
	text  []byte
	once  sync.Once
	found chan struct{}
}

// NewMark returns a mark. A line break ends a text: it is looked for in one line.
func NewMark(text string) *Mark {
	line, _, _ := strings.Cut(text, "\n")
	return &Mark{text: []byte(line), found: make(chan struct{})}
}

// Found is closed when the text was printed.
func (m *Mark) Found() <-chan struct{} { return m.found }

// finder looks for a mark on its way into a stream. However long a line is, the
// finder keeps no more of it than a text that was cut in two needs.
type finder struct {
	io.Writer
	mark *Mark
	rest []byte
}

// Write implements io.Writer.
func (f *finder) Write(p []byte) (int, error) {
	select {
	case <-f.mark.found:
	default:
		f.look(p)
	}
	return f.Writer.Write(p)
}

func (f *finder) look(p []byte) {
	f.rest = append(f.rest, p...)
	if bytes.Contains(f.rest, f.mark.text) {
		f.mark.once.Do(func() { close(f.mark.found) })
	}
	keep := min(max(len(f.mark.text)-1, 0), len(f.rest))
	f.rest = append(f.rest[:0], f.rest[len(f.rest)-keep:]...)
}
