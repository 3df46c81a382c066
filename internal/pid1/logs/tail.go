package logs

import (
	"strings"
	"sync"
)

// tailSize is how much of the end of a log is kept, in bytes.
const tailSize = 2048

// Tail is the end of what was written to one or more streams.
type Tail struct {
	Size int // how much to keep, in bytes; 2048 where it is 0

	mu  sync.Mutex
	end []byte
}

// Write implements io.Writer. It takes everything and keeps the end.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := t.Size
	if size == 0 {
		size = tailSize
	}
	kept := p[max(len(p)-size, 0):]
	if over := len(t.end) + len(kept) - size; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	t.end = append(t.end, kept...)
	return len(p), nil
}

// Lines returns the last n lines that are not empty, and of these the last max bytes.
func (t *Tail) Lines(n, max int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(t.end)) {
		if line = strings.TrimRight(line, "\r\n\t "); line != "" {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines[len(lines)-min(n, len(lines)):], "\n")
	return text[len(text)-min(max, len(text)):]
}
