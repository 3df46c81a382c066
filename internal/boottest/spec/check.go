package spec

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Limits on the resources of the machine that runs the test.
const (
	maxMemory  = 1 << 20 // MiB
	maxCPUs    = 64
	maxDisks   = 16
	maxTimeout = 30 * time.Minute
	maxPorts   = 16
)

func (s *Spec) check() []strict.Problem {
	var problems []strict.Problem
	reject := func(key, format string, args ...any) {
		problems = append(problems, s.Problem(key, format, args...))
	}
	if s.Timeout <= 0 || s.Timeout > maxTimeout {
		reject("timeout", "must be more than 0s and at most %v", maxTimeout)
	}
	if s.Memory < 32 || s.Memory > maxMemory {
		reject("memory", "must be from 32 to %d (MiB)", maxMemory)
	}
	if s.CPUs < 1 || s.CPUs > maxCPUs {
		reject("cpus", "must be from 1 to %d", maxCPUs)
	}
	if len(s.Disks) > maxDisks {
		reject("disks", "lists %d disks; the maximum is %d", len(s.Disks), maxDisks)
	}
	if s.Shutdown != "" && s.Shutdown != Graceful && s.Shutdown != Kill {
		reject("shutdown", "must be graceful or kill, not %.40q", s.Shutdown)
	}
	if s.Network != "" && s.Network != Restricted && s.Network != Open {
		reject("network", "must be restricted or open, not %.40q", s.Network)
	}
	if ports := len(s.Ports()); ports > maxPorts {
		reject("expect", "uses %d ports of the guest; the maximum is %d", ports, maxPorts)
	}
	for i, d := range s.Disks {
		if d.Size == 0 {
			reject("disks", "disks[%d] has no size", i)
		}
	}
	for i, expr := range s.Forbid {
		if expr.Regexp == nil || expr.String() == "" {
			reject("forbid", "forbid[%d] is empty", i)
		}
	}
	for i := range s.Expect {
		problems = append(problems, s.Expect[i].check()...)
	}
	return problems
}

// kinds are the keys of which an expectation has exactly one.
var kinds = []string{"service", "onboot", "console", "http", "tcp", "stays"}

// Kind returns the key of kinds that the expectation has, or "".
func (e *Expectation) Kind() string {
	for _, k := range kinds {
		if e.Has(k) {
			return k
		}
	}
	return ""
}

// modifiers are the keys that refine an expectation, each with the kinds it applies to.
var modifiers = []struct {
	key   string
	kinds []string
}{
	{key: "exit", kinds: []string{"onboot"}},
	{key: "send", kinds: []string{"console"}},
	{key: "within", kinds: []string{"service", "onboot", "console", "http", "tcp"}},
}

func (e *Expectation) check() []strict.Problem {
	var given []string
	for _, k := range kinds {
		if e.Has(k) {
			given = append(given, k)
		}
	}
	if len(given) != 1 {
		return []strict.Problem{e.Problem("", "needs exactly one of %s; has %d", strings.Join(kinds, ", "), len(given))}
	}
	var problems []strict.Problem
	for _, m := range modifiers {
		if e.Has(m.key) && !slices.Contains(m.kinds, given[0]) {
			problems = append(problems, e.Problem(m.key, "applies to %s, not to %s", strings.Join(m.kinds, ", "), given[0]))
		}
	}
	if e.HTTP != nil {
		problems = append(problems, e.HTTP.check()...)
	}
	if e.TCP != nil {
		problems = append(problems, checkPort(e.TCP.At, e.TCP.Port)...)
	}
	return append(problems, e.checkEmpty(given[0])...)
}

// checkEmpty rejects an empty value, which every boot would satisfy.
func (e *Expectation) checkEmpty(kind string) []strict.Problem {
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
	problems := checkPort(h.At, h.Port)
	if h.Path == "" {
		h.Path = "/"
	}
	if h.Status == 0 {
		h.Status = 200
	}
	if !strings.HasPrefix(h.Path, "/") || strings.ContainsFunc(h.Path, isBlankOrControl) {
		problems = append(problems, h.Problem("path", "must begin with / and contain no blanks, not %.60q", h.Path))
	}
	if h.Status < 100 || h.Status > 599 {
		problems = append(problems, h.Problem("status", "must be from 100 to 599, not %d", h.Status))
	}
	return problems
}

func isBlankOrControl(c rune) bool { return c <= ' ' || c == 0x7f }

func checkPort(at strict.At, port int) []strict.Problem {
	if port < 1 || port > 65535 {
		return []strict.Problem{at.Problem("port", "must be from 1 to 65535, not %d", port)}
	}
	return nil
}

// Ports returns the guest's ports that the expectations name, each once.
func (s *Spec) Ports() []int {
	var ports []int
	add := func(p int) {
		if !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
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

// Scaled returns a copy of the spec with its deadlines multiplied. Stays is not a
// deadline and remains.
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

// Forbidden returns the expressions of Forbid.
func (s *Spec) Forbidden() []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(s.Forbid))
	for i, f := range s.Forbid {
		list[i] = f.Regexp
	}
	return list
}
