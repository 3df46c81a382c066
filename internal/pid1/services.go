package pid1

import (
	"path/filepath"
	"slices"
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

// hurryFor is how long a boot is in a hurry for services that do not become ready.
const hurryFor = time.Minute

// calm ends the kernel's hurry, and ours.
func (m *machine) calm() {
	if !m.container {
		early.ExpediteRCU(false)
		guard.Go("slack", process.Tighten)
		m.loadLater()
	}
}

// startServices hands the services to a supervisor on the loop.
func (m *machine) startServices(rt container.Runtime) {
	services := m.resolve()
	m.loop.Post(func() {
		if m.ending != nil {
			return // asked for since the boot last looked
		}
		m.services = supervise.New(supervise.Env{
			Context: m.context, Loop: m.loop, Console: m.console, Runtime: rt,
			Null: m.null, Environ: environ, LogDir: serviceLogs, RunDir: runDir, Reaper: m.reaper,
			GaveUp: m.gaveUp,
		}, services)
		for _, name := range config.Milestones { // containerd too: it is up, or nothing that is waited for brings it
			m.services.Reach(name)
		}
		m.setPhase(record.PhaseServices)
		m.reach(record.MilestoneServices)
		m.loop.After(hurryFor, m.calm)
	})
}

// resolve returns the services of the image, each as the configuration says.
func (m *machine) resolve() []supervise.Service {
	names, err := bundle.List(bundle.Services)
	m.note(err, "services")
	ids, err := bundle.List(bundle.Onboot)
	m.note(err, "onboot")
	var onboot []string
	for _, id := range ids {
		onboot = append(onboot, oneshot{id: id}.name())
	}
	resolved, problems := m.config.Resolve(onboot, names)
	m.report(m.file, problems)
	var services []supervise.Service
	for _, s := range resolved {
		s.Env = slices.Concat(m.config.Env, s.Env)
		services = append(services, supervise.FromConfig(s, filepath.Join(bundle.Services, s.Name)))
	}
	return services
}
