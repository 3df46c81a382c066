package logs

import (
	"strings"
	"sync"
)

// tailSize is the default of Tail.Size.
const tailSize = 2048

// Tail is the last output of one or more streams.
type Tail struct {
	Size int // bytes to keep; 0: 2048

	mu  sync.Mutex
	end []byte
}

// Write implements io.Writer. It never fails.
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

// Lines returns the last n lines that are not empty, cut to their last max bytes.
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
