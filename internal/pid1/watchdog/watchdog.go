// Package watchdog feeds the hardware that resets a machine which hangs.
//
// The device counts down from the moment it is opened, and every write sets it
// back (Documentation/watchdog/watchdog-api.rst). It is written to only when the
// event loop has answered in time: a PID 1 that hangs looks like a machine that
// hangs, which it is. At the end of the machine the device is given back, by its
// "magic close", before power off and halt. Before a reboot it stays armed, so
// that a reboot which hangs ends in a reset.
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

// What is written: the magic character of an orderly close, and any other.
const (
	food  = "\x00"
	magic = "V"
)

// margin is how many intervals the device is to count. Two may pass between two
// feedings, since the loop has one to answer in.
const margin = 3

// minInterval keeps a configuration without an interval from feeding all the time.
const minInterval = 10 * time.Millisecond

// Loop is the event loop that has to answer.
type Loop interface{ Post(fn func()) }

// Watchdog is a device that is fed.
type Watchdog struct {
	path     string
	interval time.Duration
	loop     Loop
	log      func(console.Level, string)

	mu      sync.Mutex
	fd      int
	refused bool // the last write
	ended   bool
}

// Start opens the device and begins to feed it. Without a device in the
// configuration, or where it cannot be opened, it returns nil, and says why.
func Start(cfg config.Watchdog, loop Loop, log func(console.Level, string)) *Watchdog {
	if cfg.Device == "" {
		return nil
	}
	fd, err := unix.Open(cfg.Device, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		err = &os.PathError{Op: "open watchdog", Path: cfg.Device, Err: err}
		log(console.Error, err.Error()+"; is its driver in the kernel component? Without it: a machine that hangs is not reset")
		return nil
	}
	w := &Watchdog{path: cfg.Device, interval: max(cfg.Interval, minInterval), loop: loop, log: log, fd: fd}
	w.arm()
	guard.Go("watchdog", w.serve)
	return w
}

// arm sets the time that the device counts. Drivers round it, or have one that
// cannot be set; then it is fed as often as that needs.
func (w *Watchdog) arm() {
	seconds := int((margin*w.interval + time.Second - 1) / time.Second)
	refused := unix.IoctlSetPointerInt(w.fd, unix.WDIOC_SETTIMEOUT, seconds)
	counts, err := unix.IoctlGetUint32(w.fd, unix.WDIOC_GETTIMEOUT)
	if err = cmp.Or(err, refused); err != nil {
		w.log(console.Warn, "watchdog "+w.path+": its timeout cannot be set: "+err.Error())
	}
	if timeout := time.Duration(counts) * time.Second; counts > 0 && timeout < margin*w.interval {
		w.interval = timeout / margin
		w.log(console.Warn, "watchdog "+w.path+": its timeout is "+timeout.String()+"; it is fed every "+w.interval.String())
	}
}

// serve feeds the device whenever the loop has answered in time, to the end.
func (w *Watchdog) serve() {
	for w.write(food) {
		time.Sleep(w.interval)
		for !w.ask() {
		}
	}
}

// ask waits until the loop has answered, as long as that takes, for there is
// nothing else to do. It returns whether it was in time.
func (w *Watchdog) ask() bool {
	answered := make(chan struct{})
	guard.Go("watchdog's question", func() { w.loop.Post(func() { close(answered) }) })
	select {
	case <-answered:
		return true
	case <-time.After(w.interval):
	}
	w.log(console.Error, "this init's event loop has not answered for "+w.interval.String()+"; the watchdog "+w.path+" is not fed until it does")
	<-answered
	return false
}

// write writes to the device, and returns false once its end has come. What the
// device refuses is told once.
func (w *Watchdog) write(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	_, err := unix.Write(w.fd, []byte(what))
	if err != nil && !w.refused {
		err = &os.PathError{Op: "feed watchdog", Path: w.path, Err: err}
		w.log(console.Error, err.Error())
	}
	w.refused = err != nil
	return true
}

// endWait is how long the device may take to be disarmed.
const endWait = time.Second

// End is to be called right before the machine ends. It disarms the device where
// the machine is to stay down; otherwise it is fed for the last time. There may be
// no watchdog.
func (w *Watchdog) End(how halt.How) {
	if w == nil {
		return
	}
	done := make(chan struct{})
	guard.Go("end of the watchdog", func() {
		defer close(done)
		w.end(how == halt.PowerOff || how == halt.Halt)
	})
	select {
	case <-done:
	case <-time.After(endWait):
	}
}

func (w *Watchdog) end(disarm bool) {
	if !disarm {
		w.write(food)
	} else if w.write(magic) {
		defer unix.Close(w.fd) // this is what disarms it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}
