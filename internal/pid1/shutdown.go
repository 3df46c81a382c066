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

// flushWait is how long the last records may take to reach the console.
const flushWait = 2 * time.Second

// reserve is what of the time for the shutdown is kept for its last steps: they
// begin then even if a service or the boot hangs in the kernel.
func (m *machine) reserve() time.Duration { return min(10*time.Second, m.config.Shutdown/3) }

var errShutdown = errors.New("the machine is shutting down")

// ending is a shutdown under way.
type ending struct {
	how     halt.How
	began   time.Time
	late    bool // the time that services have is over
	last    bool // the last steps have begun
	said    atomic.Bool
	stopped int
	killed  int
}

// shutdown begins to end the machine. It may be asked for at any moment; a
// second wish changes nothing.
func (m *machine) shutdown(how halt.How, cause string) {
	if m.ending != nil {
		m.console.Log(console.Info, "asked for "+string(how)+" by "+cause+", while a shutdown is under way")
		return
	}
	e := &ending{how: how, began: time.Now()}
	m.ending = e
	m.phase = record.PhaseShutdown
	m.console.Emit(record.Shutdown, record.Field{Key: record.KeyHow, Value: string(how)}, record.Field{Key: record.KeyCause, Value: cause})
	m.cancel(errShutdown)
	if m.services != nil {
		m.services.Shutdown()
	}
	m.loop.After(m.config.Shutdown-m.reserve(), func() { e.late = true })
	guard.Go("shutdown deadline", func() {
		time.Sleep(m.config.Shutdown)
		m.console.Log(console.Error, "the shutdown took longer than "+m.config.Shutdown.String()+"; it ends here")
		m.bye(e)
	})
}

// checkEnding begins the last steps of a shutdown, once the boot has come to
// its end and all services have, or their time is over.
func (m *machine) checkEnding() {
	e := m.ending
	if e == nil || e.last {
		return
	}
	over := !m.booting && (m.services == nil || m.services.Over())
	if !over && !e.late {
		return
	}
	e.last = true
	if m.services != nil {
		e.stopped, e.killed = m.services.Count()
	}
	guard.Go("last steps", func() {
		guard.Do("last steps", func() { m.lastSteps(e) })
		m.bye(e)
	})
}

// lastSteps runs onshutdown and then leaves nothing running and nothing mounted.
func (m *machine) lastSteps(e *ending) {
	ctx, cancel := context.WithDeadline(context.Background(), e.began.Add(m.config.Shutdown-m.reserve()))
	defer cancel()
	m.runOnshutdown(ctx)
	m.runScripts(ctx, "/etc/shutdown.d")
	m.containerd.Load().Stop()
	halt.KillAll(m.reaper)
	halt.Sync()
	if m.container {
		return // the mounts are the host's
	}
	if err := halt.UnmountAll(); err != nil {
		m.console.Log(console.Warn, err.Error())
	}
}

// bye says the last word and ends the machine. If that is refused, a container
// ends with its PID 1, and a machine stays, reaping, until somebody pulls the plug.
func (m *machine) bye(e *ending) {
	if !e.said.CompareAndSwap(false, true) {
		return
	}
	m.console.Emit(record.Bye,
		record.Field{Key: record.KeyHow, Value: string(e.how)},
		record.Field{Key: record.KeyTime, Value: milliseconds(time.Since(e.began))},
		record.Field{Key: record.KeyStopped, Value: strconv.Itoa(e.stopped)},
		record.Field{Key: record.KeyKilled, Value: strconv.Itoa(e.killed)})
	m.console.Flush(flushWait)
	m.watchdog.Load().End(e.how)
	err := halt.Now(e.how)
	if m.container {
		close(m.over)
		return
	}
	m.note(err, "an end of this machine; reset it")
}
