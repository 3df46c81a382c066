package logs

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAMarkIsFoundInOneLineOfAnyLength(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*bufferSize)
	for name, tt := range map[string]struct {
		mark   string
		writes []string
		found  bool
	}{
		"a whole line":            {mark: "listening", writes: []string{"listening\n"}, found: true},
		"inside a line":           {mark: "listening", writes: []string{"now listening on 80"}, found: true},
		"cut in two":              {mark: "listening", writes: []string{"now listen", "ing on 80\n"}, found: true},
		"cut into bytes":          {mark: "abc", writes: []string{"a", "b", "c"}, found: true},
		"behind a very long line": {mark: "up", writes: []string{long, "up", long}, found: true},
		"over two lines":          {mark: "listening", writes: []string{"listen\n", "ing\n"}, found: false},
		"other words":             {mark: "listening", writes: []string{"listenin", "listenin g"}, found: false},
		"nothing":                 {mark: "listening", writes: nil, found: false},
		"a mark of two lines":     {mark: "up\nrunning", writes: []string{"up\n"}, found: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := NewMark(tt.mark)
			f := &finder{Writer: io.Discard, mark: m}
			for _, w := range tt.writes {
				if n, err := f.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("%d, %v", n, err)
				}
			}
			if len(f.rest) >= len(tt.mark) {
				t.Errorf("it keeps %d bytes for a mark of %d", len(f.rest), len(tt.mark))
			}
			if got := isFound(m); got != tt.found {
				t.Errorf("found: %v", got)
			}
		})
	}
}

func isFound(m *Mark) bool {
	select {
	case <-m.Found():
		return true
	default:
		return false
	}
}

// Two streams may print the mark at once; what is printed is logged all the same.
func TestAMarkIsLookedForInTwoPipes(t *testing.T) {
	t.Parallel()
	m := NewMark("up")
	var tail Tail
	for _, name := range []string{"out", "err"} {
		p, err := Open(filepath.Join(t.TempDir(), name), &tail, new(losses).add).Pipe(m)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(p.W, "up\nend\n")
		p.Started()
		defer p.Drain(wait)
	}
	select {
	case <-m.Found():
	case <-time.After(wait):
		t.Error("not found")
	}
}
