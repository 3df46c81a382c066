package pid1

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// earlyBoot makes the mounts and devices that everything else needs, and starts the console
// records.
func (m *machine) earlyBoot() options {
	if m.container {
		m.console.Start(&m.recent, console.Terminal{FD: 2})
		return m.readOptions()
	}
	m.logError(early.MoveRoot(), "running containers: runc cannot pivot away from this root")
	m.runSteps(early.Proc())
	available := early.AvailableMemory()
	m.runSteps(early.Steps(available))
	early.ExpediteRCU(true)
	process.RelaxTimerSlack()
	m.logError(early.Stdio(), "input and output of scripts")
	o := m.readOptions()
	if !o.panicSet {
		m.logError(early.RebootAfterPanic(), "a reboot after a panic of the kernel or a crash of PID 1")
	}
	m.startConsole()
	m.runSteps(early.Resize(m.config.Tmpfs, available))
	m.runSteps(early.Cgroups(o.unifiedCgroup))
	m.mountOptional()
	return o
}

func (m *machine) readOptions() options {
	o := readOptions(m.args[1:])
	m.console.SetLevel(o.level)
	c := m.readConfig(o.config)
	if level, ok := console.ParseLevel(c.LogLevel); ok && !o.levelSet {
		m.console.SetLevel(level)
	}
	m.configure(o.config, c)
	return o
}

// runSteps carries out steps and logs their errors.
func (m *machine) runSteps(steps []early.Step) {
	for _, s := range steps {
		m.console.Log(console.Debug, s.String())
		m.logError(s.Do(), s.Impact())
	}
}

func (m *machine) mountOptional() {
	for _, s := range early.Optionals() {
		m.logError(s.Do(), s.Impact())
	}
}

// startConsole starts to write records to the kernel log, which prints them on the console. What it
// does not print, and everything without /dev/kmsg, is written to the console directly.
func (m *machine) startConsole() {
	terminal, err := console.OpenTerminal("/dev/console")
	if err != nil {
		terminal = console.Terminal{FD: 2}
	}
	kmsg, err := console.OpenKmsg()
	if err != nil {
		m.console.Start(&m.recent, terminal)
		return
	}
	m.console.Start(&m.recent, console.NewKernelLog(kmsg, terminal))
}

// execInit executes the program that init= names, with the arguments of the kernel. It returns if
// there is none, or if it cannot be executed.
func (m *machine) execInit(o options) {
	if o.program == "" || o.program == m.args[0] || o.program == "/init" || o.program == "/sbin/init" {
		return
	}
	m.console.Log(console.Warn, "init="+o.program+" on the kernel command line: executing it as PID 1")
	m.console.Flush(flushTimeout)
	err := unix.Exec(o.program, append([]string{o.program}, m.args[1:]...), os.Environ())
	m.logError(&os.PathError{Op: "exec", Path: o.program, Err: err}, "init="+o.program+"; continuing the normal boot")
}
