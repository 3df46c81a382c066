package supervise

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/process"
)

// Errors of Stop, Start and Restart.
var (
	ErrUnknown      = errors.New("no such service")
	ErrShuttingDown = errors.New("the machine is shutting down")
	ErrHangs        = errors.New("its last process hangs in the kernel; start it again once that has exited")
)

// Stop stops a service by its stop signal and timeout. The service stays stopped until Start or
// Restart, whatever its restart policy. A service that is over stays as it is. Services that come
// after it or require it are not touched, except by stop: true.
func (s *Supervisor) Stop(name string) error {
	u, err := s.lookup(name)
	if err != nil {
		return err
	}
	u.blockedBy = ""
	if u.state.over() {
		return nil
	}
	u.again, u.timeout = false, "" // it may be stopping already, in order to fail
	if u.state != Stopping {
		s.stop(u)
	}
	return nil
}

// Start starts a service that is over, or once it has stopped, and the services that it requires. It
// resets the start limit and the backoff. A service that waits for a restart starts at once, and its
// next pause is the longer one. The order of services still applies.
func (s *Supervisor) Start(name string) error {
	u, err := s.lookup(name)
	if err == nil {
		err = s.startRequired(u)
	}
	switch {
	case err != nil:
		return err
	case u.state == Stopping:
		u.again, u.timeout = true, ""
	case u.state.over():
		return u.reset()
	case u.state == Exited:
		pause := u.pause
		err = u.reset()
		u.pause = pause
	}
	return err
}

// startRequired starts the services that u requires, unless they run.
func (s *Supervisor) startRequired(u *unit) error {
	for _, name := range u.Requires {
		other := s.byName[name]
		if other == nil || other.state == Done || !other.state.over() && other.state != Stopping {
			continue
		}
		if err := s.Start(name); err != nil {
			return &os.PathError{Op: "start required service", Path: name, Err: err}
		}
	}
	return nil
}

// Restart stops a service and starts it again, or starts a service that is over. It stops nothing if
// a service that this one requires cannot be started.
func (s *Supervisor) Restart(name string) error {
	u, err := s.lookup(name)
	if err == nil {
		err = s.startRequired(u)
	}
	if err != nil {
		return err
	}
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
	u.starts, u.pause, u.failure = nil, 0, ""
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
	Why      string        // why it waits, is not ready or has failed, or ""
	NeededBy []string      // services that require it
	Memory   process.Memory
	OOMKills int           // processes of all runs that were killed for lack of memory
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
			Name: u.Name, State: u.state, Restarts: u.restarts, Since: u.times.since, Last: u.lastExit(),
			Why: s.why(u), OOMKills: u.oomKills, StopTime: u.Service.Stop.Timeout + killWait,
		}
		if u.run != nil {
			one.Pid = u.run.Pid
		}
		all = append(all, one)
	}
	return all
}

// Details adds what takes longer to find out: the memory, and who requires each service.
func (s *Supervisor) Details(all []Status) {
	for i, u := range s.units {
		if u.run != nil {
			all[i].Memory = u.run.Cgroup.Memory()
		}
		for _, other := range s.units {
			if slices.Contains(other.Requires, u.Name) {
				all[i].NeededBy = append(all[i].NeededBy, other.Name)
			}
		}
	}
}

// why describes why a service is not ready.
func (s *Supervisor) why(u *unit) string {
	switch u.state {
	case Failed:
		return u.failure
	case Starting:
		return u.reason
	case Stopped, Stopping:
		if u.blockedBy != "" {
			return "stopped with " + u.blockedBy
		}
		return u.timeout
	case Exited:
		return "starts again in " + u.pause.String()
	case Waiting:
		return s.waitsFor(u)
	}
	return ""
}

// waitsFor names what a waiting service waits for.
func (s *Supervisor) waitsFor(u *unit) string {
	for _, name := range slices.Concat(u.Requires, u.After) {
		other := s.byName[name]
		switch {
		case other == nil && !s.reached[name]:
			return "waits for the milestone " + name
		case other != nil && !other.state.up() && (slices.Contains(u.Requires, name) || !other.state.over()):
			return "waits for " + name + ", which is " + string(other.state)
		}
	}
	if u.attempt != nil || u.deleting {
		return "waits for its last container to be deleted"
	}
	return "waits for other services to start"
}
