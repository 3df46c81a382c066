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
	case e.Kind == ready.Ready && u.state == Starting && !run.Ended():
		s.becameReady(u)
	case e.Kind == ready.NotReady && u.state == Starting:
		u.reason = e.Text
	case e.Kind == ready.NotReady && u.state == Ready:
		s.lostReadiness(u, e.Text)
	}
}

// becameReady makes a service ready, for the first time in its run or again.
func (s *Supervisor) becameReady(u *unit) {
	u.state, u.readyAt, u.wasReady = Ready, time.Now(), true
	took := u.readyAt.Sub(u.begun)
	if u.startTime == 0 {
		u.startTime = took
	}
	s.emit(record.Ready, u, record.KeyTime, strconv.FormatInt(took.Milliseconds(), 10))
}

// lostReadiness makes a service not ready. It keeps running, as do the services that came after
// it; services that are not started yet wait until it is ready again. The time in
// the next ready record counts from here.
func (s *Supervisor) lostReadiness(u *unit, reason string) {
	u.state, u.begun, u.reason = Starting, time.Now(), reason
	s.console.Log(console.Warn, "service "+u.Name+": not ready any more: "+reason)
}

// readyTimedOut stops a service that has not been ready within its timeout.
func (s *Supervisor) readyTimedOut(u *unit, run *container.Run) {
	if u.run != run || u.state != Starting || u.wasReady {
		return
	}
	u.timeout = "not ready within " + u.ReadyTimeout.String()
	if u.reason != "" {
		u.timeout += ": " + u.reason
	}
	s.console.Log(console.Warn, "service "+u.Name+": "+u.timeout+"; stopping it")
	u.state = Stopping
	s.signal(u)
}
