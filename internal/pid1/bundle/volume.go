package bundle

import (
	"os"
	"path/filepath"
)

// PrepareVolume mounts the overlay of the volume in dir, so that containers can
// bind its directory "merged": what LinuxKit's 005-volumes does for each.
func PrepareVolume(dir string) error {
	tmp := filepath.Join(dir, "tmp")
	upper, work := filepath.Join(tmp, "upper"), filepath.Join(tmp, "work")
	scratch := newMount("tmpfs", "tmpfs", tmp, nil)
	if err := scratch.Do(); err != nil {
		return err
	}
	options := []string{"lowerdir=" + filepath.Join(dir, "lower"), "upperdir=" + upper, "workdir=" + work}
	return newMount("overlay", "overlay", filepath.Join(dir, "merged"), options).Do()
}

// Bind binds the namespaces of a process to the paths that the bundle asks for.
func (b *Bundle) Bind(pid string) error {
	for _, ns := range b.BindNS {
		if err := touch(ns.Path); err != nil {
			return err
		}
		m := newMount("", "/proc/"+pid+"/ns/"+ns.Namespace, ns.Path, []string{"bind"})
		if err := m.call(m.Flags); err != nil {
			return err
		}
	}
	return nil
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
