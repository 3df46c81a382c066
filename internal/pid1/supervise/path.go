package supervise

import (
	"slices"
	"time"
)

// Step is a part of the time that services took to become ready.
type Step struct {
	Name string // of the service, or "" for the wait until the next could be started
	Took time.Duration
}

// CriticalPath says which services the boot waited for: the last one to become
// ready, the last one that it came after, and so on. The steps, in their order,
// fill the time from one moment to the other on the clock of console.Uptime.
func (s *Supervisor) CriticalPath(from, to time.Duration) []Step {
	var steps []Step
	add := func(name string, from, to time.Duration) {
		if to > from {
			steps = append(steps, Step{name, to - from})
		}
	}
	end := to
	for u := last(s.units, to); u != nil; u = last(s.before(u), end) {
		add("", u.times.through, end)
		end = max(u.times.begun, from)
		add(u.Name, end, u.times.through)
	}
	add("", from, end)
	slices.Reverse(steps)
	return steps
}

// before returns the services that u comes after.
func (s *Supervisor) before(u *unit) []*unit {
	var units []*unit
	for _, name := range slices.Concat(u.After, u.Requires) {
		if other := s.byName[name]; other != nil {
			units = append(units, other)
		}
	}
	return units
}

// last returns the unit that was through last, but no later than until, or nil.
func last(units []*unit, until time.Duration) *unit {
	var found *unit
	for _, u := range units {
		if t := u.times; t.begun > 0 && t.through > 0 && t.through <= until && (found == nil || t.through > found.times.through) {
			found = u
		}
	}
	return found
}
