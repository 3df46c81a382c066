package pid1

import (
	"context"
	"slices"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/halt"
)

// alertTimeout limits the command of onFailure: {exec: …}.
const alertTimeout = time.Minute

// serviceFailed carries out the onFailure setting of a service that has failed. The
// failed record is written in any case. It is called on the loop.
func (m *machine) serviceFailed(service, reason string) {
	switch a := m.config.Service(service).OnFailure; a.Kind {
	case "reboot":
		m.shutdown(halt.Reboot, "service "+service+" has failed")
	case "poweroff":
		m.shutdown(halt.PowerOff, "service "+service+" has failed")
	case "exec":
		env := slices.Concat(environ, []string{"SERVICE=" + service, "REASON=" + reason})
		m.spawn("onFailure of "+service, func(ctx context.Context) {
			m.logError(m.command(ctx, alertTimeout, env, a.Exec...), "onFailure of service "+service)
		})
	}
}
