package spec

import (
	"regexp"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Bounds of what a spec may ask of the machine that runs it.
const (
	maxMemory  = 1 << 20 // MiB
	maxCPUs    = 64
	maxDisks   = 16
	maxTimeout = 24 * time.Hour
)

func (s *Spec) check() []strict.Problem {
	var found []strict.Problem
	wrong := func(key, format string, args ...any) {
		found = append(found, s.Problem(key, format, args...))
	}
	if s.Timeout <= 0 || s.Timeout > maxTimeout {
		wrong("timeout", "must be more than nothing and at most %v", maxTimeout)
	}
	if s.Memory < 32 || s.Memory > maxMemory {
		wrong("memory", "is in MiB, from 32 to %d", maxMemory)
	}
	if s.CPUs < 1 || s.CPUs > maxCPUs {
		wrong("cpus", "must be from 1 to %d", maxCPUs)
	}
	if len(s.Disks) > maxDisks {
		wrong("disks", "has %d disks; at most %d fit in the machine", len(s.Disks), maxDisks)
	}
	if s.Shutdown != "" && s.Shutdown != Graceful && s.Shutdown != Kill {
		wrong("shutdown", "must be graceful or kill, not %.40q", s.Shutdown)
	}
	for i, d := range s.Disks {
		if d.Size == 0 {
			wrong("disks", "disks[%d] has no size", i)
		}
	}
	for i, expr := range s.Forbid {
		if expr.Regexp == nil || expr.String() == "" {
			wrong("forbid", "forbid[%d] is empty", i)
		}
	}
	for i := range s.Expect {
		found = append(found, s.Expect[i].check()...)
	}
	return found
}

// kinds are the keys that say what an expectation is about.
var kinds = []string{"service", "onboot", "console", "http", "tcp", "stays"}

// Kind returns the key that says what the expectation is about.
func (e *Expectation) Kind() string {
	for _, k := range kinds {
		if e.Has(k) {
			return k
		}
	}
	return ""
}

// goesWith says which expectations a key adds to.
var goesWith = map[string]string{
	"exit":   "onboot",
	"send":   "console",
	"within": "service, onboot, console, http, tcp",
}

func (e *Expectation) check() []strict.Problem {
	var given []string
	for _, k := range kinds {
		if e.Has(k) {
			given = append(given, k)
		}
	}
	if len(given) != 1 {
		return []strict.Problem{e.Problem("", "needs one of %s, and has %d", strings.Join(kinds, ", "), len(given))}
	}
	var found []strict.Problem
	for _, key := range []string{"exit", "send", "within"} {
		if e.Has(key) && !strings.Contains(goesWith[key], given[0]) {
			found = append(found, e.Problem(key, "goes with %s, not with %s", goesWith[key], given[0]))
		}
	}
	if e.HTTP != nil {
		found = append(found, e.HTTP.check()...)
	}
	if e.TCP != nil {
		found = append(found, checkPort(e.TCP.At, e.TCP.Port)...)
	}
	return append(found, e.checkValues(given[0])...)
}

// checkValues refuses a kind whose value is empty, which would expect nothing.
func (e *Expectation) checkValues(kind string) []strict.Problem {
	empty := map[string]bool{
		"service": e.Service == "",
		"onboot":  e.Onboot == "",
		"console": e.Console == nil || e.Console.String() == "",
	}
	if empty[kind] {
		return []strict.Problem{e.Problem(kind, "is empty")}
	}
	return nil
}

func (h *HTTP) check() []strict.Problem {
	found := checkPort(h.At, h.Port)
	if h.Path == "" {
		h.Path = "/"
	}
	if h.Status == 0 {
		h.Status = 200
	}
	if !strings.HasPrefix(h.Path, "/") || strings.ContainsFunc(h.Path, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		found = append(found, h.Problem("path", "must begin with / and have no blanks, not %.60q", h.Path))
	}
	if h.Status < 100 || h.Status > 599 {
		found = append(found, h.Problem("status", "must be from 100 to 599, not %d", h.Status))
	}
	return found
}

func checkPort(at strict.At, port int) []strict.Problem {
	if port < 1 || port > 65535 {
		return []strict.Problem{at.Problem("port", "must be from 1 to 65535, not %d", port)}
	}
	return nil
}

// Ports returns the guest's ports that the expectations ask for, each once.
func (s *Spec) Ports() []int {
	var ports []int
	seen := map[int]bool{}
	add := func(p int) {
		if !seen[p] {
			ports = append(ports, p)
		}
		seen[p] = true
	}
	for _, e := range s.Expect {
		if e.HTTP != nil {
			add(e.HTTP.Port)
		}
		if e.TCP != nil {
			add(e.TCP.Port)
		}
	}
	return ports
}

// Scaled returns the spec with its deadlines multiplied. How long something must stay
// up is no deadline and remains.
func (s Spec) Scaled(factor int) Spec {
	n := time.Duration(factor)
	s.Timeout *= n
	s.Budget.Ready *= n
	s.Expect = append([]Expectation(nil), s.Expect...)
	for i := range s.Expect {
		s.Expect[i].Within *= n
	}
	return s
}

// Forbidden returns the expressions of forbid.
func (s *Spec) Forbidden() []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(s.Forbid))
	for i, f := range s.Forbid {
		list[i] = f.Regexp
	}
	return list
}
