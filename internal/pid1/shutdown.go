package pid1

import (
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

// Budgets of the stages of a shutdown, so that none takes time from another. Services have
// shutdown.timeout, and the steps that save data those of package halt.
const (
	bootEndBudget    = 15 * time.Second // for a boot in progress to end
	onshutdownBudget = 30 * time.Second // of all onshutdown containers and scripts
	processBudget    = 15 * time.Second // to stop containerd and kill all processes
	stageMargin      = 5 * time.Second  // after which a stage that hangs is abandoned
)

var errShutdown = errors.New("the machine is shutting down")

// shutdownState is the state of a shutdown in progress.
type shutdownState struct {
	how      halt.How
	began    time.Time
	finished atomic.Bool
	stopped  atomic.Int32 // services
	killed   atomic.Int32
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
		m.services.Freeze()
	}
	guard.Go("shutdown", func() {
		guard.Do("shutdown", func() { m.shutdownSequence(s) })
		m.finish(s)
	})
}

// shutdownSequence runs the stages of a shutdown one after another, in its own goroutine: onshutdown
// while the services run, as in LinuxKit, or after them; services; all other processes; data.
func (m *machine) shutdownSequence(s *shutdownState) {
	m.waitUntil(func() bool { return !m.booting }, bootEndBudget)
	if !m.config.Shutdown.AfterServices {
		m.runOnshutdown()
	}
	m.stage("services", m.shutdownTimeout+stageMargin, func() { m.stopServices(s) })
	if m.config.Shutdown.AfterServices {
		m.runOnshutdown()
	}
	m.stage("processes", processBudget, func() {
		m.containerd.Load().Stop()
		halt.KillAll(m.reaper)
	})
	closeData := halt.Close
	if m.container { // the mounts belong to the host
		closeData = halt.Sync
	}
	if err := closeData(); err != nil {
		m.console.Log(console.Warn, err.Error())
	}
}

// stage runs a stage of the shutdown, and abandons it if it hangs.
func (m *machine) stage(name string, budget time.Duration, fn func()) {
	if !guard.Within(budget, name, fn) {
		m.console.Log(console.Error, "shutdown: "+name+": timed out after "+budget.String()+"; continuing")
	}
}

// stopServices stops all services, and counts them.
func (m *machine) stopServices(s *shutdownState) {
	m.loop.Post(func() {
		if m.services != nil {
			m.services.Shutdown()
		}
	})
	over := func() bool { return m.services == nil || m.services.Over() }
	if !m.waitUntil(over, m.shutdownTimeout) {
		m.console.Log(console.Error, "shutdown: services did not stop within "+m.shutdownTimeout.String()+"; they are killed")
	}
	counted := make(chan struct{})
	m.loop.Post(func() {
		defer close(counted)
		if m.services != nil {
			stopped, killed := m.services.Count()
			s.stopped.Store(int32(stopped))
			s.killed.Store(int32(killed))
		}
	})
	<-counted
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
		record.Field{Key: record.KeyStopped, Value: strconv.Itoa(int(s.stopped.Load()))},
		record.Field{Key: record.KeyKilled, Value: strconv.Itoa(int(s.killed.Load()))})
	m.console.Flush(flushTimeout)
	m.watchdog.Load().End(s.how)
	err := halt.Now(s.how)
	if m.container {
		close(m.exit)
		return
	}
	m.logError(err, "the "+string(s.how)+"; reset the machine by hand")
}
