package supervise

import (
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// exited handles the end of a service's process.
func (s *Supervisor) exited(u *unit, run *container.Run) {
	if u.run != run {
		return
	}
	u.run = nil
	u.stopProbe()
	o := process.OutcomeOf(run.Status())
	if o.Key == record.KeyExit {
		o.Key = record.KeyCode
	}
	s.ended(u, o)
}

// ended sets the next state of a service that has ended or could not be started.
func (s *Supervisor) ended(u *unit, o process.Outcome) {
	pairs := []string{o.Key, o.Value, record.KeyRestarts, strconv.Itoa(u.restarts)}
	if !o.Success() && !s.frozen {
		pairs = append(pairs, record.KeyTail, u.tail())
	}
	s.emit(record.Exited, u, pairs...)
	u.last = o
	if u.state == Ready && time.Since(u.readyAt) >= backoffReset {
		u.pause = 0
	}
	reason := o.String()
	if u.timeout != "" {
		reason = u.timeout
	}
	switch {
	case u.state == Failed: // it hung in the kernel until now
	case u.state == Stopping && u.timeout == "" || u.state == Stopped || s.frozen:
		u.state = Stopped
		u.finishRestart()
	case o.Success() && u.timeout == "" && u.Restart != Always:
		u.state = Done
	case u.Restart == Never:
		s.fail(u, reason)
	case u.StartLimit.reached(u.starts, time.Now()):
		s.fail(u, reason+"; started "+strconv.Itoa(u.StartLimit.Burst)+" times within "+u.StartLimit.Interval.String())
	default:
		u.state = Exited
	}
}

// fail makes a service failed, with its reason and last output in the record.
func (s *Supervisor) fail(u *unit, reason string) {
	u.state = Failed
	s.emit(record.Failed, u, record.KeyReason, reason, record.KeyTail, u.tail())
	if s.onFailed != nil {
		s.onFailed(u.Name, reason)
	}
}

func (u *unit) tail() string { return u.job.Tail.Lines(record.TailLines, record.TailBytes) }

// scheduleRestart begins the pause before the next start, once the last container is deleted.
func (s *Supervisor) scheduleRestart(u *unit) {
	if u.state != Exited {
		return
	}
	u.pause = u.Backoff.next(u.pause)
	s.loop.After(u.pause, func() {
		if u.state == Exited {
			u.restarts++
			u.state = Waiting
		}
	})
}
