// Package progress reports the progress of a run: as bars on a terminal, as one line for
// each finished task in a log, or as one JSON object for each for programs.
//
// Every step of the pipeline reports to a Reporter. Errors of the output are ignored, so
// that a closed terminal does not fail a run.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Reporter receives the progress of a run. Its methods are safe for concurrent use.
type Reporter interface {
	// Step begins a step of the pipeline: resolve, verify, assemble.
	Step(name string)
	// Note prints one line in the current step.
	Note(format string, args ...any)
	// Begin begins a task of total bytes; 0 where the total is unknown.
	Begin(label string, total int64) Task
	// Close flushes the output.
	Close()
}

// Task is a transfer or a computation over bytes.
type Task interface {
	// Add adds n bytes, which may be negative, to the progress.
	Add(n int64)
	// Done ends the task; ok is whether it succeeded.
	Done(ok bool)
}

// Modes are the values of --progress.
var Modes = []string{"auto", "tty", "plain", "json"}

// New returns the reporter for a mode of --progress. The mode "auto" is "tty" where w is a
// terminal, else "plain".
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
	return nil, fmt.Errorf("--progress %q: must be one of %v", mode, Modes)
}

// Silent returns a reporter without output.
func Silent() Reporter { return &plain{w: io.Discard} }

// Reader returns a reader that adds the bytes read from r to a task.
func Reader(r io.Reader, task Task) io.Reader { return &taskReader{r, task} }

type taskReader struct {
	io.Reader
	task Task
}

func (r *taskReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.task.Add(int64(n))
	return n, err
}

// Bytes formats a size in decimal units: 812 B, 3.4 kB, 71.0 MB.
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

// Lines returns a writer that reports each line as a note.
func Lines(r Reporter) io.Writer { return noteWriter{r} }

type noteWriter struct{ r Reporter }

func (w noteWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.r.Note("%s", strings.TrimRight(line, "\n"))
	}
	return len(p), nil
}
