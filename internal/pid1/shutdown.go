package pid1

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// flushTimeout limits the wait for the last records to reach the console.
const flushTimeout = 2 * time.Second

// finalStepsTime is the part of shutdown.timeout that is reserved for the final steps: they begin
// then even if a service or the boot hangs in the kernel.
func (m *machine) finalStepsTime() time.Duration { return min(10*time.Second, m.config.Shutdown/3) }

var errShutdown = errors.New("the machine is shutting down")

// shutdownState is the state of a shutdown in progress.
type shutdownState struct {
	how        halt.How
	began      time.Time
	expired    bool // the time for the services is over
	finalSteps bool // the final steps have begun
	finished   atomic.Bool
	stopped    int
	killed     int
}

// shutdown begins a shutdown. A second request is logged and ignored. It is called on the loop.
func (m *machine) shutdown(how halt.How, cause string) {
	if m.stopping != nil {
		m.console.Log(console.Info, string(how)+" by "+cause+" ignored: a shutdown is in progress")
		return
	}
	s := &shutdownState{how: how, began: time.Now()}
	m.stopping = s
	m.phase = record.PhaseShutdown
	m.console.Emit(record.Shutdown,
		record.Field{Key: record.KeyHow, Value: string(how)}, record.Field{Key: record.KeyCause, Value: cause})
	m.cancel(errShutdown)
	if m.services != nil {
		m.services.Shutdown()
	}
	m.loop.After(m.config.Shutdown-m.finalStepsTime(), func() { s.expired = true })
	guard.Go("shutdown deadline", func() {
		time.Sleep(m.config.Shutdown)
		m.console.Log(console.Error, "shutdown timed out after "+m.config.Shutdown.String()+"; skipping the remaining steps")
		m.finish(s)
	})
}

// checkShutdown begins the final steps of a shutdown once the boot and all services have
// ended, or their time is over.
func (m *machine) checkShutdown() {
	s := m.stopping
	if s == nil || s.finalSteps {
		return
	}
	over := !m.booting && (m.services == nil || m.services.Over())
	if !over && !s.expired {
		return
	}
	s.finalSteps = true
	if m.services != nil {
		s.stopped, s.killed = m.services.Count()
	}
	guard.Go("final steps", func() {
		guard.Do("final steps", func() { m.finalSteps(s) })
		m.finish(s)
	})
}

// finalSteps runs onshutdown, kills all processes and unmounts all file systems.
func (m *machine) finalSteps(s *shutdownState) {
	ctx, cancel := context.WithDeadline(context.Background(), s.began.Add(m.config.Shutdown-m.finalStepsTime()))
	defer cancel()
	m.runOnshutdown(ctx)
	m.runScripts(ctx, "/etc/shutdown.d")
	m.containerd.Load().Stop()
	halt.KillAll(m.reaper)
	halt.Sync()
	if m.container {
		return // the mounts belong to the host
	}
	if err := halt.UnmountAll(); err != nil {
		m.console.Log(console.Warn, err.Error())
	}
}

// finish writes the last record and ends the machine, once. If reboot(2) fails a container exits with its
// PID 1, and a machine keeps running and reaping.
func (m *machine) finish(s *shutdownState) {
	if !s.finished.CompareAndSwap(false, true) {
		return
	}
	m.console.Emit(record.Bye,
		record.Field{Key: record.KeyHow, Value: string(s.how)},
		record.Field{Key: record.KeyTime, Value: milliseconds(time.Since(s.began))},
		record.Field{Key: record.KeyStopped, Value: strconv.Itoa(s.stopped)},
		record.Field{Key: record.KeyKilled, Value: strconv.Itoa(s.killed)})
	m.console.Flush(flushTimeout)
	m.watchdog.Load().End(s.how)
	err := halt.Now(s.how)
	if m.container {
		close(m.exit)
		return
	}
	m.logError(err, "the "+string(s.how)+"; reset the machine by hand")
}
