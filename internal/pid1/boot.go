package pid1

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
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
		m.watchdog.Store(watchdog.Start(m.watchdogConfig(), m.loop, m.console.Log)) // its driver may be a module
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

// watchdogConfig returns the configuration of the watchdog. Without one the first device is used, if
// the machine has it and no container is given a watchdog.
func (m *machine) watchdogConfig() config.Watchdog {
	c := m.config.Watchdog
	switch {
	case c.Device == config.Off:
		c.Device = ""
	case c.Device == "":
		if _, err := os.Stat(watchdog.Device); err == nil && !containersUse(watchdog.Device) {
			c.Device = watchdog.Device
			m.console.Log(console.Info, "watchdog: "+c.Device+" is fed every "+c.Interval.String()+"; watchdog: {device: off} leaves it alone")
		}
	}
	return c
}

// containersUse reports whether a container is given a device whose path begins with prefix, or may
// be: its config.json cannot be read.
func containersUse(prefix string) bool {
	for _, section := range []string{bundle.Onboot, bundle.Services, bundle.Onshutdown} {
		names, err := bundle.List(section)
		if err != nil {
			return true
		}
		for _, name := range names {
			if c, err := bundle.ReadConfig(filepath.Join(section, name)); err != nil || c.HasDevice(prefix) {
				return true
			}
		}
	}
	return false
}

// endStage records the time of a stage of the boot, and its milestone.
func (m *machine) endStage(name string, since *time.Duration) {
	m.endSpan(name, since)
	m.loop.Post(func() { m.reachMilestone(name) })
}
