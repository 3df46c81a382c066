// Package progress tells a person how far the work is: moving bars on a terminal,
// one plain line a finished piece in a log, one JSON object a piece for programs.
//
// Every step of the line reports to a Reporter and knows nothing about where it
// goes. Nothing here can fail the work: a closed terminal is ignored.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Reporter is where work is reported. Its methods may be called at the same time.
type Reporter interface {
	// Step opens a step of the line: resolve, verify, assemble …
	Step(name string)
	// Note tells one line about the step.
	Note(format string, args ...any)
	// Begin opens a piece of work of total bytes; 0 where that is not known.
	Begin(label string, total int64) Task
	// Close waits until everything is shown.
	Close()
}

// Task is one piece of work that moves bytes.
type Task interface {
	// Add says that n more bytes are done.
	Add(n int64)
	// Done ends the task, well or not.
	Done(ok bool)
}

// Modes are the values of --progress.
var Modes = []string{"auto", "tty", "plain", "json"}

// New returns the reporter for a mode of --progress. "auto" is bars where w is a
// terminal, and plain lines elsewhere.
func New(mode string, w io.Writer) (Reporter, error) {
	switch mode {
	case "auto":
		if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return newBars(w), nil
		}
		return &plain{w: w}, nil
	case "tty":
		return newBars(w), nil
	case "plain":
		return &plain{w: w}, nil
	case "json":
		return &jsonLines{w: w}, nil
	}
	return nil, fmt.Errorf("--progress %q must be one of %v", mode, Modes)
}

// Silent reports to nobody.
func Silent() Reporter { return &plain{w: io.Discard} }

// Reader counts what is read from r towards a task.
func Reader(r io.Reader, task Task) io.Reader { return &counted{r, task} }

type counted struct {
	io.Reader
	task Task
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.task.Add(int64(n))
	return n, err
}

// Bytes writes a size as a person reads it: 812 B, 3.4 kB, 71.0 MB.
func Bytes(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < 3 {
		value, prefix = value/unit, prefix+1
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGT"[prefix])
}

// Lines returns a writer whose every line becomes a note.
func Lines(r Reporter) io.Writer { return lines{r} }

type lines struct{ r Reporter }

func (l lines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.r.Note("%s", strings.TrimRight(line, "\n"))
	}
	return len(p), nil
}
