package bundle

import (
	"os"
	"path/filepath"
	"strconv"
)

// Attaches reports whether Attach has anything to do.
func (b *Bundle) Attaches() bool { return len(b.Interfaces) > 0 || len(b.BindNS) > 0 }

// Attach opens the bundle in dir and attaches the container whose first process is pid.
func Attach(dir string, pid int) error {
	b, err := Open(dir)
	if err != nil {
		return err
	}
	return b.Attach(pid)
}

// Attach does what must happen between the creation of a container and the start of its program: it
// moves network interfaces into the container, in order, and bind mounts its namespaces to the
// paths of runtime.json.
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
