package supervise

import (
	"errors"
	"time"
)

// Errors of Stop, Start and Restart.
var (
	ErrUnknown      = errors.New("no such service")
	ErrShuttingDown = errors.New("the machine is shutting down")
	ErrHangs        = errors.New("its last process hangs in the kernel; start it again once that has exited")
)

// Stop stops a service by its stop signal and timeout. The service stays stopped until Start or
// Restart, whatever its restart policy. A service that is over stays as it is. Services that come
// after it or require it are not touched.
func (s *Supervisor) Stop(name string) error {
	u, err := s.lookup(name)
	if err != nil || u.state.over() {
		return err
	}
	u.again, u.timeout = false, "" // it may be stopping already, in order to fail
	if u.state != Stopping {
		s.stop(u)
	}
	return nil
}

// Start starts a service that is over, or once it has stopped. It resets the start limit and the
// backoff: a service that waits for a restart starts at once. The order of services still applies.
func (s *Supervisor) Start(name string) error {
	u, err := s.lookup(name)
	switch {
	case err != nil:
		return err
	case u.state == Stopping:
		u.again, u.timeout = true, ""
	case u.state.over() || u.state == Exited:
		return u.reset()
	}
	return nil
}

// Restart stops a service and starts it again, or starts a service that is over.
func (s *Supervisor) Restart(name string) error {
	if err := s.Stop(name); err != nil {
		return err
	}
	return s.Start(name)
}

// lookup returns the service name, unless the machine is shutting down.
func (s *Supervisor) lookup(name string) (*unit, error) {
	u := s.byName[name]
	switch {
	case u == nil:
		return nil, ErrUnknown
	case s.frozen:
		return nil, ErrShuttingDown
	}
	return u, nil
}

// reset makes a unit wait for its start, with the start limit and the backoff reset.
func (u *unit) reset() error {
	if u.run != nil || u.attempt != nil {
		return ErrHangs
	}
	u.state, u.again, u.killed = Waiting, false, false
	u.starts, u.pause = nil, 0
	return nil
}

// finishRestart resets a unit that has stopped and is to be started again.
func (u *unit) finishRestart() {
	if u.state == Stopped && u.again {
		_ = u.reset() // its process has exited
	}
}

// Status is the state of a service for an operator.
type Status struct {
	Name     string
	State    State
	Pid      int // 0 without a process
	Restarts int
	Since    time.Duration // when it entered the state, on the clock of console.Uptime
	Last     string        // outcome of the previous run, or ""
	StopTime time.Duration // upper bound of a stop
}

// Over reports whether the state changes only by Start or Restart.
func (s Status) Over() bool { return s.State.over() }

// Up reports whether the service is ready or done.
func (s Status) Up() bool { return s.State.up() }

// StartFinished reports whether a start has succeeded or failed.
func (s Status) StartFinished() bool { return s.Over() || s.State == Ready || s.State == Exited }

// Status returns the status of every service.
func (s *Supervisor) Status() []Status {
	var all []Status
	for _, u := range s.units {
		one := Status{
			Name: u.Name, State: u.state, Restarts: u.restarts, Since: u.times.since,
			StopTime: u.Service.Stop.Timeout + killWait,
		}
		if u.run != nil {
			one.Pid = u.run.Pid
		}
		if u.last.Key != "" {
			one.Last = u.last.String()
		}
		all = append(all, one)
	}
	return all
}
