package modules

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Bounds of one scan of all devices.
const (
	maxDevices = 1 << 16
	maxAlias   = 4096
)

// Coldplug loads the modules for all devices below sys (/sys), and reports whether there
// was one that it had not seen before. Errors are passed to report. A driver can create
// further devices (virtio_pci creates those of virtio): uevents announce them, and
// another Coldplug finds them as well.
func (l *Loader) Coldplug(sys string, report func(error)) (found bool) {
	eachAlias(sys, func(alias string) {
		if !l.requested[alias] {
			found = true
			l.device(alias, report)
		}
	})
	return found
}

// classes are the device classes whose devices have a modalias without being on a bus: the
// mainboard and its firmware (drivers/firmware/dmi-id.c) and input devices
// (drivers/input/input.c). Scanning all classes would read some hundred devices, most of
// them terminals.
var classes = []string{"dmi", "input"}

// eachAlias calls fn with the content of every modalias file, of at most maxDevices
// devices: those of the buses and of a few classes, and the one that all processors share.
// The tree of all devices has ten times as many directories
// (Documentation/admin-guide/sysfs-rules.rst). Files that cannot be read are skipped: the
// device may have gone.
func eachAlias(sys string, fn func(alias string)) {
	left := maxDevices
	read := func(device string) {
		if left--; left < 0 {
			return
		}
		if alias, err := file.Text(device+"/modalias", maxAlias); err == nil && len(alias) > 1 {
			fn(strings.TrimSuffix(alias, "\n"))
		}
	}
	read(sys + "/devices/system/cpu")
	eachIn(sys+"/bus", func(bus string) { eachIn(bus+"/devices", read) })
	for _, class := range classes {
		eachIn(sys+"/class/"+class, read)
	}
}

func eachIn(dir string, fn func(path string)) {
	file.Dir(dir, func(name string, _ bool) { fn(dir + "/" + name) })
}
