package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/org/linuxkit-action/internal/markup"
)

// plain prints one line for each step, note and finished task.
type plain struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *plain) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *plain) Step(name string)                { p.line("• %s", name) }
func (p *plain) Note(format string, args ...any) { p.line("  %s", note(format, args)) }
func (p *plain) Close()                          {}

func (p *plain) Begin(label string, _ int64) Task {
	return &timedTask{begin: time.Now(), done: func(n int64, took time.Duration, ok bool) {
		if ok {
			p.line("  %-32s %9s  %5.1f s", markup.Printable(label), Bytes(n), took.Seconds())
		}
	}}
}

// timedTask calls done once, with the sum of the bytes and the duration.
type timedTask struct {
	begin time.Time
	bytes atomic.Int64
	once  sync.Once
	done  func(bytes int64, took time.Duration, ok bool)
}

func (t *timedTask) Add(n int64) { t.bytes.Add(n) }
func (t *timedTask) Done(ok bool) {
	t.once.Do(func() { t.done(t.bytes.Load(), time.Since(t.begin), ok) })
}

// note formats a note. It is foreign text in part, such as names of images or lines of a
// console, in which tabs are usual.
func note(format string, args []any) string {
	return markup.Printable(strings.ReplaceAll(fmt.Sprintf(format, args...), "\t", "    "))
}

// jsonLines prints one JSON object for each step, note and finished task.
type jsonLines struct {
	mu sync.Mutex
	w  io.Writer
}

// event is one line of jsonLines.
type event struct {
	Event string `json:"event"` // step, note or done
	Text  string `json:"text"`
	Bytes int64  `json:"bytes,omitempty"`
	MS    int64  `json:"ms,omitempty"`
	OK    *bool  `json:"ok,omitempty"`
}

func (j *jsonLines) write(e event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = json.NewEncoder(j.w).Encode(e)
}

func (j *jsonLines) Step(name string) { j.write(event{Event: "step", Text: name}) }
func (j *jsonLines) Close()           {}
func (j *jsonLines) Note(format string, args ...any) {
	j.write(event{Event: "note", Text: fmt.Sprintf(format, args...)})
}

func (j *jsonLines) Begin(label string, _ int64) Task {
	return &timedTask{begin: time.Now(), done: func(n int64, took time.Duration, ok bool) {
		j.write(event{Event: "done", Text: label, Bytes: n, MS: took.Milliseconds(), OK: &ok})
	}}
}
