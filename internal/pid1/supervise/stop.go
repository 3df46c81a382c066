package supervise

import (
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/guard"
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
		return
	}
	a := u.attempt
	s.loop.After(u.Stop.Timeout, func() {
		if u.state == Stopping && u.attempt == a && a != nil && !a.abandoned {
			a.abandoned = true // the start hangs
			s.ended(u, process.ErrorOutcome(errLaunchHangs))
		}
	})
}

// signal sends the stop signal to the processes of a service, and kills those that do not stop in
// time. It waits in a goroutine, which is not bound to the boot: a shutdown ends that.
func (s *Supervisor) signal(u *unit) {
	run, stop := u.run, u.Stop
	ended := run.BeginStop()
	guard.Go("stop of "+u.Name, func() {
		defer ended()
		guard.Do("stop of "+u.Name, func() {
			if left := run.Stop(stop); left != "" {
				s.loop.Post(func() { s.kill(u, run, left) })
				run.KillAll(run.Cgroup)
			}
		})
	})
}

// kill handles the kill of a service that did not stop in time. A service that is stopped because
// it was not ready in time does not count as killed.
func (s *Supervisor) kill(u *unit, run *container.Run, left string) {
	if u.run != run || u.state != Stopping {
		return
	}
	u.killed = u.timeout == ""
	reason := record.KilledStopTimeout
	if u.timeout != "" {
		reason = record.KilledReadyTimeout
	}
	signal := process.SignalName(u.Stop.Signal)
	s.console.Emit(record.Log,
		record.Field{Key: record.KeyLevel, Value: console.Warn.String()},
		record.Field{
			Key:   record.KeyMessage,
			Value: "service " + u.Name + ": not stopped by " + signal + " within " + u.Stop.Timeout.String() + "; killed",
		},
		record.Field{Key: record.KeyService, Value: u.Name},
		record.Field{Key: record.KeyKilled, Value: reason},
		record.Field{Key: record.KeyProcesses, Value: left})
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
