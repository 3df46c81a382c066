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

// machine is all state of PID 1. The loop owns it; the first block is set
// before the loop runs and never changed.
type machine struct {
	loop      *loop.Loop
	console   *console.Console
	reaper    *process.Reaper
	args      []string
	container bool          // somebody else has set the machine up
	origin    time.Duration // what the boot's time counts from: the start of the kernel, or of the container
	context   context.Context
	cancel    context.CancelCauseFunc // ends the boot, and every start
	over      chan struct{}           // closed when a container is to end

	phase    string
	config   config.Config     // see configure
	file     string            // that it is from
	runtime  container.Runtime // of onboot and onshutdown
	null     *os.File
	onboot   []entry
	services *supervise.Supervisor // nil until services start
	marks    []mark
	recent   recent
	wishes   []wish   // of operators
	later    []string // modules to load when the services are up
	booting  bool
	ready    bool
	readyAt  time.Duration // on the clock of console.Uptime
	ending   *ending       // nil until a shutdown is asked for
	picture  string        // as last shown
	events   int

	watchdog   atomic.Pointer[watchdog.Watchdog] // nil until it is started; for everyone
	containerd atomic.Pointer[containerd.Daemon] // the same, and nil where the image has none
}

// environ is what runc and scripts get. Containers have their own.
var environ = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=linux"}

// boot runs the machine. It returns only in a container, whose end is the
// process's: on a real machine it goes on reaping even when reboot(2) fails.
func boot(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	m := &machine{
		console: console.New(), reaper: process.NewReaper(), args: args, container: early.InContainer(),
		context: ctx, cancel: cancel, phase: record.PhaseEarly, config: config.Default(), runtime: container.None{}, booting: true, over: make(chan struct{}),
	}
	if m.container {
		m.origin = clock()
	}
	m.recent.Size = recentSize
	m.loop = loop.New(m.advance)
	guard.OnPanic(func(what, why string) { m.console.Log(console.Error, "fault in this init: "+what+": "+why) })
	m.console.Emit(record.Start, record.Field{Key: record.KeyVersion, Value: Version}, record.Field{Key: record.KeyKernel, Value: kernel()})
	m.serveSignals(catchSignals())
	guard.Go("reaper", func() { m.reaper.Reap(nil) })
	guard.Go("boot", func() {
		guard.Do("boot", func() { m.bootSequence(ctx) })
		m.loop.Post(func() { m.booting = false })
	})
	for !guard.Do("loop", func() { m.loop.Run(m.over) }) {
		m.console.Log(console.Error, "the event loop goes on")
	}
	return 0
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "" // it is told for information only
	}
	return unix.ByteSliceToString(u.Release[:])
}

// advance follows every event: it takes the steps the new picture calls for,
// and shows the picture where it has changed.
func (m *machine) advance() {
	if m.services != nil {
		m.services.Advance()
	}
	m.checkReady()
	m.checkEnding()
	m.showState()
	m.grant()
	if m.events++; m.events%tidyEvery == 0 {
		runtime.GC()
	}
}

// tidyEvery is after how many events to collect garbage, and so to keep the
// heap below the 4 MB at which Go's runtime first would.
const tidyEvery = 128

// checkReady announces, once, that all services are ready.
func (m *machine) checkReady() {
	if m.ready || m.services == nil || m.ending != nil || !m.services.AllReady() {
		return
	}
	m.ready, m.readyAt = true, clock()
	m.phase = record.PhaseReady
	m.reach(record.MilestoneReady)
	m.showBlame()
	m.calm()
	runtime.GC() // the boot has left some
}

// reach announces a milestone.
func (m *machine) reach(name string) {
	m.console.Emit(record.Milestone, record.Field{Key: record.KeyName, Value: name})
	if m.services != nil {
		m.services.Reach(name)
	}
}

// note reports an error of a step that the boot goes on without, and what is lost by it.
func (m *machine) note(err error, lost string) {
	if err == nil {
		return
	}
	msg := err.Error()
	if lost != "" {
		msg += "; without it: " + lost
	}
	m.console.Log(console.Error, msg)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
