package pid1

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/early"
	"github.com/org/linuxkit-action/internal/pid1/modules"
)

// wanted are modules that PID 1 and runc need but no device asks for.
var wanted = []string{"overlay", "button", "evdev", "af_packet"}

// loadModules loads what devices ask for and what is needed besides. A kernel
// with everything built in has no modules, and that is fine.
func (m *machine) loadModules() {
	index, err := modules.Open(modules.Release())
	if index == nil {
		m.console.Log(console.Warn, "no modules are loaded: "+err.Error())
		return
	}
	m.note(err, "the modules it lists")
	l := modules.NewLoader(index)
	for _, name := range wanted {
		m.noteModule(l.Load(name))
	}
	l.Coldplug("/sys/devices", m.noteModule)
	m.console.Log(console.Debug, strconv.Itoa(l.Count())+" modules loaded")
	for _, s := range early.Optionals() {
		if s.Wanted() && l.Load("fs-"+s.Type) == nil {
			m.note(s.Do(), s.Lost())
		}
	}
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
