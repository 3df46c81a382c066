// Package watchdog feeds a hardware watchdog, which resets the machine if PID 1 hangs.
//
// The device counts down from open(2), and every write restarts it
// (Documentation/watchdog/watchdog-api.rst). PID 1 writes only after its event loop has
// responded in time. Before power off and halt the device is disarmed by its "magic close".
// Before a reboot it stays armed, so that a reboot that hangs ends in a reset.
package watchdog

import (
	"cmp"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
)

// Bytes to write: "V" before close(2) disarms the device, any other only restarts it.
const (
	keepAlive  = "\x00"
	magicClose = "V"
)

// Device is the first watchdog of a machine.
const Device = "/dev/watchdog"

// margin is the timeout of the device in intervals. Up to two intervals pass between two
// writes, because the loop has one to respond.
const margin = 3

// minInterval bounds the rate of writes for a configuration without an interval.
const minInterval = 10 * time.Millisecond

// Loop is the event loop of PID 1.
type Loop interface{ Post(fn func()) }

// Watchdog is an open watchdog device.
type Watchdog struct {
	path     string
	interval time.Duration
	loop     Loop
	log      func(console.Level, string)

	mu     sync.Mutex
	fd     int
	failed bool // the last write failed
	ended  bool
}

// Start opens the device and starts to feed it. It returns nil if none is configured, or
// if it cannot be opened, which it logs.
func Start(cfg config.Watchdog, loop Loop, log func(console.Level, string)) *Watchdog {
	if cfg.Device == "" {
		return nil
	}
	fd, err := unix.Open(cfg.Device, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		err = &os.PathError{Op: "open watchdog", Path: cfg.Device, Err: err}
		log(console.Error, err.Error()+"; a machine that hangs is not reset; check that the kernel component has the driver")
		return nil
	}
	w := &Watchdog{path: cfg.Device, interval: max(cfg.Interval, minInterval), loop: loop, log: log, fd: fd}
	w.arm()
	guard.Go("watchdog", w.run)
	return w
}

// arm sets the timeout of the device. If the driver has a shorter one, which cannot be
// set, the interval is reduced accordingly.
func (w *Watchdog) arm() {
	seconds := int((margin*w.interval + time.Second - 1) / time.Second)
	setErr := unix.IoctlSetPointerInt(w.fd, unix.WDIOC_SETTIMEOUT, seconds)
	counts, err := unix.IoctlGetUint32(w.fd, unix.WDIOC_GETTIMEOUT)
	if err = cmp.Or(err, setErr); err != nil {
		w.log(console.Warn, "watchdog "+w.path+": set timeout: "+err.Error())
	}
	if timeout := time.Duration(counts) * time.Second; counts > 0 && timeout < margin*w.interval {
		w.interval = timeout / margin
		w.log(console.Warn, "watchdog "+w.path+": timeout is "+timeout.String()+"; fed every "+w.interval.String())
	}
}

// run feeds the device after every timely response of the loop, until End.
func (w *Watchdog) run() {
	for w.write(keepAlive) {
		time.Sleep(w.interval)
		for !w.probeLoop() {
		}
	}
}

// probeLoop waits until the loop has responded, without a timeout, and returns whether
// that took at most one interval.
func (w *Watchdog) probeLoop() bool {
	done := make(chan struct{})
	guard.Go("watchdog probe", func() { w.loop.Post(func() { close(done) }) })
	select {
	case <-done:
		return true
	case <-time.After(w.interval):
	}
	w.log(console.Error, "event loop of PID 1 has not responded for "+w.interval.String()+
		"; watchdog "+w.path+" is not fed until it does")
	<-done
	return false
}

// write writes to the device, and returns false after End. Of consecutive errors the first
// one is logged.
func (w *Watchdog) write(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	_, err := unix.Write(w.fd, []byte(what))
	if err != nil && !w.failed {
		err = &os.PathError{Op: "feed watchdog", Path: w.path, Err: err}
		w.log(console.Error, err.Error())
	}
	w.failed = err != nil
	return true
}

// endTimeout bounds the time to disarm the device.
const endTimeout = time.Second

// End disarms the device before a power off or halt, and feeds it for the last time before
// a reboot. It must be called right before that. w may be nil.
func (w *Watchdog) End(how halt.How) {
	if w == nil {
		return
	}
	done := make(chan struct{})
	guard.Go("watchdog end", func() {
		defer close(done)
		w.end(how == halt.PowerOff || how == halt.Halt)
	})
	select {
	case <-done:
	case <-time.After(endTimeout):
	}
}

func (w *Watchdog) end(disarm bool) {
	if !disarm {
		w.write(keepAlive)
	} else if w.write(magicClose) {
		defer unix.Close(w.fd) // disarms it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}
