package supervise

import (
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/ready"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

var errPanic = errors.New("starting it panicked; that is a fault of this init")

// start starts a service in a goroutine, which always reports back, even when
// it panics.
func (s *Supervisor) start(u *unit) {
	u.state, u.begun, u.readiness = Starting, time.Now(), readiness{}
	u.starts = append(u.starts, u.begun)
	u.forget()
	s.starts++
	guard.Go("start of "+u.Name, func() {
		var r *container.Run
		var p *ready.Proof
		err := errPanic
		guard.Do("start of "+u.Name, func() { r, p, err = s.launch(u) })
		s.loop.Post(func() { s.started(u, r, p, err) })
	})
}

func (s *Supervisor) started(u *unit, r *container.Run, p *ready.Proof, err error) {
	s.starts--
	if err != nil {
		if refused(err) {
			u.starts = u.starts[:max(0, len(u.starts)-1)]
		}
		s.ended(u, outcome{key: record.KeyError, value: err.Error()})
		s.rest(u)
		return
	}
	u.run, u.known = r, true
	s.emit(record.Starting, u, record.KeyPid, strconv.Itoa(r.Pid))
	s.watch(u, r)
	s.follow(u, r, p)
	if u.state == Stopping { // asked for while it was being started
		s.signal(u)
	}
}

// refused reports whether the kernel had nothing left to start a service with. That is
// somebody else's doing, and no reason to give this one up.
func refused(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOMEM) }

// watch waits for the end of a process, tells it, and then clears up. The wait
// has no deadline: it is as long as the service lives.
func (s *Supervisor) watch(u *unit, r *container.Run) {
	guard.Go("watch of "+u.Name, func() {
		<-r.Done()
		guard.Do("last words of "+u.Name, r.Drain)
		s.loop.Post(func() { s.exited(u, r) })
		if s.ctx.Err() == nil { // when the machine goes down all are killed anyway
			// If it cannot be deleted the next start fails and says why.
			guard.Do("clearing up "+u.Name, func() { _ = u.job.Delete(s.ctx, s.runtime) })
		}
		s.loop.Post(func() {
			u.known = false
			s.rest(u)
		})
	})
}

func (s *Supervisor) emit(event string, u *unit, pairs ...string) {
	fields := []record.Field{{Key: record.KeyService, Value: u.Name}}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields = append(fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	s.console.Emit(event, fields...)
}
