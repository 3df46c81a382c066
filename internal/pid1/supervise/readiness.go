package supervise

import (
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/ready"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// probeInterval is the time between two checks of a service that is ready.
const probeInterval = 5 * time.Second

// readinessChanged handles an event of a service's readiness probe.
func (s *Supervisor) readinessChanged(u *unit, run *container.Run, e ready.Event) {
	switch {
	case u.run != run:
	case e.Kind == ready.Status:
		s.console.Log(console.Debug, "service "+u.Name+": status: "+e.Text)
	case e.Kind == ready.Extend:
		s.extendDeadline(u, run, e.Time)
	case e.Kind == ready.Alive:
		u.aliveAt = time.Now()
	case e.Kind == ready.Ready && u.state == Starting && !run.Ended():
		s.becameReady(u, run)
	case e.Kind == ready.NotReady && u.state == Starting:
		u.reason = e.Text
	case e.Kind == ready.NotReady && u.state == Ready:
		s.lostReadiness(u, run, e.Text)
	}
}

// becameReady makes a service ready, for the first time in its run or again.
func (s *Supervisor) becameReady(u *unit, run *container.Run) {
	if !u.wasReady && u.Watchdog > 0 {
		u.aliveAt = time.Now()
		s.watchAlive(u, run)
	}
	u.state, u.readyAt, u.wasReady, u.deadline = Ready, time.Now(), true, time.Time{}
	took := u.readyAt.Sub(u.begun)
	if u.startTime == 0 {
		u.startTime = took
	}
	s.emit(record.Ready, u, record.KeyTime, strconv.FormatInt(took.Milliseconds(), 10))
}

// lostReadiness makes a service not ready. It keeps running, at most ReadyTimeout long if
// RestartUnready is set, as do the services that came after it; services that are not started yet
// wait until it is ready again. The time in the next ready record counts from here.
func (s *Supervisor) lostReadiness(u *unit, run *container.Run, reason string) {
	u.state, u.begun, u.reason = Starting, time.Now(), reason
	s.console.Log(console.Warn, "service "+u.Name+": not ready any more: "+reason)
	if u.RestartUnready {
		s.setDeadline(u, run, u.ReadyTimeout)
	}
}

// setDeadline stops the run of a service that is not ready within d. Its timer does nothing once the
// service was ready or has another deadline.
func (s *Supervisor) setDeadline(u *unit, run *container.Run, d time.Duration) {
	deadline := time.Now().Add(d)
	u.deadline = deadline
	s.loop.After(d, func() {
		if u.run == run && u.state == Starting && u.deadline.Equal(deadline) {
			why := "not ready within " + u.ReadyTimeout.String()
			if u.wasReady {
				why = "not ready for " + u.ReadyTimeout.String()
			}
			if u.reason != "" {
				why += ": " + u.reason
			}
			s.stopFailed(u, why)
		}
	})
}

// extendDeadline gives a service more time to be ready: at least d from now.
func (s *Supervisor) extendDeadline(u *unit, run *container.Run, d time.Duration) {
	if u.state == Starting && !u.deadline.IsZero() && u.deadline.Before(time.Now().Add(d)) {
		s.setDeadline(u, run, d)
	}
}

// watchAlive stops a service that has not fed its watchdog in time.
func (s *Supervisor) watchAlive(u *unit, run *container.Run) {
	s.loop.After(time.Until(u.aliveAt.Add(u.Watchdog)), func() {
		switch {
		case u.run != run || u.state != Ready && u.state != Starting:
		case time.Since(u.aliveAt) < u.Watchdog:
			s.watchAlive(u, run)
		default:
			s.stopFailed(u, "no WATCHDOG=1 for "+u.Watchdog.String())
		}
	})
}

// stopFailed stops a service that counts as failed when it has stopped.
func (s *Supervisor) stopFailed(u *unit, why string) {
	u.timeout = why
	s.console.Log(console.Warn, "service "+u.Name+": "+u.timeout+"; stopping it")
	u.state = Stopping
	s.signal(u)
}
