package pid1

import (
	"context"
	"os"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// logDir is where LinuxKit puts the logs of onboot and onshutdown.
const logDir = "/run/log/onboot"

// entry is one line of the onboot picture: NAME:RESULT.
type entry struct{ name, result string }

// runOnboot runs the onboot containers one after another. One that fails is
// loud, and the next follows.
func (m *machine) runOnboot(ctx context.Context) {
	ids, err := bundle.List(bundle.Onboot)
	m.note(err, "onboot")
	m.note(os.MkdirAll(logDir, 0o755), "logs of onboot")
	m.loop.Post(func() { m.setPhase(milestoneOnboot) })
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		o := oneshot{record.Onboot, bundle.Onboot, id, logDir + "/onboot.", m.config.Onboot.Timeout}
		began := console.Uptime()
		m.loop.Post(func() { m.onboot = append(m.onboot, entry{o.name(), "running"}) })
		r := m.run(ctx, o)
		m.loop.Post(func() { m.onboot[len(m.onboot)-1].result = r.short() })
		m.markTime("onboot/"+o.name(), &began)
	}
	_ = os.Symlink(logDir, "/var/log/onboot") // a convenience of LinuxKit's
}

// runOnshutdown runs the onshutdown containers one after another.
func (m *machine) runOnshutdown(ctx context.Context) {
	ids, err := bundle.List(bundle.Onshutdown)
	m.note(err, "onshutdown")
	for _, id := range ids {
		m.run(ctx, oneshot{record.Onshutdown, bundle.Onshutdown, id, logDir + "/shutdown.", onshutdownTimeout})
	}
}

// short is the result in the state record: the exit code, the signal's name or "error".
func (r result) short() string {
	if r.key == "error" {
		return r.key
	}
	return r.value
}
