package pid1

import (
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// serviceLogs is LinuxKit's directory for the logs of services.
const serviceLogs = "/var/log"

// bootTuningTimeout ends the settings for a fast boot if services do not become ready.
const bootTuningTimeout = time.Minute

// endBootTuning ends the settings for a fast boot, and loads the modules that were
// deferred. It is called on the loop.
func (m *machine) endBootTuning() {
	if !m.container {
		early.ExpediteRCU(false)
		guard.Go("timer slack", process.RestoreTimerSlack)
		m.loadDeferredModules()
	}
}

// startServices gives the services to a supervisor.
func (m *machine) startServices(rt container.Runtime) {
	services := m.resolveServices()
	m.loop.Post(func() {
		if m.stopping != nil { // requested since the last check
			return
		}
		m.services = supervise.New(supervise.Options{
			Go: m.spawn, Loop: m.loop, Console: m.console, Runtime: rt, Reaper: m.reaper, Null: m.null,
			Environ: environ, LogDir: serviceLogs, RunDir: runDir, OnFailed: m.serviceFailed,
		}, services)
		for _, name := range config.Milestones { // all reached; containerd runs, or the image has none
			m.services.ReachMilestone(name)
		}
		m.setPhase(record.PhaseServices)
		m.reachMilestone(record.MilestoneServices)
		m.loop.After(bootTuningTimeout, m.endBootTuning)
	})
}

// resolveServices returns the services of the image with their configuration.
func (m *machine) resolveServices() []supervise.Service {
	names, err := bundle.List(bundle.Services)
	m.logError(err, "services")
	ids, err := bundle.List(bundle.Onboot)
	m.logError(err, "onboot")
	var onboot []string
	for _, id := range ids {
		onboot = append(onboot, bundle.Name(id))
	}
	resolved, problems := m.config.Resolve(onboot, names)
	m.logProblems(m.configFile, problems)
	m.loop.Post(func() {
		if m.stopping == nil { // a shutdown in progress keeps its timeout
			m.shutdownTimeout = m.config.ShutdownTimeout(resolved)
		}
	})
	var services []supervise.Service
	for _, s := range resolved {
		service := supervise.FromConfig(s, filepath.Join(bundle.Services, s.Name))
		service.Common = m.config.Env
		services = append(services, service)
	}
	return services
}
