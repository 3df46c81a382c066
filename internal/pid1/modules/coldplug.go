package modules

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Bounds of a walk through /sys/devices. A driver makes new devices appear
// (virtio_pci those of virtio), hence the rounds.
const (
	maxDepth   = 24
	maxDevices = 1 << 16
	maxRounds  = 8
	maxAlias   = 4096
)

// Coldplug loads the modules for all devices below dir (/sys/devices), and for
// those that appear by that, until there is nothing new. Each device is asked
// for once, and what fails is told to report.
func (l *Loader) Coldplug(dir string, report func(error)) {
	for range maxRounds {
		found := 0
		left := maxDevices
		walk(dir, maxDepth, &left, func(alias string) {
			if l.asked[alias] {
				return
			}
			found++
			l.device(alias, report)
		})
		if found == 0 {
			return
		}
	}
}

// walk calls fn with the content of every modalias file. What cannot be read
// has gone meanwhile, or tells nothing.
func walk(dir string, depth int, left *int, fn func(alias string)) {
	if depth == 0 {
		return
	}
	file.Dir(dir, func(name string, isDir bool) {
		switch {
		case *left <= 0:
		case isDir:
			*left--
			walk(dir+"/"+name, depth-1, left, fn)
		case name == "modalias":
			if alias, err := file.Text(dir+"/"+name, maxAlias); err == nil && len(alias) > 1 {
				fn(strings.TrimSuffix(alias, "\n"))
			}
		}
	})
}
