package pid1

import (
	"context"
	"os"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// logDir is where LinuxKit puts the logs of onboot and onshutdown.
const logDir = "/run/log/onboot"

// entry is one line of the onboot picture: NAME:RESULT.
type entry struct{ name, result string }

// runOnboot runs the onboot containers one after another, and reports whether the
// boot goes on. One that fails is loud, and the next follows, unless the
// configuration says that the boot stops there. The time of each counts from began
// or the end of the one before.
func (m *machine) runOnboot(ctx context.Context, began *time.Duration) bool {
	ids, err := bundle.List(bundle.Onboot)
	m.note(err, "onboot")
	m.note(os.MkdirAll(logDir, 0o755), "logs of onboot")
	m.loop.Post(func() { m.setPhase(record.PhaseOnboot) })
	for _, id := range ids {
		if ctx.Err() != nil {
			return false
		}
		o := oneshot{
			event: record.Onboot, dir: bundle.Onboot, id: id, logs: logDir + "/onboot.", timeout: m.config.Onboot.Timeout,
			stop: m.config.Onboot.Stop,
		}
		m.loop.Post(func() { m.onboot = append(m.onboot, entry{o.name(), record.ResultRunning}) })
		r := m.run(ctx, o)
		m.loop.Post(func() { m.onboot[len(m.onboot)-1].result = r.short() })
		m.markTime("onboot/"+o.name(), began)
		if o.stop && !r.well() {
			return false
		}
	}
	_ = os.Symlink(logDir, "/var/log/onboot") // a convenience of LinuxKit's
	return ctx.Err() == nil
}

// runOnshutdown runs the onshutdown containers one after another.
func (m *machine) runOnshutdown(ctx context.Context) {
	ids, err := bundle.List(bundle.Onshutdown)
	m.note(err, "onshutdown")
	for _, id := range ids {
		m.run(ctx, oneshot{
			event: record.Onshutdown, dir: bundle.Onshutdown, id: id, logs: logDir + "/shutdown.", timeout: onshutdownTimeout,
			stop: false,
		})
	}
}

// short is the result in the state record: the exit code, the signal's name or record.ResultError.
func (r result) short() string {
	if r.key == record.KeyError {
		return record.ResultError
	}
	return r.value
}
