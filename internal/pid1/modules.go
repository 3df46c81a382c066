package pid1

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/modules"
	"github.com/org/linuxkit-action/internal/pid1/uevent"
)

// requiredModules are modules that PID 1 and runc need but no device requests.
var requiredModules = []string{"overlay", "button", "evdev", "af_packet"}

// sys is the mount point of sysfs.
const sys = "/sys"

// loadModules loads the modules that devices request and those in requiredModules. A kernel without
// modules is normal.
func (m *machine) loadModules() {
	index, err := modules.Open(modules.Release())
	if index == nil {
		m.console.Log(console.Warn, "no modules loaded: "+err.Error())
		return
	}
	m.logError(err, "modules in the damaged index")
	events, err := uevent.Listen() // before the search for devices, so that none is missed
	m.logError(err, "modules of hotplugged devices")
	l := modules.NewLoader(index)
	for _, name := range requiredModules {
		m.logModule(l.Load(name))
	}
	for range maxColdplugPasses {
		if news := l.Coldplug(sys, m.logModule); !news || events != nil {
			break
		}
	}
	m.loadCPUModules(l)
	if events != nil {
		m.hotplug(events, l)
	}
	m.console.Log(console.Debug, strconv.Itoa(l.Count())+" modules loaded")
	for _, s := range early.Optionals() {
		if s.NeedsModule() && l.Load("fs-"+s.Type) == nil {
			m.logError(s.Do(), s.Impact())
		}
	}
}

// loadCPUModules loads the modules for this processor, such as ciphers: now if an onboot container
// may set up encrypted disks, else when the services are ready.
func (m *machine) loadCPUModules(l *modules.Loader) {
	deferred := l.Deferred()
	if !onbootManagesDisks() {
		m.loop.Post(func() { m.deferredModules = deferred })
		return
	}
	for _, name := range deferred {
		m.logModule(l.Load(name))
	}
}

// onbootManagesDisks reports whether an onboot container may set up disks. A config.json that
// cannot be read is reported when the container starts.
func onbootManagesDisks() bool {
	ids, err := bundle.List(bundle.Onboot)
	return err != nil || slices.ContainsFunc(ids, func(id string) bool {
		c, err := bundle.ReadConfig(filepath.Join(bundle.Onboot, id))
		return err == nil && c.ManagesDisks()
	})
}

// loadDeferredModules loads the modules that were deferred until the services are ready. It is
// called on the loop.
func (m *machine) loadDeferredModules() {
	deferred := m.deferredModules
	m.deferredModules = nil
	if len(deferred) == 0 || m.stopping != nil {
		return
	}
	guard.Go("deferred modules", func() {
		l, err := modules.OpenLoader()
		if l == nil {
			m.logError(err, "modules for this processor")
			return
		}
		for _, name := range deferred {
			m.logModule(l.Load(name))
		}
	})
}

// maxColdplugPasses limits the searches for devices that newly loaded drivers have made, without
// hotplug events.
const maxColdplugPasses = 8

// maxPendingBatches limits the batches of hotplug events that are read after the search.
const maxPendingBatches = 32

// hotplug loads modules for the devices that have appeared during the search, with the index that
// is open, and then for as long as the machine runs.
func (m *machine) hotplug(events *uevent.Listener, l *modules.Loader) {
	for range maxPendingBatches {
		b, err := events.Pending()
		if err != nil || b.Empty() {
			break // an error is reported by the next read
		}
		l.Plug(b, sys, m.logModule)
	}
	guard.Go("hotplug", func() {
		err := modules.Hotplug(events, modules.OpenLoader, sys, m.logModule)
		m.logError(err, "modules of hotplugged devices")
	})
}

// logModule logs a module that failed to load. A missing device is normal: drivers of processors
// are tried without detection.
func (m *machine) logModule(err error) {
	switch {
	case err == nil:
	case errors.Is(err, unix.ENODEV):
		m.console.Log(console.Debug, err.Error())
	default:
		m.console.Log(console.Warn, err.Error())
	}
}
