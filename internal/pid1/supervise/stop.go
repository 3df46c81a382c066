package supervise

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// killWait limits the wait for a process after SIGKILL. A process that hangs in the kernel
// is abandoned.
const killWait = 2 * time.Second

// stop stops a service: at once if it has no process, and when its start returns if it is being
// started (the end of the context makes that soon).
func (s *Supervisor) stop(u *unit) {
	if u.state == Waiting || u.state == Exited {
		u.state = Stopped
		return
	}
	u.state = Stopping
	if u.run != nil {
		s.signal(u)
	}
}

// signal sends the stop signal and sets the deadline. A process in its own pid namespace
// that does not handle the signal would ignore it until the deadline, so it is killed, as the
// signal would do outside of the namespace.
func (s *Supervisor) signal(u *unit) {
	run := u.run
	if process.IgnoresSignal(run.Pid, u.Stop.Signal) {
		run.KillAll(run.Cgroup)
	} else {
		_ = run.Signal(u.Stop.Signal, false) // fails only if it has exited
	}
	s.loop.After(u.Stop.Timeout, func() { s.kill(u, run) })
}

// kill kills a service that did not stop in time. A service that is stopped because it was not
// ready in time does not count as killed.
func (s *Supervisor) kill(u *unit, run *container.Run) {
	if u.run != run || u.state != Stopping || run.Ended() {
		return
	}
	u.killed = u.timeout == ""
	reason := record.KilledStopTimeout
	if u.timeout != "" {
		reason = record.KilledReadyTimeout
	}
	signal := process.SignalName(unix.Signal(u.Stop.Signal))
	s.console.Emit(record.Log,
		record.Field{Key: record.KeyLevel, Value: console.Warn.String()},
		record.Field{
			Key:   record.KeyMessage,
			Value: "service " + u.Name + ": not stopped by " + signal + " within " + u.Stop.Timeout.String() + "; killed",
		},
		record.Field{Key: record.KeyService, Value: u.Name},
		record.Field{Key: record.KeyKilled, Value: reason})
	run.KillAll(run.Cgroup)
	s.loop.After(killWait, func() {
		switch {
		case u.run != run || u.state != Stopping:
		case u.timeout != "" && !s.stopping:
			s.fail(u, u.timeout+"; its process cannot be killed")
		default:
			u.state = Stopped
		}
	})
}
