package supervise

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// killWait is how long a process that was sent SIGKILL may take to go. One that
// hangs in the kernel is left behind.
const killWait = 2 * time.Second

// stop ends a service. One that has no process is stopped at once; one that is
// being started is when the start reports back, which the end of the
// supervisor's context hastens.
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

// signal sends the stop signal and sets the deadline. In a pid namespace of its
// own the kernel would keep the signal from a process which does not handle it,
// and all would wait for the deadline; such a process gets what the signal would
// have done to it anywhere else.
func (s *Supervisor) signal(u *unit) {
	r := u.run
	if process.Shrugs(r.Pid, u.Stop.Signal) {
		r.KillAll(r.Cgroup)
	} else {
		_ = r.Signal(u.Stop.Signal, false) // fails only when it has ended
	}
	s.loop.After(u.Stop.Timeout, func() { s.kill(u, r) })
}

// kill ends a service that did not stop in time. One that was late to be ready
// does not count as killed by whoever stops services.
func (s *Supervisor) kill(u *unit, r *container.Run) {
	if u.run != r || u.state != Stopping || r.Ended() {
		return
	}
	u.killed = u.late == ""
	reason := record.KilledStopTimeout
	if u.late != "" {
		reason = record.KilledReadyTimeout
	}
	s.console.Emit(record.Log,
		record.Field{Key: record.KeyLevel, Value: console.Warn.String()},
		record.Field{Key: record.KeyMessage, Value: "service " + u.Name + ": not stopped by " +
			process.SignalName(unix.Signal(u.Stop.Signal)) + " within " + u.Stop.Timeout.String() + "; killed"},
		record.Field{Key: record.KeyService, Value: u.Name},
		record.Field{Key: record.KeyKilled, Value: reason})
	r.KillAll(r.Cgroup)
	s.loop.After(killWait, func() {
		switch {
		case u.run != r || u.state != Stopping:
		case u.late != "" && !s.stopping:
			s.fail(u, u.late+"; it cannot be killed")
		default:
			u.state = Stopped
		}
	})
}
