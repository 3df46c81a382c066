package pid1

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// runDir is the directory for pid files, changed bundles and sockets.
const runDir = "/run/linuxkit-init"

// setUpSystem sets up the rest that containers and scripts need, and runs the scripts of
// /etc/init.d.
func (m *machine) setUpSystem(ctx context.Context) {
	if err := early.Limits(); !m.container || !errors.Is(err, unix.EPERM) { // the limits of a container may be fixed
		m.logError(err, "the limit of open files")
	}
	if !m.container {
		m.logError(disableCtrlAltDel(), "a clean shutdown by ctrl-alt-del")
		m.watchPowerButton()
		m.logError(early.Loopback(), "the loopback interface")
		m.logError(early.HostName(), "the host name")
		if err := early.Clock(); err != nil {
			m.console.Log(console.Warn, err.Error()+"; the clock starts in 1970 until it is set")
		}
	}
	if step, needed := early.Resolver(); needed {
		m.runSteps([]early.Step{step})
	}
	null, err := process.DevNull()
	m.logError(err, "running programs")
	m.null = null
	runtime, err := container.FindRunc(m.reaper, null, runDir)
	m.runtime = runtime
	m.logError(err, "running containers")
	m.mounts()
	if !m.container {
		m.logError(early.ProtectRoot(), "write protection of the root")
		m.logError(early.ShareRoot(), "propagation of mounts to containers")
	}
	m.volumes()
	m.runScripts(ctx, "/etc/init.d")
}

// mounts makes the mounts of the configuration, before the root becomes read-only.
func (m *machine) mounts() {
	for _, c := range m.config.Mounts {
		m.logError(inTime("mount "+c.Target, mountTimeout, bundle.NewMount(c.Type, c.Source, c.Target, c.Options).Do), c.Target)
	}
}

// inTime calls fn, and returns an error if it does not return within d: a file system may not answer.
func inTime(what string, d time.Duration, fn func() error) error {
	result := make(chan error, 1)
	if !guard.Within(d, what, func() { result <- fn() }) {
		return errors.New(what + ": no answer within " + d.String())
	}
	select {
	case err := <-result:
		return err
	default: // it panicked, which guard has reported
		return nil
	}
}

// volumes mounts the volumes, which containers bind.
func (m *machine) volumes() {
	names, err := bundle.List(bundle.Volumes)
	m.logError(err, "volumes")
	for _, name := range names {
		m.logError(bundle.PrepareVolume(filepath.Join(bundle.Volumes, name)), "volume "+name)
	}
}
