package logs

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMatcher(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*bufferSize)
	for name, tt := range map[string]struct {
		text    string
		writes  []string
		matched bool
	}{
		"a whole line":      {text: "listening", writes: []string{"listening\n"}, matched: true},
		"part of a line":    {text: "listening", writes: []string{"now listening on 80"}, matched: true},
		"split in two":      {text: "listening", writes: []string{"now listen", "ing on 80\n"}, matched: true},
		"split into bytes":  {text: "abc", writes: []string{"a", "b", "c"}, matched: true},
		"after a long line": {text: "up", writes: []string{long, "up", long}, matched: true},
		"across two lines":  {text: "listening", writes: []string{"listen\n", "ing\n"}},
		"other text":        {text: "listening", writes: []string{"listenin", "listenin g"}},
		"no output":         {text: "listening", writes: nil},
		"text of two lines": {text: "up\nrunning", writes: []string{"up\n"}, matched: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := NewMatcher(tt.text)
			f := &matchWriter{Writer: io.Discard, matcher: m}
			for _, w := range tt.writes {
				if n, err := f.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("%d, %v", n, err)
				}
			}
			if len(f.rest) >= len(tt.text) {
				t.Errorf("keeps %d bytes for a text of %d", len(f.rest), len(tt.text))
			}
			if got := isMatched(m); got != tt.matched {
				t.Errorf("matched: %v", got)
			}
		})
	}
}

func isMatched(m *Matcher) bool {
	select {
	case <-m.Matched():
		return true
	default:
		return false
	}
}

// Two streams may write the text at once; both outputs are logged.
func TestMatcherOnTwoPipes(t *testing.T) {
	t.Parallel()
	m := NewMatcher("up")
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
	case <-m.Matched():
	case <-time.After(wait):
		t.Error("not matched")
	}
}
