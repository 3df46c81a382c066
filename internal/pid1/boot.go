package pid1

import (
	"context"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/watchdog"
)

// threads is the number of threads that PID 1 reserves: twice the most that a machine with some
// services was observed to use.
const threads = 16

// bootSequence boots the machine up to the start of the services, in its own goroutine. ctx ends
// when a shutdown is requested.
func (m *machine) bootSequence(ctx context.Context) {
	began := m.origin
	m.endSpan("kernel", &began)
	o := m.earlyBoot()
	process.ProtectFromOOM()
	guard.Reserve(threads)
	m.serveControl()
	m.endStage(record.MilestoneEarly, &began)
	if !m.container {
		m.execInit(o)
		m.loadModules()
		m.watchdog.Store(watchdog.Start(m.config.Watchdog, m.loop, m.console.Log)) // its driver may be a module
		m.endStage(record.MilestoneModules, &began)
	}
	m.setUpSystem(ctx)
	m.endSpan("system", &began)
	if !m.runOnboot(ctx, &began) {
		return
	}
	m.loop.Post(func() {
		m.reachMilestone(record.MilestoneNetwork)
		m.reachMilestone(record.MilestoneOnboot)
	})
	m.startServices(m.serviceRuntime(ctx, &began))
}

// endStage records the time of a stage of the boot, and its milestone.
func (m *machine) endStage(name string, since *time.Duration) {
	m.endSpan(name, since)
	m.loop.Post(func() { m.reachMilestone(name) })
}
