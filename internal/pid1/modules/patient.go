package modules

import "strings"

// patient reports whether a module may wait until the machine is up: a cipher made for
// this processor. Loading one tests it, and all of them take longer than all drivers of
// devices together. The kernel has each cipher in plain code as well. Digests are tested
// fast, and dm-verity may want them early.
func patient(alias, path string) bool {
	name := Name(path)
	return strings.HasPrefix(alias, "cpu:") && strings.Contains(path, "/crypto/") &&
		!strings.HasPrefix(name, "crc") && !strings.HasPrefix(name, "sha")
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
