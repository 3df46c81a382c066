package pid1

import (
	"errors"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// hurryFor is how long the kernel is to hurry for services that do not become ready.
const hurryFor = time.Minute

// calm ends the kernel's hurry.
func (m *machine) calm() {
	if !m.container {
		early.Hurry(false)
	}
}

// startServices hands the services to a supervisor on the loop.
func (m *machine) startServices() {
	names, err := bundle.List(bundle.Services)
	m.note(err, "services")
	m.loop.Post(func() {
		if m.ending != nil {
			return // asked for since the boot last looked
		}
		services, problems := supervise.Order(defaults(names).Services, []string{milestoneNetwork, milestoneOnboot})
		if len(problems) > 0 {
			m.note(errors.New(strings.Join(problems, "; ")), "that order")
		}
		m.services = supervise.New(supervise.Env{
			Context: m.context, Loop: m.loop, Console: m.console, Runtime: m.runtime,
			Null: m.null, Environ: environ, LogDir: "/var/log",
		}, services)
		m.services.Reach(milestoneNetwork)
		m.services.Reach(milestoneOnboot)
		m.setPhase(milestoneServices)
		m.reach(milestoneServices)
		m.loop.After(hurryFor, m.calm)
	})
}
