package modules

import "strings"

// patient reports whether a module may wait until the machine is up: a cipher or digest
// made for this processor, or a way to slow it down. Loading a cipher tests it, and all
// of them take longer than all drivers of devices together. The kernel has each in plain
// code as well.
func patient(alias, path string) bool {
	if !strings.HasPrefix(alias, "cpu:") && !strings.HasPrefix(alias, "acpi:") {
		return false
	}
	return strings.Contains(path, "/cpufreq/") || strings.Contains(path, "/crypto/") && !strings.HasPrefix(Name(path), "crc")
}

// postpone notes a module that may wait.
func (l *Loader) postpone(alias, module string) bool {
	files := l.index.files(module)
	if len(files) == 0 || !patient(alias, files[0]) {
		return false
	}
	l.later = append(l.later, module)
	return true
}

// Later returns the modules that were asked for and may wait, and forgets them.
func (l *Loader) Later() []string {
	later := l.later
	l.later = nil
	return later
}
