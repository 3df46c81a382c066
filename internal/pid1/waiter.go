package pid1

import (
	"slices"
	"time"
)

// waiter is a client that waits for a condition.
type waiter struct {
	holds    func() bool
	deadline time.Time
	done     chan struct{}
}

// waitUntil waits until a condition holds, which the loop checks after every event, and
// reports whether it held within the timeout.
func (m *machine) waitUntil(holds func() bool, timeout time.Duration) bool {
	w := waiter{holds: holds, deadline: time.Now().Add(timeout), done: make(chan struct{})}
	m.loop.Post(func() { m.waiters = append(m.waiters, w) })
	select {
	case <-w.done:
		return true
	case <-time.After(timeout):
		return false
	}
}

// wake wakes the waiters whose condition holds, and drops those that have timed out.
func (m *machine) wake() {
	m.waiters = slices.DeleteFunc(m.waiters, func(w waiter) bool {
		if w.holds() {
			close(w.done)
			return true
		}
		return time.Now().After(w.deadline)
	})
}
