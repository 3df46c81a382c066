package pid1

import (
	"context"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/watchdog"
)

// threads is how many PID 1 makes for when no more can be had: twice as many as
// a machine with some services was ever seen to use.
const threads = 16

// bootSequence takes the machine from the kernel's hands to running services.
// It runs in a goroutine of its own; ctx ends when a shutdown is asked for.
func (m *machine) bootSequence(ctx context.Context) {
	began := m.origin
	m.markTime("kernel", &began)
	o := m.earlyBoot()
	process.SpareFromOOM()
	guard.Reserve(threads)
	m.serveOperator()
	m.passed(record.MilestoneEarly, &began)
	if !m.container {
		m.runInstead(o)
		m.loadModules()
		m.watchdog.Store(watchdog.Start(m.config.Watchdog, m.loop, m.console.Log)) // its driver may be a module
		m.passed(record.MilestoneModules, &began)
	}
	m.system(ctx)
	m.markTime("system", &began)
	if !m.runOnboot(ctx, &began) {
		return
	}
	m.loop.Post(func() {
		m.reach(record.MilestoneNetwork)
		m.reach(record.MilestoneOnboot)
	})
	m.startServices(m.serviceRuntime(ctx, &began))
}

// passed announces a milestone and notes the time since the one before.
func (m *machine) passed(name string, since *time.Duration) {
	m.markTime(name, since)
	m.loop.Post(func() { m.reach(name) })
}
