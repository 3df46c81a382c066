package modules

import (
	"errors"
	"runtime"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/uevent"
)

// Events is a source of new devices. uevent.Listener implements it.
type Events interface {
	// Next returns the next batch, which is empty if none comes within wait.
	Next(wait time.Duration) (uevent.Batch, error)
}

// Bounds of how long an index stays in memory: until no event has come for a while, and
// for at most this many batches. It is the largest allocation of PID 1.
const (
	idle       = 10 * time.Second
	maxBatches = 16
)

// Hotplug loads the modules for new devices, until events fails. Devices appear rarely,
// so the index is opened on demand; it is kept for a while, so that a device which comes
// and goes does not cause a read every time.
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

// Plug loads the modules for the devices of a batch, or for all devices below sys when
// events were lost. It also loads what Load has deferred.
func (l *Loader) Plug(b uevent.Batch, sys string, report func(error)) {
	if b.Lost {
		l.Coldplug(sys, report)
	}
	for _, alias := range b.Aliases {
		l.device(alias, report)
	}
	for _, module := range l.Deferred() { // the boot is over
		l.device(module, report)
	}
}

// device loads the modules for a device. A device for which this kernel has no module is
// not an error.
func (l *Loader) device(alias string, report func(error)) {
	if err := l.Load(alias); err != nil && !errors.Is(err, ErrUnknown) {
		report(err)
	}
}
