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

// wanted are modules that PID 1 and runc need but no device asks for.
var wanted = []string{"overlay", "button", "evdev", "af_packet"}

// sys is where the kernel shows what there is.
const sys = "/sys"

// loadModules loads what devices ask for and what is needed besides. A kernel
// with everything built in has no modules, and that is fine.
func (m *machine) loadModules() {
	index, err := modules.Open(modules.Release())
	if index == nil {
		m.console.Log(console.Warn, "no modules are loaded: "+err.Error())
		return
	}
	m.note(err, "the modules it lists")
	events, err := uevent.Listen() // from before the look at the devices, so that none is missed
	m.note(err, "modules of devices that appear later")
	l := modules.NewLoader(index)
	for _, name := range wanted {
		m.noteModule(l.Load(name))
	}
	for range maxLooks {
		if news := l.Coldplug(sys, m.noteModule); !news || events != nil {
			break
		}
	}
	m.ciphers(l)
	if events != nil {
		m.hotplug(events, l)
	}
	m.console.Log(console.Debug, strconv.Itoa(l.Count())+" modules loaded")
	for _, s := range early.Optionals() {
		if s.NeedsModule() && l.Load("fs-"+s.Type) == nil {
			m.note(s.Do(), s.Impact())
		}
	}
}

// ciphers loads the modules for this processor now, where an onboot container may set up
// encrypted disks, and else when the services are up.
func (m *machine) ciphers(l *modules.Loader) {
	later := l.Deferred()
	if !disksAtOnboot() {
		m.loop.Post(func() { m.later = later })
		return
	}
	for _, name := range later {
		m.noteModule(l.Load(name))
	}
}

// disksAtOnboot reports whether an onboot container may manage disks. One that cannot be
// read does not run either, which is told then.
func disksAtOnboot() bool {
	ids, err := bundle.List(bundle.Onboot)
	return err != nil || slices.ContainsFunc(ids, func(id string) bool {
		c, err := bundle.ReadConfig(filepath.Join(bundle.Onboot, id))
		return err == nil && c.ManagesDisks()
	})
}

// loadLater loads what has waited for the services. It is called on the loop.
func (m *machine) loadLater() {
	later := m.later
	m.later = nil
	if len(later) == 0 || m.ending != nil {
		return
	}
	guard.Go("ciphers", func() {
		l, err := modules.OpenLoader()
		if l == nil {
			m.note(err, "the processor's own ciphers")
			return
		}
		for _, name := range later {
			m.noteModule(l.Load(name))
		}
	})
}

// maxLooks bounds how often to look for devices that drivers have made, where there are no
// events that tell of them.
const maxLooks = 8

// catchUp bounds how many batches of events may have come during the look.
const catchUp = 32

// hotplug loads what has appeared meanwhile, with the index there is, and then
// listens for as long as the machine runs.
func (m *machine) hotplug(events *uevent.Listener, l *modules.Loader) {
	for range catchUp {
		b, err := events.Pending()
		if err != nil || b.Empty() {
			break // an error comes again, and is told then
		}
		l.Plug(b, sys, m.noteModule)
	}
	guard.Go("hotplug", func() {
		err := modules.Hotplug(events, modules.OpenLoader, sys, m.noteModule)
		m.note(err, "modules of devices that appear from now on")
	})
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
