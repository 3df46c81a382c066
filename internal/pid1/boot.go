package pid1

import (
	"context"
	"runtime"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/watchdog"
)

// bootSequence takes the machine from the kernel's hands to running services.
// It runs in a goroutine of its own; ctx ends when a shutdown is asked for.
func (m *machine) bootSequence(ctx context.Context) {
	began := m.origin
	m.markTime("kernel", &began)
	o := m.earlyBoot()
	process.SpareFromOOM()
	m.serveOperator()
	m.passed(milestoneEarly, &began)
	if !m.container {
		m.runInstead(o)
		m.loadModules()
		m.watchdog.Store(watchdog.Start(m.config.Watchdog, m.loop, m.console.Log)) // its driver may be a module
		runtime.GC()                                                               // the index of modules is the largest thing PID 1 ever holds
		m.passed(milestoneModules, &began)
	}
	m.system(ctx)
	m.markTime("system", &began)
	if !m.runOnboot(ctx, &began) {
		return
	}
	m.loop.Post(func() {
		m.reach(milestoneNetwork)
		m.reach(milestoneOnboot)
	})
	m.startServices()
}

// passed announces a milestone and notes the time since the one before.
func (m *machine) passed(name string, since *time.Duration) {
	m.markTime(name, since)
	m.loop.Post(func() { m.reach(name) })
}
