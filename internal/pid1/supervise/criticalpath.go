package supervise

import (
	"slices"
	"time"
)

// Step is a part of the time that services took to become ready.
type Step struct {
	Name string // of the service; "" for a time in which no service of the path was starting
	Took time.Duration
}

// CriticalPath returns the services that the boot waited for: the last one to become ready, the
// last one of those that it comes after, and so on. The steps are in order and cover the time
// between from and to, on the clock of console.Uptime.
func (s *Supervisor) CriticalPath(from, to time.Duration) []Step {
	var steps []Step
	add := func(name string, from, to time.Duration) {
		if to > from {
			steps = append(steps, Step{name, to - from})
		}
	}
	end := to
	for u := lastReady(s.units, to); u != nil; u = lastReady(s.predecessors(u), end) {
		add("", u.times.ready, end)
		end = max(u.times.begun, from)
		add(u.Name, end, u.times.ready)
	}
	add("", from, end)
	slices.Reverse(steps)
	return steps
}

// predecessors returns the services that u comes after.
func (s *Supervisor) predecessors(u *unit) []*unit {
	var units []*unit
	for _, name := range slices.Concat(u.After, u.Requires) {
		if other := s.byName[name]; other != nil {
			units = append(units, other)
		}
	}
	return units
}

// lastReady returns the unit that became ready last, but not after until, or nil.
func lastReady(units []*unit, until time.Duration) *unit {
	var found *unit
	for _, u := range units {
		t := u.times
		if t.begun > 0 && t.ready > 0 && t.ready <= until && (found == nil || t.ready > found.times.ready) {
			found = u
		}
	}
	return found
}
