package supervise

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/ready"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

var errPanic = errors.New("panic during the start; this is a bug in linuxkit-init")

// start starts a service in a goroutine, which then follows its readiness. The goroutine
// always posts a result, even after a panic.
func (s *Supervisor) start(u *unit) {
	u.state, u.begun, u.readiness = Starting, time.Now(), readiness{}
	u.starts = append(u.starts, u.begun)
	u.trimStarts()
	s.starts++
	s.spawn("start of "+u.Name, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var run *container.Run
		var probe *ready.Probe
		err := errPanic
		guard.Do("start of "+u.Name, func() { run, probe, err = s.launch(ctx, u) })
		s.loop.Post(func() { s.started(u, run, cancel, err) })
		if err == nil {
			probe.Follow(ctx, run.Pid, func(e ready.Event) {
				s.loop.Post(func() { s.readinessChanged(u, run, e) })
			})
		}
	})
}

// launch starts a service with the sockets and descriptors of its readiness probe.
func (s *Supervisor) launch(ctx context.Context, u *unit) (run *container.Run, probe *ready.Probe, err error) {
	env := s.probes
	env.MinUptime, env.Socket = u.MinUptime, filepath.Join(u.job.RunDir, u.Name+".notify")
	if probe, err = ready.Prepare(u.Ready, env); err != nil {
		return nil, nil, err
	}
	defer func() {
		probe.Started()
		if run == nil {
			probe.Close()
		}
	}()
	u.job.Matcher, u.job.Files, u.job.Notify = probe.Matcher, probe.Files(), probe.Socket
	run, err = u.job.Start(ctx, s.runtime)
	return run, probe, err
}

// started handles the result of a start.
func (s *Supervisor) started(u *unit, run *container.Run, stopProbe context.CancelFunc, err error) {
	s.starts--
	if err != nil {
		if outOfResources(err) {
			u.starts = u.starts[:max(0, len(u.starts)-1)]
		}
		s.ended(u, process.ErrorOutcome(err))
		s.scheduleRestart(u)
		return
	}
	u.run, u.deleting, u.stopProbe = run, true, stopProbe
	s.emit(record.Starting, u, record.KeyPid, strconv.Itoa(run.Pid))
	s.watch(u, run)
	s.loop.After(u.ReadyTimeout, func() { s.readyTimedOut(u, run) })
	if u.state == Stopping { // requested during the start
		s.signal(u)
	}
}

// outOfResources reports whether the kernel had no process or memory for a start. Other
// services have used them up, so such a start does not count for the start limit.
func outOfResources(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOMEM)
}

// watch waits for the end of a run, without a deadline, and deletes its container.
func (s *Supervisor) watch(u *unit, run *container.Run) {
	s.spawn("watch of "+u.Name, func(ctx context.Context) {
		<-run.Done()
		guard.Do("last output of "+u.Name, run.Drain)
		s.loop.Post(func() { s.exited(u, run) })
		if ctx.Err() == nil { // a shutdown kills all processes anyway
			// If the delete fails the next start fails, with the reason.
			guard.Do("delete of "+u.Name, func() { _ = u.job.Delete(ctx, s.runtime) })
		}
		s.loop.Post(func() {
			u.deleting = false
			s.scheduleRestart(u)
		})
	})
}

// emit writes a record of a service with pairs of keys and values.
func (s *Supervisor) emit(event string, u *unit, pairs ...string) {
	fields := []record.Field{{Key: record.KeyService, Value: u.Name}}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields = append(fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	s.console.Emit(event, fields...)
}
