package pid1

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/containerd"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/loop"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
	"github.com/org/linuxkit-action/internal/pid1/watchdog"
)

// machine is the state of PID 1. The loop owns it. The first group is set before the loop
// runs, and the last group is atomic.
type machine struct {
	loop      *loop.Loop
	console   *console.Console
	reaper    *process.Reaper
	args      []string
	container bool                                        // PID 1 of a container, not of a machine
	origin    time.Duration                               // start of the kernel, or of the container
	spawn     func(what string, fn func(context.Context)) // starts a goroutine with the context of the boot
	cancel    context.CancelCauseFunc                     // ends the boot, and every start
	exit      chan struct{}                               // closed to end the process in a container

	phase           string
	config          config.Config // see configure
	configFile      string
	shutdownTimeout time.Duration     // of the services; see config.ShutdownTimeout
	runtime         container.Runtime // of onboot and onshutdown
	null            *os.File
	onboot          []onbootStatus
	services        *supervise.Supervisor // nil until services start
	spans           []span
	recent          recent
	waiters         []waiter
	deferredModules []string // loaded when the services are ready
	booting         bool
	ready           bool
	readyAt         time.Duration  // on the clock of console.Uptime
	stopping        *shutdownState // nil until a shutdown is requested
	lastState       string         // in the last state record
	events          int

	watchdog   atomic.Pointer[watchdog.Watchdog] // nil until it is started
	containerd atomic.Pointer[containerd.Daemon] // nil until it is started, or without containerd
}

// environ is the environment of runc and scripts. Containers have their own.
var environ = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=linux"}

// boot runs the machine. It returns only in a container, which ends with the process; on a
// machine it keeps reaping even if reboot(2) fails.
func boot(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	m := &machine{
		console: console.New(), reaper: process.NewReaper(), args: args, container: early.InContainer(),
		spawn:  func(what string, fn func(context.Context)) { guard.Go(what, func() { fn(ctx) }) },
		cancel: cancel, exit: make(chan struct{}), phase: record.PhaseEarly, config: config.Default(),
		runtime: container.NoRuntime{}, booting: true,
	}
	if m.container {
		m.origin = uptime()
	}
	m.shutdownTimeout = m.config.ShutdownTimeout(nil)
	m.reaper.Spawner = "/proc/self/exe"
	m.recent.Size = recentSize
	m.loop = loop.New(m.advance)
	guard.OnPanic(func(what, why string) { m.console.Log(console.Error, "bug in linuxkit-init: "+what+": "+why) })
	m.console.Emit(record.Start,
		record.Field{Key: record.KeyVersion, Value: Version}, record.Field{Key: record.KeyKernel, Value: kernel()})
	m.serveSignals(catchSignals())
	guard.Go("reaper", func() { m.reaper.Reap(nil) })
	guard.Go("boot", func() {
		guard.Do("boot", func() { m.bootSequence(ctx) })
		m.loop.Post(func() { m.booting = false })
	})
	for !guard.Do("loop", func() { m.loop.Run(m.exit) }) {
		m.console.Log(console.Error, "the event loop is restarted")
	}
	return 0
}

// kernel returns the release of the kernel, or "" if it is unknown.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// advance is called after every event: it takes the next steps and writes changes of state.
func (m *machine) advance() {
	if m.services != nil {
		m.services.Advance()
	}
	m.checkReady()
	m.emitState()
	m.wake()
	if m.events++; m.events%gcInterval == 0 {
		runtime.GC()
	}
}

// gcInterval is the number of events between garbage collections. They keep the heap below the
// 4 MB at which the Go runtime collects for the first time.
const gcInterval = 128

// checkReady ends the boot, once, when all services are ready.
func (m *machine) checkReady() {
	if m.ready || m.services == nil || m.stopping != nil || !m.services.AllReady() {
		return
	}
	m.ready, m.readyAt = true, uptime()
	m.phase = record.PhaseReady
	m.reachMilestone(record.MilestoneReady)
	m.emitBlame()
	m.endBootTuning()
	runtime.GC() // frees the garbage of the boot
}

// reachMilestone writes the record of a milestone and starts services that wait for it.
func (m *machine) reachMilestone(name string) {
	m.console.Emit(record.Milestone, record.Field{Key: record.KeyName, Value: name})
	if m.services != nil {
		m.services.ReachMilestone(name)
	}
}

// logError logs an error that does not stop the boot, and what it affects. A nil error is
// ignored.
func (m *machine) logError(err error, affects string) {
	if err == nil {
		return
	}
	msg := err.Error()
	if affects != "" {
		msg += "; affects: " + affects
	}
	m.console.Log(console.Error, msg)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
