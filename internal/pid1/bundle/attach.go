package bundle

import (
	"os"
	"path/filepath"
	"strconv"
)

// Attaches reports whether there is anything for Attach to do.
func (b *Bundle) Attaches() bool { return len(b.Interfaces) > 0 || len(b.BindNS) > 0 }

// Attach does it for the bundle in dir.
func Attach(dir string, pid int) error {
	b, err := Open(dir)
	if err != nil {
		return err
	}
	return b.Attach(pid)
}

// Attach does what needs the container's process, between its making and the
// start of its program: it gives it the network interfaces, in their order, and
// binds its namespaces to the paths that the bundle asks for.
func (b *Bundle) Attach(pid int) error {
	for _, i := range b.Interfaces {
		if err := i.Attach(pid); err != nil {
			return err
		}
	}
	for _, ns := range b.BindNS {
		if err := ns.bind(pid); err != nil {
			return err
		}
	}
	return nil
}

func (ns BindNS) bind(pid int) error {
	if err := touch(ns.Path); err != nil {
		return err
	}
	m := NewMount("", "/proc/"+strconv.Itoa(pid)+"/ns/"+ns.Namespace, ns.Path, []string{"bind"})
	return m.call(m.Flags)
}

func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
