package modules

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Bounds of a look at all devices.
const (
	maxDevices = 1 << 16
	maxAlias   = 4096
)

// Coldplug loads the modules for all devices that the kernel shows below sys (/sys), and
// reports whether there were any that it had not seen. Each device is asked for once, and
// what fails is told to report. A driver makes new devices appear (virtio_pci those of
// virtio): the kernel's events tell of them, and so does another look.
func (l *Loader) Coldplug(sys string, report func(error)) (found bool) {
	eachAlias(sys, func(alias string) {
		if !l.asked[alias] {
			found = true
			l.device(alias, report)
		}
	})
	return found
}

// classes are those whose devices have a modalias though they are on no bus: the board and
// its firmware (drivers/firmware/dmi-id.c) and what a driver has to hear keys and movements
// from (drivers/input/input.c). All classes together have some hundred devices, terminals
// above all.
var classes = []string{"dmi", "input"}

// eachAlias calls fn with the content of every modalias file. Who has one is a device of
// a bus or of few classes, but for the processors, which have one together: the tree of all
// devices has ten times as many directories (Documentation/admin-guide/sysfs-rules.rst).
// What cannot be read has gone meanwhile, or tells nothing.
func eachAlias(sys string, fn func(alias string)) {
	left := maxDevices
	ask := func(device string) {
		if left--; left < 0 {
			return
		}
		if alias, err := file.Text(device+"/modalias", maxAlias); err == nil && len(alias) > 1 {
			fn(strings.TrimSuffix(alias, "\n"))
		}
	}
	ask(sys + "/devices/system/cpu")
	eachIn(sys+"/bus", func(bus string) { eachIn(bus+"/devices", ask) })
	for _, class := range classes {
		eachIn(sys+"/class/"+class, ask)
	}
}

func eachIn(dir string, fn func(path string)) {
	file.Dir(dir, func(name string, _ bool) { fn(dir + "/" + name) })
}
