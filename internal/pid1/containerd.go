package pid1

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/containerd"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// serviceRuntime returns the runtime of services: containerd if the image has it, as in LinuxKit,
// else the runtime of onboot. Like LinuxKit it starts containerd after onboot, which may mount the
// disk for containerd's data.
func (m *machine) serviceRuntime(ctx context.Context, began *time.Duration) container.Runtime {
	runc, found := m.runtime.(*container.Runc)
	if instance := containerd.Stock; found && instance.Exists() {
		return m.startContainerd(ctx, instance, runc.Path(), began)
	}
	return m.runtime
}

func (m *machine) startContainerd(
	ctx context.Context, instance containerd.Instance, runc string, began *time.Duration,
) container.Runtime {
	warn := func(msg string) { m.console.Log(console.Warn, msg) }
	d := &containerd.Daemon{
		Instance: instance, Reaper: m.reaper, Environ: environ, Null: m.null, Warn: warn,
	}
	rt := &containerd.Runtime{
		Instance: instance, Reaper: m.reaper, Environ: environ, Null: m.null,
		Dir: filepath.Join(runDir, "containerd"), Warn: warn,
	}
	_, err := os.Stat(instance.Database)
	used := err == nil
	m.logError(rt.Install(runc), "services")
	d.Start()
	m.containerd.Store(d)
	waitCtx, cancel := context.WithTimeout(ctx, containerdTimeout)
	defer cancel()
	if err := instance.Wait(waitCtx); err != nil {
		if ctx.Err() == nil { // not a shutdown
			m.logError(err, "services, until containerd answers")
		}
		return rt
	}
	if used {
		m.logError(rt.RemoveStale(ctx), "services with the names of stale containers")
	}
	m.endStage(record.MilestoneContainerd, began)
	return rt
}

// runcShim runs as containerd's runc and returns its exit code. The shim reads errors from
// standard error.
func runcShim(args []string) int {
	code, err := containerd.RuncShim(args)
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n") // nowhere to report an error
	}
	return code
}
