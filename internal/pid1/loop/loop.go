// Package loop is the event loop of PID 1: one goroutine that owns all state.
//
// Other goroutines (reaper, timers, starts of services, power button) post functions, which the
// loop runs one after another. So state needs no lock, and a panic costs one event.
package loop

import (
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// backlog is how many events may be queued before Post blocks. Events are few, a handful per
// service and second, and only other goroutines block, never the loop.
const backlog = 256

// Loop runs posted functions one at a time.
type Loop struct {
	events chan func()
	after  func()
}

// New returns a loop that calls after behind every event.
func New(after func()) *Loop {
	return &Loop{events: make(chan func(), backlog), after: after}
}

// Post queues fn. It must not be called on the loop's own goroutine, where it could deadlock.
func (l *Loop) Post(fn func()) { l.events <- fn }

// After posts fn after d. Timers are never stopped: fn must check whether it still applies.
func (l *Loop) After(d time.Duration, fn func()) {
	time.AfterFunc(d, func() { l.Post(fn) })
}

// Run runs events until stop is closed.
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
