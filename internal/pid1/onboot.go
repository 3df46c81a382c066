package pid1

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// logDir is LinuxKit's directory for the logs of onboot and onshutdown.
const logDir = "/run/log/onboot"

// onbootStatus is the status of an onboot container, NAME:RESULT in the state record.
type onbootStatus struct{ name, result string }

// runOnboot runs the onboot containers one after another, and reports whether the boot
// continues. A failure is reported, and stops the boot only with onboot.onFailure:
// stop. The time of the first container counts from began.
func (m *machine) runOnboot(ctx context.Context, began *time.Duration) bool {
	ids, err := bundle.List(bundle.Onboot)
	m.logError(err, "onboot")
	m.logError(os.MkdirAll(logDir, 0o755), "logs of onboot")
	m.loop.Post(func() { m.setPhase(record.PhaseOnboot) })
	for _, id := range ids {
		if ctx.Err() != nil {
			return false
		}
		name := bundle.Name(id)
		m.loop.Post(func() { m.onboot = append(m.onboot, onbootStatus{name, record.ResultRunning}) })
		r := m.run(ctx, oneshot{
			event: record.Onboot, dir: bundle.Onboot, id: id, logs: logDir + "/onboot.",
			timeout: m.config.Onboot.Timeout, stop: m.config.Onboot.Stop,
		})
		m.loop.Post(func() { m.onboot[len(m.onboot)-1].result = shortResult(r) })
		m.endSpan("onboot/"+name, began)
		if m.config.Onboot.Stop && !r.Success() {
			return false
		}
	}
	_ = os.Symlink(logDir, "/var/log/onboot") // LinuxKit makes this link too
	return ctx.Err() == nil
}

// runOnshutdown runs the onshutdown containers one after another, and then the scripts of
// /etc/shutdown.d. Those that are not started in time are reported as failed.
func (m *machine) runOnshutdown() {
	ids, err := bundle.List(bundle.Onshutdown)
	m.logError(err, "onshutdown")
	ctx, cancel := context.WithTimeout(context.Background(), onshutdownBudget)
	defer cancel()
	var started atomic.Int32
	m.stage("onshutdown", onshutdownBudget+stageMargin, func() {
		for _, id := range ids {
			if ctx.Err() != nil {
				return
			}
			started.Add(1)
			m.run(ctx, oneshot{
				event: record.Onshutdown, dir: bundle.Onshutdown, id: id, logs: logDir + "/shutdown.",
				timeout: onshutdownTimeout,
			})
		}
		m.runScripts(ctx, "/etc/shutdown.d")
	})
	for _, id := range ids[started.Load():] {
		m.console.Emit(record.Failed,
			record.Field{Key: record.Onshutdown, Value: bundle.Name(id)},
			record.Field{Key: record.KeyReason, Value: "not started: onshutdown has " + onshutdownBudget.String()})
	}
}

// shortResult returns the result in the state record: exit status, signal name or
// record.ResultError.
func shortResult(r process.Outcome) string {
	if r.Key == record.KeyError {
		return record.ResultError
	}
	return r.Value
}
