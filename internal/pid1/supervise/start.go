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

var (
	errPanic       = errors.New("panic during the start; this is a bug in linuxkit-init")
	errLaunchHangs = errors.New("the start hangs; a mount, a log or a program is on a file system that does not answer")
)

// Limits of one start, beside those of the runtime: bundles are mounted, logs are opened and
// programs are executed on file systems that may not answer.
const (
	slotTime    = 10 * time.Second // after which a start does not delay others
	launchLimit = 2 * time.Minute  // after which a service has failed
)

// attempt is a start in progress.
type attempt struct {
	hasSlot   bool // counts in Supervisor.starts
	abandoned bool // it hangs; its result is not used
}

// start starts a service in a goroutine, which then follows its readiness. The goroutine
// always posts a result, even after a panic, unless the start hangs.
func (s *Supervisor) start(u *unit) {
	a := &attempt{hasSlot: true}
	u.state, u.begun, u.readiness, u.attempt = Starting, time.Now(), readiness{}, a
	u.attempts++
	u.starts = append(u.starts, u.begun)
	u.trimStarts()
	s.starts++
	s.loop.After(slotTime, func() { s.releaseSlot(a) })
	s.loop.After(launchLimit, func() {
		if u.attempt == a && !a.abandoned {
			a.abandoned = true
			s.ended(u, process.ErrorOutcome(errLaunchHangs))
		}
	})
	s.spawn("start of "+u.Name, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var run *container.Run
		var probe *ready.Probe
		err := errPanic
		guard.Do("start of "+u.Name, func() { run, probe, err = s.launch(ctx, u) })
		s.loop.Post(func() { s.started(u, a, run, cancel, err) })
		if err == nil {
			probe.Follow(ctx, run.Pid, func(e ready.Event) {
				s.loop.Post(func() { s.readinessChanged(u, run, e) })
			})
		}
	})
}

// releaseSlot lets another service start.
func (s *Supervisor) releaseSlot(a *attempt) {
	if a.hasSlot {
		a.hasSlot = false
		s.starts--
	}
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
func (s *Supervisor) started(u *unit, a *attempt, run *container.Run, stopProbe context.CancelFunc, err error) {
	s.releaseSlot(a)
	u.attempt = nil
	if a.abandoned {
		s.discard(u, run, stopProbe)
		return
	}
	if err != nil {
		if outOfResources(err) {
			u.starts = u.starts[:max(0, len(u.starts)-1)]
		}
		s.ended(u, process.ErrorOutcome(err))
		s.scheduleRestart(u)
		return
	}
	u.run, u.deleting, u.stopProbe, u.runKills = run, true, stopProbe, 0
	s.watchMemory(u, run)
	s.emit(record.Starting, u, record.KeyPid, strconv.Itoa(run.Pid))
	s.watch(u, run)
	s.setDeadline(u, run, u.ReadyTimeout)
	if u.state == Stopping { // requested during the start
		s.signal(u)
	}
}

// memoryInterval is the interval at which the kills in a service's cgroup are counted.
const memoryInterval = 5 * time.Second

// watchMemory counts the processes of a run that the kernel kills for lack of memory.
func (s *Supervisor) watchMemory(u *unit, run *container.Run) {
	if run.Cgroup == "" {
		return
	}
	s.loop.After(memoryInterval, func() {
		if u.run == run {
			s.countKills(u, run.Cgroup.Memory())
			s.watchMemory(u, run)
		}
	})
}

// discard ends what an abandoned start has started.
func (s *Supervisor) discard(u *unit, run *container.Run, stopProbe context.CancelFunc) {
	if run == nil {
		s.scheduleRestart(u)
		return
	}
	stopProbe()
	u.deleting = true
	run.KillAll(run.Cgroup)
	s.watch(u, run)
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
		run.WaitStop()
		memory := run.Cgroup.Memory() // before the container is deleted
		guard.Do("last output of "+u.Name, run.Drain)
		s.loop.Post(func() { s.exited(u, run, memory) })
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
