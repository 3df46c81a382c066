// Package loop is the event loop of PID 1: one goroutine that owns all state.
//
// Everybody else (the reaper, timers, launchers, the power button) only posts
// functions to it, which run there one after another. So there is no lock on
// any state, and an event that panics costs that event alone.
package loop

import (
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// backlog is how many events may wait before Post does. Events are few (a
// handful per service and second); a poster that waits is a goroutine, never
// the loop itself.
const backlog = 256

// Loop runs posted functions one at a time.
type Loop struct {
	events chan func()
	after  func()
}

// New returns a loop which calls after behind every event.
func New(after func()) *Loop {
	return &Loop{events: make(chan func(), backlog), after: after}
}

// Post hands fn to the loop. It must not be called on the loop's own
// goroutine, where it could wait for itself.
func (l *Loop) Post(fn func()) { l.events <- fn }

// After posts fn once d has passed. The caller's fn has to find out whether it
// still matters: timers are never taken back.
func (l *Loop) After(d time.Duration, fn func()) {
	time.AfterFunc(d, func() { l.Post(fn) })
}

// Run serves events and returns when stop is closed.
func (l *Loop) Run(stop <-chan struct{}) {
	for {
		select {
		case fn := <-l.events:
			guard.Do("event", fn)
			guard.Do("after an event", l.after)
		case <-stop:
			return
		}
	}
}
