package pid1

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// earlyBoot mounts and makes what everything else needs, and begins to write records.
func (m *machine) earlyBoot() options {
	if m.container {
		m.console.Start(&m.recent, console.Terminal{FD: 2})
		return m.readOptions()
	}
	m.note(early.MoveRoot(), "running containers: their runtime cannot leave this root")
	m.do(early.Steps())
	early.ExpediteRCU(true)
	process.Relax()
	m.note(early.Stdio(), "input and output of scripts")
	o := m.readOptions()
	m.startConsole(o.quiet)
	m.do(early.Cgroups(o.unifiedCgroup))
	m.optional()
	return o
}

func (m *machine) readOptions() options {
	o := readOptions(m.args[1:])
	m.console.SetLevel(o.level)
	c := m.readConfig(o.config)
	if level, ok := console.ParseLevel(c.LogLevel); ok && !o.levelAsked {
		m.console.SetLevel(level)
	}
	m.configure(o.config, c)
	return o
}

// do takes steps, and reports those that fail.
func (m *machine) do(steps []early.Step) {
	for _, s := range steps {
		m.console.Log(console.Debug, s.String())
		m.note(s.Do(), s.Impact())
	}
}

func (m *machine) optional() {
	for _, s := range early.Optionals() {
		m.note(s.Do(), s.Impact())
	}
}

// startConsole chooses where records go: into the kernel's log, which shows
// them unless it is told to be quiet, and otherwise to the console itself.
func (m *machine) startConsole(quiet bool) {
	sinks := []console.Sink{&m.recent}
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
