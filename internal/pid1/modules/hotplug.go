package modules

import (
	"errors"
	"runtime"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/uevent"
)

// Events tell of devices that have appeared, as uevent.Listener does.
type Events interface {
	// Next waits, no longer than wait.
	Next(wait time.Duration) (uevent.Batch, error)
}

// Bounds of how long one index is kept, which is the largest thing that PID 1
// ever holds: until nothing has happened for a while, and for so many batches.
const (
	idle       = 10 * time.Second
	maxBatches = 16
)

// Hotplug loads the modules for devices that appear, until it cannot hear any
// more. Devices appear seldom, so the index is opened for the occasion; one
// that comes and goes all the time does not make it be read every time.
func Hotplug(events Events, open func() (*Loader, error), sys string, report func(error)) error {
	var l *Loader
	for left := 0; ; left-- {
		b, err := events.Next(idle)
		if err != nil {
			return err
		}
		if l != nil && (b.Empty() || left <= 0) {
			l = nil
			runtime.GC()
		}
		if b.Empty() {
			continue
		}
		if l == nil {
			left = maxBatches
			if l, err = open(); err != nil {
				report(err)
				continue
			}
		}
		guard.Do("hotplug", func() { l.Plug(b, sys, report) })
	}
}

// Plug loads the modules for the devices of a batch, or for all below sys where nobody
// knows which they are.
func (l *Loader) Plug(b uevent.Batch, sys string, report func(error)) {
	if b.Lost {
		l.Coldplug(sys, report)
	}
	for _, alias := range b.Aliases {
		l.device(alias, report)
	}
	for _, module := range l.Later() { // there is no hurry any more
		l.device(module, report)
	}
}

// device loads what a device asks for. One without a module of this kernel is normal.
func (l *Loader) device(alias string, report func(error)) {
	if err := l.Load(alias); err != nil && !errors.Is(err, ErrUnknown) {
		report(err)
	}
}
