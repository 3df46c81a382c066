package pid1

import (
	"slices"
	"time"
)

// wish is what a client waits for.
type wish struct {
	holds func() bool
	until time.Time
	came  chan struct{}
}

// until waits until a condition holds, which the loop looks at after every
// event, and reports whether it came to that in time.
func (m *machine) until(holds func() bool, patience time.Duration) bool {
	w := wish{holds: holds, until: time.Now().Add(patience), came: make(chan struct{})}
	m.loop.Post(func() { m.wishes = append(m.wishes, w) })
	select {
	case <-w.came:
		return true
	case <-time.After(patience):
		return false
	}
}

// grant tells those whose wish has come true, and forgets those that wait no longer.
func (m *machine) grant() {
	m.wishes = slices.DeleteFunc(m.wishes, func(w wish) bool {
		if w.holds() {
			close(w.came)
			return true
		}
		return time.Now().After(w.until)
	})
}
