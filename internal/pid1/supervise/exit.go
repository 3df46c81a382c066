package supervise

import (
	"strconv"
	"syscall"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// outcome is how a run ended: by record.KeyCode, KeySignal or KeyError (it never ran).
type outcome struct{ key, value string }

func outcomeOf(status syscall.WaitStatus) outcome {
	key, value := process.Outcome(status)
	if key == record.KeyExit {
		key = record.KeyCode
	}
	return outcome{key, value}
}

func (o outcome) well() bool { return o.key == record.KeyCode && o.value == "0" }

// exited takes the end of a service's process.
func (s *Supervisor) exited(u *unit, r *container.Run) {
	if u.run != r {
		return
	}
	u.run = nil
	u.unfollow()
	s.ended(u, outcomeOf(r.Status()))
}

// ended decides what becomes of a service that has ended, or could not be started.
func (s *Supervisor) ended(u *unit, o outcome) {
	told := []string{o.key, o.value, record.KeyRestarts, strconv.Itoa(u.restarts)}
	if !o.well() && !s.stopping {
		told = append(told, record.KeyTail, u.job.Tail.Lines(record.TailLines, record.TailBytes))
	}
	s.emit(record.Exited, u, told...)
	u.last = o
	if u.state == Ready && time.Since(u.readyAt) >= steady {
		u.pause = 0
	}
	reason := o.key + " " + o.value
	if u.late != "" {
		reason = u.late
	}
	switch {
	case u.state == Failed: // given up already: it hung in the kernel
	case u.state == Stopping && u.late == "" || u.state == Stopped || s.stopping: // stopped already: it hung in the kernel
		u.state = Stopped
		u.restarted()
	case o.well() && u.late == "" && u.Restart != Always:
		u.state = Done
	case u.Restart == Never:
		s.fail(u, reason)
	case u.StartLimit.reached(u.starts, time.Now()):
		s.fail(u, reason+"; started "+strconv.Itoa(u.StartLimit.Burst)+" times within "+u.StartLimit.Interval.String())
	default:
		u.state = Exited
	}
}

// fail gives a service up, loudly: with the reason and its last words.
func (s *Supervisor) fail(u *unit, reason string) {
	u.state = Failed
	s.emit(record.Failed, u, record.KeyReason, reason, record.KeyTail, u.job.Tail.Lines(record.TailLines, record.TailBytes))
	if s.gaveUp != nil {
		s.gaveUp(u.Name, reason)
	}
}

// rest begins the pause before the next start, when all of the last one is cleared up.
func (s *Supervisor) rest(u *unit) {
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
