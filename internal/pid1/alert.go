package pid1

import (
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
)

// alertTimeout is how long the command of an alert may take.
const alertTimeout = time.Minute

// gaveUp does what the configuration asks for when a service has failed, beside the
// record that there always is. It is called on the loop.
func (m *machine) gaveUp(service, reason string) {
	switch a := m.config.Service(service).OnFailure; a.Kind {
	case "reboot":
		m.shutdown(halt.Reboot, "service "+service+" has failed")
	case "poweroff":
		m.shutdown(halt.PowerOff, "service "+service+" has failed")
	case "exec":
		env := append(environ[:len(environ):len(environ)], "SERVICE="+service, "REASON="+reason)
		guard.Go("alert of "+service, func() {
			m.note(m.command(m.context, alertTimeout, env, a.Exec...), "the alert of service "+service)
		})
	}
}
