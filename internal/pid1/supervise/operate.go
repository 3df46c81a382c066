package supervise

import (
	"errors"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
)

// Errors of what an operator asks for.
var (
	ErrUnknown      = errors.New("there is no such service")
	ErrShuttingDown = errors.New("the machine is shutting down")
	ErrHangs        = errors.New("its last process hangs in the kernel; it can be started when that has gone")
)

// Stop ends a service by its own signal and deadline. It stays down until Start
// or Restart, whatever its restart policy. One that is over already stays as it
// is, and those that come after it or require it are not touched.
func (s *Supervisor) Stop(name string) error {
	u, err := s.operable(name)
	if err != nil || u.state.over() {
		return err
	}
	u.again, u.late = false, "" // it may be on its way down already, to fail
	if u.state != Stopping {
		s.stop(u)
	}
	return nil
}

// Start starts a service that is over, or does so as soon as it has stopped. Its
// failures are forgotten: it has all starts of its limit again. One that rests
// after a failure does not rest any longer. It waits for what it comes after.
func (s *Supervisor) Start(name string) error {
	u, err := s.operable(name)
	switch {
	case err != nil:
		return err
	case u.state == Stopping:
		u.again, u.late = true, ""
	case u.state.over() || u.state == Exited:
		return u.renew()
	}
	return nil
}

// Restart stops a service and starts it again, or starts one that is over.
func (s *Supervisor) Restart(name string) error {
	if err := s.Stop(name); err != nil {
		return err
	}
	return s.Start(name)
}

func (s *Supervisor) operable(name string) (*unit, error) {
	u := s.byName[name]
	switch {
	case u == nil:
		return nil, ErrUnknown
	case s.stopping:
		return nil, ErrShuttingDown
	}
	return u, nil
}

// renew makes a unit wait for its start as if it never had been started.
func (u *unit) renew() error {
	if u.run != nil {
		return ErrHangs
	}
	u.state, u.again, u.killed = Waiting, false, false
	u.starts, u.pause = nil, 0
	return nil
}

// restarted begins the second half of a Restart, once the service is stopped.
func (u *unit) restarted() {
	if u.state == Stopped && u.again {
		_ = u.renew() // its process has just gone
	}
}

// Status is what an operator gets to know of a service.
type Status struct {
	Name     string
	State    State
	Pid      int // 0 where no process runs
	Restarts int
	Since    time.Duration // on the clock of console.Uptime: when it came into this state
	Last     string        // how it ended the last time, or ""
	Patience time.Duration // how long a stop may take
}

// Over reports whether nothing will happen to the service by itself any more.
func (s Status) Over() bool { return s.State.over() }

// Settled reports whether a start has come to its end, well or not.
func (s Status) Settled() bool { return s.Over() || s.State == Ready || s.State == Exited }

// Status returns what is known of every service.
func (s *Supervisor) Status() []Status {
	var all []Status
	for _, u := range s.units {
		one := Status{
			Name: u.Name, State: u.state, Restarts: u.restarts, Since: u.times.since,
			Patience: u.Service.Stop.Timeout + killWait,
		}
		if u.run != nil {
			one.Pid = u.run.Pid
		}
		if u.last.key != "" {
			one.Last = u.last.key + " " + u.last.value
		}
		all = append(all, one)
	}
	return all
}

// times is when a unit came to where it is, on the clock of console.Uptime and
// in whole milliseconds, so that the parts of a boot add up.
type times struct {
	state   State
	since   time.Duration // it has been in that state
	begun   time.Duration // it was started for the first time; 0: never
	through time.Duration // it was ready, or done, for the first time; 0: never
}

// stamp notes what has changed. It is called after every event.
func (t *times) stamp(state State) {
	if t.state == state {
		return
	}
	t.state, t.since = state, console.Uptime().Truncate(time.Millisecond)
	if t.begun == 0 && state == Starting {
		t.begun = t.since
	}
	if t.through == 0 && (state == Ready || state == Done) {
		t.through = t.since
	}
}
