package supervise

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/ready"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// steadyPause is the time between two questions to a service that is ready.
const steadyPause = 5 * time.Second

// readiness is what one run of a service has proven.
type readiness struct {
	proven  bool   // it was ready
	missing string // why it is not
	late    string // it was not ready in time, and why; it is stopped and has failed
}

// launch starts a service with what it needs to prove that it is ready. It runs
// in the goroutine of a start.
func (s *Supervisor) launch(u *unit) (r *container.Run, p *ready.Proof, err error) {
	m := s.means
	m.Settle, m.Socket = u.Settle, filepath.Join(u.job.RunDir, u.Name+".notify")
	if p, err = ready.Prepare(u.Ready, m); err != nil {
		return nil, nil, err
	}
	defer func() {
		p.Started()
		if r == nil {
			p.Close()
		}
	}()
	u.job.Mark, u.job.Files, u.job.Notify = p.Mark, p.Files(), p.Socket
	r, err = u.job.Start(s.ctx, s.runtime)
	return r, p, err
}

// follow hears of the service's readiness for as long as the run lasts.
func (s *Supervisor) follow(u *unit, r *container.Run, p *ready.Proof) {
	ctx, cancel := context.WithCancel(s.ctx)
	u.unfollow = cancel
	guard.Go("readiness of "+u.Name, func() {
		p.Follow(ctx, r.Pid, func(n ready.News) { s.loop.Post(func() { s.heard(u, r, n) }) })
	})
	s.loop.After(u.ReadyTimeout, func() { s.overdue(u, r) })
}

// heard takes what a service tells, or is found out about it.
func (s *Supervisor) heard(u *unit, r *container.Run, n ready.News) {
	switch {
	case u.run != r:
	case n.Kind == ready.Status:
		s.console.Log(console.Debug, "service "+u.Name+" says: "+n.Text)
	case n.Kind == ready.Proven && u.state == Starting && !r.Ended():
		s.proven(u)
	case n.Kind == ready.Missed && u.state == Starting:
		u.missing = n.Text
	case n.Kind == ready.Missed && u.state == Ready:
		s.lost(u, n.Text)
	}
}

// proven makes a service ready, for the first time in its run or again.
func (s *Supervisor) proven(u *unit) {
	u.state, u.readyAt, u.readiness.proven = Ready, time.Now(), true
	took := u.readyAt.Sub(u.begun)
	if u.took == 0 {
		u.took = took
	}
	s.emit(record.Ready, u, record.KeyTime, strconv.FormatInt(took.Milliseconds(), 10))
}

// lost takes the readiness of a service away. It goes on, as do those that came
// after it; what is still to be started waits until it is ready again. That
// record's time counts from here.
func (s *Supervisor) lost(u *unit, why string) {
	u.state, u.begun, u.missing = Starting, time.Now(), why
	s.console.Log(console.Warn, "service "+u.Name+": not ready any more: "+why)
}

// overdue ends a service that has not become ready in time.
func (s *Supervisor) overdue(u *unit, r *container.Run) {
	if u.run != r || u.state != Starting || u.readiness.proven {
		return
	}
	u.late = "not ready within " + u.ReadyTimeout.String()
	if u.missing != "" {
		u.late += ": " + u.missing
	}
	s.console.Log(console.Warn, "service "+u.Name+": "+u.late+"; it is stopped")
	u.state = Stopping
	s.signal(u)
}
