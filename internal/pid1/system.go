package pid1

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// runDir is where PID 1 keeps what runc needs: pid files, changed bundles, sockets.
const runDir = "/run/linuxkit-init"

// system does the rest that containers and scripts expect.
func (m *machine) system(ctx context.Context) {
	if err := early.Limits(); !m.container || !errors.Is(err, unix.EPERM) { // a container's limits are its maker's
		m.note(err, "more than the kernel's default of open files")
	}
	if !m.container {
		m.note(disableCtrlAltDel(), "an orderly end by ctrl-alt-del")
		m.watchPowerButton()
		m.note(early.Loopback(), "connections of the machine to itself")
		m.note(early.HostName(), "the machine's name")
		if err := early.Clock(); err != nil {
			m.console.Log(console.Warn, err.Error()+"; the clock begins in 1970 until somebody sets it")
		}
	}
	if step, needed := early.Resolver(); needed {
		m.do([]early.Step{step})
	}
	null, err := process.DevNull()
	m.note(err, "running anything")
	m.null = null
	runtime, err := container.FindRunc(m.reaper, null, runDir)
	m.runtime = runtime
	m.note(err, "running containers")
	m.mounts()
	if !m.container {
		m.note(early.ProtectRoot(), "a root that nobody can write to")
		m.note(early.ShareRoot(), "mounts that reach containers later")
	}
	m.volumes()
	m.runScripts(ctx, "/etc/init.d")
}

// mounts makes the mounts of the configuration, while their targets can still be
// made in the root.
func (m *machine) mounts() {
	for _, c := range m.config.Mounts {
		m.note(bundle.NewMount(c.Type, c.Source, c.Target, c.Options).Do(), c.Target)
	}
}

// volumes mounts the overlays of volumes, which containers bind.
func (m *machine) volumes() {
	names, err := bundle.List(bundle.Volumes)
	m.note(err, "volumes")
	for _, name := range names {
		m.note(bundle.PrepareVolume(filepath.Join(bundle.Volumes, name)), "volume "+name)
	}
}
