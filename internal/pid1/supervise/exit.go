package supervise

import (
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// exited handles the end of a service's process. m is the memory of its cgroup.
func (s *Supervisor) exited(u *unit, run *container.Run, m process.Memory) {
	if u.run != run {
		return
	}
	s.countKills(u, m)
	u.run = nil
	u.stopProbe()
	o := process.OutcomeOf(run.Status())
	u.lastNote = ""
	if u.runKills > 0 {
		u.lastNote = m.Cause()
	}
	if o.Key == record.KeyExit {
		o.Key = record.KeyCode
	}
	s.ended(u, o)
}

// countKills adds the processes that the kernel has killed for lack of memory in the current run.
func (s *Supervisor) countKills(u *unit, m process.Memory) {
	more := m.Kills - u.runKills
	if more <= 0 {
		return
	}
	u.runKills, u.oomKills = m.Kills, u.oomKills+more
	s.console.Emit(record.Log,
		record.Field{Key: record.KeyLevel, Value: console.Warn.String()},
		record.Field{Key: record.KeyMessage, Value: "service " + u.Name + ": killed: " + m.Cause()},
		record.Field{Key: record.KeyService, Value: u.Name},
		record.Field{Key: record.KeyOOM, Value: strconv.Itoa(more)})
}

// ended sets the next state of a service that has ended or could not be started.
func (s *Supervisor) ended(u *unit, o process.Outcome) {
	pairs := []string{o.Key, o.Value, record.KeyRestarts, strconv.Itoa(u.restarts)}
	if u.runKills > 0 {
		pairs = append(pairs, record.KeyOOM, strconv.Itoa(u.runKills))
	}
	if !o.Success() && !s.frozen {
		pairs = append(pairs, record.KeyTail, u.tail())
	}
	s.emit(record.Exited, u, pairs...)
	u.last = o
	if u.state == Ready && time.Since(u.readyAt) >= backoffReset {
		u.pause = 0
	}
	reason := u.lastExit()
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
	u.state, u.failure = Failed, reason
	s.emit(record.Failed, u, record.KeyReason, reason, record.KeyTail, u.tail())
	if s.onFailed != nil {
		s.onFailed(u.Name, reason)
	}
}

// lastExit describes how the previous run ended, or "".
func (u *unit) lastExit() string {
	switch {
	case u.last.Key == "":
		return ""
	case u.lastNote != "":
		return u.last.String() + ": " + u.lastNote
	}
	return u.last.String()
}

func (u *unit) tail() string { return u.job.Tail.Lines(record.TailLines, record.TailBytes) }

// scheduleRestart begins the pause before the next start, once the last container is deleted.
func (s *Supervisor) scheduleRestart(u *unit) {
	if u.state != Exited {
		return
	}
	u.pause = u.Backoff.next(u.pause)
	number := u.attempts // an operator may start the service during the pause, and it may end again
	s.loop.After(u.pause, func() {
		if u.state == Exited && u.attempts == number {
			u.restarts++
			u.state = Waiting
		}
	})
}
