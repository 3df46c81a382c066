package console

import (
	"fmt"
	"regexp"
)

// Finding is a message on the console that must not appear.
type Finding struct {
	Name    string // kernel panic, out of memory, …
	Culprit string // the process, device or cause that the message names
	Remedy  string // "" if none is known
	Panic   bool   // the kernel itself is broken
	Line    Line
}

// Detector detects messages that must not appear. A kernel fault counts only in a kernel
// message: behind a time stamp, anywhere in a line, or at the start of a line as long as
// no line had a time stamp (printk.time=0). The word "BUG:" in the log of a service is
// no finding.
type Detector struct {
	forbidden []*regexp.Regexp
	stamped   bool // the kernel's messages have time stamps
	crash     Line // the last line that has the form of the first line of a Go panic
}

// NewDetector returns a detector that also detects lines that match an expression.
func NewDetector(forbidden []*regexp.Regexp) *Detector { return &Detector{forbidden: forbidden} }

// Detect returns the first finding in a line.
func (d *Detector) Detect(l Line) (Finding, bool) {
	d.stamped = d.stamped || l.HasKernel
	messages := l.kernelMessages()
	if !d.stamped {
		messages = []string{l.Text}
	}
	for _, m := range messages {
		if r, culprit, found := matchKernelFault(m); found {
			return Finding{Name: r.name, Culprit: culprit, Remedy: r.remedy, Panic: r.panic, Line: l}, true
		}
	}
	if f, found := d.goPanic(l); found {
		return f, true
	}
	for _, expr := range d.forbidden {
		if text := expr.FindString(l.Text); text != "" {
			return Finding{Name: fmt.Sprintf("forbidden text (forbid: %q)", expr), Culprit: text, Line: l}, true
		}
	}
	return Finding{}, false
}

var (
	goPanicMessage = regexp.MustCompile(`^(?:panic|fatal error): (.*)`)
	goroutineTrace = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
)

// maxTraceDistance is the maximum number of lines from the message of a Go panic to the
// start of its trace.
const maxTraceDistance = 6

// goPanic detects the message of a Go panic that a trace follows. Any log may have a line
// that begins with "panic:".
func (d *Detector) goPanic(l Line) (Finding, bool) {
	if goPanicMessage.MatchString(l.Text) {
		d.crash = l
		return Finding{}, false
	}
	if d.crash.Number == 0 || l.Number-d.crash.Number > maxTraceDistance || !goroutineTrace.MatchString(l.Text) {
		return Finding{}, false
	}
	message := d.crash
	d.crash = Line{}
	return Finding{Name: "a Go program crashed", Culprit: goPanicMessage.FindStringSubmatch(message.Text)[1], Line: message}, true
}
