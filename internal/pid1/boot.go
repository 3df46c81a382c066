package pid1

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/modules"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// bootSequence takes the machine from the kernel's hands to running services.
// It runs in a goroutine of its own; ctx ends when a shutdown is asked for.
func (m *machine) bootSequence(ctx context.Context) {
	began := m.origin
	m.markTime("kernel", &began)
	o := m.earlyBoot()
	process.SpareFromOOM()
	m.passed(milestoneEarly, &began)
	if !m.container {
		m.runInstead(o)
		m.loadModules()
		runtime.GC() // the index of modules is the largest thing PID 1 ever holds
		m.passed(milestoneModules, &began)
	}
	m.system(ctx)
	m.markTime("system", &began)
	m.runOnboot(ctx)
	if ctx.Err() != nil {
		return
	}
	m.loop.Post(func() {
		m.reach(milestoneNetwork)
		m.reach(milestoneOnboot)
	})
	m.startServices()
}

// passed announces a milestone and notes the time since the one before.
func (m *machine) passed(name string, since *time.Duration) {
	m.markTime(name, since)
	m.loop.Post(func() { m.reach(name) })
}

// earlyBoot mounts and makes what everything else needs, and begins to write records.
func (m *machine) earlyBoot() options {
	if m.container {
		m.console.Start(console.Terminal{FD: 2})
		o := readOptions(m.args[1:])
		m.console.SetLevel(o.level)
		return o
	}
	m.note(early.MoveRoot(), "running containers: their runtime cannot leave this root")
	m.do(early.Steps())
	m.note(early.Stdio(), "input and output of scripts")
	o := readOptions(m.args[1:])
	m.console.SetLevel(o.level)
	m.startConsole(o.quiet)
	m.do(early.Cgroups(o.unifiedCgroup))
	m.optional()
	return o
}

// do takes steps, and reports those that fail.
func (m *machine) do(steps []early.Step) {
	for _, s := range steps {
		m.console.Log(console.Debug, s.String())
		m.note(s.Do(), s.Lost())
	}
}

func (m *machine) optional() {
	for _, s := range early.Optionals() {
		m.note(s.Do(), s.Lost())
	}
}

// startConsole chooses where records go: into the kernel's log, which shows
// them unless it is told to be quiet, and otherwise to the console itself.
func (m *machine) startConsole(quiet bool) {
	var sinks []console.Sink
	kmsg, err := console.OpenKmsg()
	if err == nil {
		sinks = append(sinks, kmsg)
	}
	if quiet || err != nil {
		terminal, err := console.OpenTerminal("/dev/console")
		if err != nil {
			terminal = console.Terminal{FD: 2}
		}
		sinks = append(sinks, terminal)
	}
	m.console.Start(sinks...)
}

// runInstead gives the process to the program that init= names, with what the
// kernel has handed on. It returns when there is none, or it cannot be run.
func (m *machine) runInstead(o options) {
	if o.program == "" || o.program == m.args[0] || o.program == "/init" || o.program == "/sbin/init" {
		return
	}
	m.console.Log(console.Warn, "init="+o.program+" on the kernel line: it takes over as PID 1")
	m.console.Flush(flushWait)
	err := unix.Exec(o.program, append([]string{o.program}, m.args[1:]...), os.Environ())
	m.note(&os.PathError{Op: "init=: exec", Path: o.program, Err: err}, "that program; the normal boot goes on")
}

// wanted are modules that PID 1 and runc need but no device asks for.
var wanted = []string{"overlay", "button", "evdev", "af_packet"}

// loadModules loads what devices ask for and what is needed besides. A kernel
// with everything built in has no modules, and that is fine.
func (m *machine) loadModules() {
	index, err := modules.Open(modules.Release())
	if index == nil {
		m.console.Log(console.Warn, "no modules are loaded: "+err.Error())
		return
	}
	m.note(err, "the modules it lists")
	l := modules.NewLoader(index)
	for _, name := range wanted {
		m.noteModule(l.Load(name))
	}
	l.Coldplug("/sys/devices", m.noteModule)
	for _, s := range early.Optionals() {
		if s.Wanted() && l.Load("fs-"+s.Type) == nil {
			m.note(s.Do(), s.Lost())
		}
	}
}

// noteModule reports a module that did not load. One that did not find its
// hardware is normal: processors' drivers are tried on the chance.
func (m *machine) noteModule(err error) {
	switch {
	case err == nil:
	case errors.Is(err, unix.ENODEV):
		m.console.Log(console.Debug, err.Error())
	default:
		m.console.Log(console.Warn, err.Error())
	}
}

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
	runtime, err := container.FindRunc(m.reaper, null, "/run/linuxkit-init")
	m.runtime = runtime
	m.note(err, "running containers")
	if !m.container {
		m.note(early.ProtectRoot(), "a root that nobody can write to")
		m.note(early.ShareRoot(), "mounts that reach containers later")
	}
	m.volumes()
	m.runScripts(ctx, "/etc/init.d")
}

// volumes mounts the overlays of volumes, which containers bind.
func (m *machine) volumes() {
	names, err := bundle.List(bundle.Volumes)
	m.note(err, "volumes")
	for _, name := range names {
		m.note(bundle.PrepareVolume(filepath.Join(bundle.Volumes, name)), "volume "+name)
	}
}

// startServices hands the services to a supervisor on the loop.
func (m *machine) startServices() {
	names, err := bundle.List(bundle.Services)
	m.note(err, "services")
	m.loop.Post(func() {
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
		m.phase = milestoneServices
		m.reach(milestoneServices)
	})
}
