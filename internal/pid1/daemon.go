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

// serviceRuntime returns what runs the services: containerd where the image has it,
// as LinuxKit does, and else what has run onboot. LinuxKit starts containerd after
// onboot as well, which may have mounted the disk that containerd keeps things on.
func (m *machine) serviceRuntime(ctx context.Context, began *time.Duration) container.Runtime {
	runc, found := m.runtime.(*container.Runc)
	if place := containerd.Stock; found && place.Exists() {
		return m.startContainerd(ctx, place, runc.Path(), began)
	}
	return m.runtime
}

func (m *machine) startContainerd(ctx context.Context, place containerd.Place, runc string, began *time.Duration) container.Runtime {
	warn := func(msg string) { m.console.Log(console.Warn, msg) }
	d := &containerd.Daemon{Place: place, Reaper: m.reaper, Environ: environ, Null: m.null, Warn: warn}
	rt := &containerd.Runtime{
		Place: place, Reaper: m.reaper, Environ: environ, Null: m.null, Dir: filepath.Join(runDir, "containerd"), Warn: warn,
	}
	_, err := os.Stat(place.Database)
	used := err == nil
	m.note(rt.Install(runc), "services")
	d.Start()
	m.containerd.Store(d)
	patience, cancel := context.WithTimeout(ctx, containerdTimeout)
	defer cancel()
	if err := place.Wait(patience); err != nil {
		if ctx.Err() == nil { // else a shutdown was faster
			m.note(err, "services, until it does")
		}
		return rt
	}
	if used {
		m.note(rt.Clear(ctx), "names for services that had them before")
	}
	m.passed(record.MilestoneContainerd, began)
	return rt
}

// between stands between containerd's shim and runc. Who called it has the error
// where runc's own would be.
func between(args []string) int {
	code, err := containerd.Between(args)
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n") // nowhere else to say it
	}
	return code
}
