package console

import (
	"fmt"
	"regexp"
)

// Finding is something on the console that must not be there.
type Finding struct {
	Name    string // what it is: kernel panic, out of memory, …
	Culprit string // whom or what it names
	Remedy  string // "" where we know none
	Panic   bool   // the kernel itself is broken
	Line    Line
}

// Scanner looks for what must never appear. The kernel's faults are believed from
// the kernel only: in a message with its time stamp, wherever in the line that
// begins, or at the start of a line as long as no stamp was seen (printk.time=0).
// So a service that writes "BUG:" into its log harms nobody.
type Scanner struct {
	forbid  []*regexp.Regexp
	stamped bool
	crash   Line // the last line that looks like the head of a Go crash
}

// NewScanner returns a scanner that also refuses lines that match forbid.
func NewScanner(forbid []*regexp.Regexp) *Scanner { return &Scanner{forbid: forbid} }

// Scan returns what is wrong with a line, if anything.
func (s *Scanner) Scan(l Line) (Finding, bool) {
	s.stamped = s.stamped || l.Stamped
	messages := kernelMessages(l)
	if !s.stamped {
		messages = []string{l.Text}
	}
	for _, m := range messages {
		if r, culprit, bad := match(m); bad {
			return Finding{r.name, culprit, r.remedy, r.panic, l}, true
		}
	}
	if f, bad := s.goCrash(l); bad {
		return f, true
	}
	for _, expr := range s.forbid {
		if found := expr.FindString(l.Text); found != "" {
			return Finding{Name: fmt.Sprintf("forbidden text (forbid: %q)", expr), Culprit: found, Line: l}, true
		}
	}
	return Finding{}, false
}

var (
	crashHead  = regexp.MustCompile(`^(?:panic|fatal error): (.*)`)
	crashTrace = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
)

// crashReach is how far behind its head, in lines, the trace of a Go crash begins.
const crashReach = 6

// goCrash wants the head of a crash and its trace: "panic: …" alone is anybody's log.
func (s *Scanner) goCrash(l Line) (Finding, bool) {
	if crashHead.MatchString(l.Text) {
		s.crash = l
		return Finding{}, false
	}
	if s.crash.Number == 0 || l.Number-s.crash.Number > crashReach || !crashTrace.MatchString(l.Text) {
		return Finding{}, false
	}
	head := s.crash
	s.crash = Line{}
	return Finding{Name: "a Go program crashed", Culprit: crashHead.FindStringSubmatch(head.Text)[1], Line: head}, true
}
